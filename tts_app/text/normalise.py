"""Clean a text of what nobody can speak: engines see letters, digits, punctuation, single spaces."""

import re
import unicodedata

# Controls, formats (bidi marks, zero-width characters), surrogates, private use, unassigned; emoji and other
# pictures; marks that only change how an emoji looks.
_DROPPED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "So", "Sk"})
_DROPPED = re.compile("[\ufe00-\ufe0f\u20e3\U0001f3fb-\U0001f3ff]")
_SPOKEN_SYMBOLS = {"°": "度", "℃": "摄氏度", "℉": "华氏度", "№": "No."}
_SPACES = re.compile(r"[^\S\n]+")
_LINES = re.compile(r" *\n[\s]*")
_RUNS = re.compile(r"([^\w\s.])\1{3,}")  # !!!!!!! says no more than !!!
_DOTS = re.compile(r"\.{4,}")
_MARKS_KEPT = 2  # combining marks on one letter; more is decoration


def normalise(text: str) -> str:
    """Return `text` in compatible form (NFKC), without emoji, controls or invisible characters.

    Line ends stay, as one newline each: they end sentences. The result can be empty.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    for symbol, word in _SPOKEN_SYMBOLS.items():
        text = text.replace(symbol, word)
    text = "".join(_kept(c) for c in _limit_marks(_compatible(text)))
    text = _RUNS.sub(r"\1\1\1", _DOTS.sub("...", text))
    return _LINES.sub("\n", _SPACES.sub(" ", text)).strip()


def _compatible(text: str) -> str:
    """Return full-width letters and digits as plain ones; keep Chinese punctuation as it is."""
    return "".join(
        c if c in "，。！？；：（）、…～" else unicodedata.normalize("NFKC", c) for c in _composed(text)
    )


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _kept(char: str) -> str:
    if char == "\n":
        return char
    if char == "\t":
        return " "
    if unicodedata.category(char) in _DROPPED_CATEGORIES or _DROPPED.match(char):
        return ""
    return char


def _limit_marks(text: str) -> str:
    kept: list[str] = []
    run = 0
    for char in text:
        run = run + 1 if unicodedata.category(char) in {"Mn", "Me"} else 0
        if run <= _MARKS_KEPT:
            kept.append(char)
    return "".join(kept)
