"""Chinese, English and mixed text to Kokoro's phoneme alphabet, with data from packages alone."""

import contextlib
import logging
import re
import warnings
from pathlib import Path

from tts_app.text.numbers_zh import read_numbers

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # jieba imports pkg_resources and has invalid escapes
    import jieba
    from misaki.zh import ZHG2P
    from pypinyin import Style, lazy_pinyin

from hibari.g2p import G2P  # type: ignore[import-untyped]  # it ships no types

_HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_HAS_HAN = re.compile(f"[{_HAN}]")
_LATIN = r"[A-Za-zÀ-ɏ][A-Za-zÀ-ɏ0-9'’\-]*"
_SEGMENT = re.compile(
    rf"([{_HAN}]+)|({_LATIN}(?: {_LATIN}|(?: \d+(?:\.\d+)?\b))*|\d+[A-Za-z]+)|([^{_HAN}A-Za-zÀ-ɏ])"
)
_PUNCTUATION = str.maketrans(
    dict.fromkeys("，、", ", ") | dict.fromkeys("。．", ". ")
    | {"！": "! ", "？": "? ", "：": ": ", "；": "; ", "～": " "}
    | dict.fromkeys("《「『【", " “") | dict.fromkeys("》」』】", "” ") | {"（": " (", "）": ") "}
)  # fmt: skip


def is_chinese(text: str) -> bool:
    """Return whether the text holds at least one Chinese character."""
    return _HAS_HAN.search(text) is not None


class Phonemizer:
    """Holds the dictionaries (about 150 MB, 2 s to load); dropping the object frees them."""

    def __init__(self, cache_dir: Path) -> None:
        """Load the dictionaries. jieba caches its table in `cache_dir`, which only we may write to."""
        with contextlib.suppress(OSError):  # on a full disk jieba does without, 1 s slower
            cache_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        jieba.setLogLevel(logging.CRITICAL)
        self._words = jieba.Tokenizer()
        self._words.tmp_dir = str(cache_dir)
        self._english = G2P()
        self._words.initialize()

    def __call__(self, text: str) -> str:
        """Return the phonemes of `text`; what neither language knows is left out."""
        if not is_chinese(text):
            return str(self._english(text.translate(_PUNCTUATION)))
        phonemes = [self._segment(*m.groups()) for m in _SEGMENT.finditer(read_numbers(text))]
        return re.sub(r" {2,}", " ", "".join(phonemes)).strip()

    def _segment(self, han: str | None, latin: str | None, other: str | None) -> str:
        if han:
            return " ".join(self._word(word) for word in self._words.lcut(han))
        if latin:
            return f" {self._english(latin)} "
        return (other or "").translate(_PUNCTUATION)

    @staticmethod
    def _word(word: str) -> str:
        pinyins = lazy_pinyin(word, style=Style.TONE3, neutral_tone_with_five=True, errors="ignore")
        return "".join(ZHG2P.py2ipa(pinyin) for pinyin in pinyins).replace(chr(815), "")
