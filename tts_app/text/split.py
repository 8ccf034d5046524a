"""Cut a text into pieces that an engine can speak in one go.

The measure is weighted units as GLM-TTS counts them: a Chinese character or digit is 1, an English word 0.7
per syllable. GLM-TTS's own splitter crashes on a long English sentence without commas: it must never see one.
"""

import re
from collections.abc import Iterator

from tts_app.text.check import speakable

MAX_UNITS = 60.0
_SENTENCE = re.compile(r"(?<=[。！？!?；;…\n])|(?<=[.](?=\s))")
_CLAUSE = re.compile(r"(?<=[，,、：:—])")
_WORD = re.compile(r"(?<=\s)")
_TOKEN = re.compile(r"[A-Za-zÀ-ɏ]+|[0-9]|[^\sA-Za-zÀ-ɏ0-9]")
_VOWELS = re.compile(r"[aeiouyàáâãäåèéêëìíîïòóôõöùúûüý]+", re.IGNORECASE)
_SYLLABLE_UNITS = 0.7


def units(text: str) -> float:
    """Return how much `text` weighs. Errs on the heavy side: long consonant runs count as syllables too."""
    return sum(_weight(token) for token in _TOKEN.findall(text))


def _weight(token: str) -> float:
    if (token[0].isascii() and token[0].isalpha()) or "À" <= token[0] <= "ɏ":
        syllables = max(len(_VOWELS.findall(token)), len(token) / 4, 1)
        return max(_SYLLABLE_UNITS * syllables, len(token) * 0.3 if token.isupper() else 0)
    return 1.0 if speakable(token) else 0.0


def split(text: str, max_units: float = MAX_UNITS) -> list[str]:
    """Return `text` in pieces of at most `max_units`, cut at sentence ends, else clauses, words, characters.

    Short sentences are joined while they fit. No speakable character is lost or repeated, and every
    piece holds at least one; a text with nothing to speak gives no piece.
    """
    pieces: list[str] = []
    current, carried = "", 0.0
    for part in _parts(text, (_SENTENCE, _CLAUSE, _WORD), max_units):
        weight = units(part)
        if current and carried + weight > max_units:
            pieces.append(current)
            current, carried = "", 0.0
        current += part
        carried += weight
    pieces.append(current)
    return _only_speakable(pieces)


def _parts(text: str, cuts: tuple[re.Pattern[str], ...], max_units: float) -> Iterator[str]:
    """Yield parts that fit, cutting finer only where a part is too heavy."""
    if units(text) <= max_units and (len(cuts) < 3 or not _SENTENCE.search(text)):
        yield text
    elif not cuts:
        yield from _hard(text, max_units)
    else:
        for part in cuts[0].split(text):
            if part:
                yield from _parts(part, cuts[1:], max_units)


def _hard(text: str, max_units: float) -> Iterator[str]:
    """Yield `text` cut between characters: the last resort, for one endless word."""
    current = ""
    for char in text:
        # A character without weight always fits: to weigh all again for each takes the square of their number.
        if current and units(char) and units(current + char) > max_units:
            yield current
            current = ""
        current += char
    yield current


def _only_speakable(pieces: list[str]) -> list[str]:
    """Join pieces of mere punctuation to the one before, and tidy."""
    joined: list[str] = []
    for piece in pieces:
        tidy = " ".join(piece.split())
        if speakable(tidy):
            joined.append(tidy)
        elif joined:
            joined[-1] += tidy
    return joined
