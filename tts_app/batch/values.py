"""The values of a line's fields: types, limits, and what makes each of them wrong."""

from __future__ import annotations

from collections.abc import Sequence

from tts_app.batch import names
from tts_app.batch.jsonl import KINDS
from tts_app.batch.problems import short
from tts_app.text.check import speakable
from tts_app.text.normalise import normalise

MAX_SEED = 2**32 - 1


class BadValue(Exception):
    """The value can't be used; `code` names the problem, `values` fill its sentences."""

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(code)
        self.code, self.values = code, values


def _string(value: object, limit: int) -> str:
    if not isinstance(value, str):
        raise BadValue("wrong_type", wanted_en="a string", wanted_zh="字符串", kind=_kind(value))
    if len(value) > limit:
        raise BadValue("too_long", count=len(value), limit=limit)
    if not value.strip():
        raise BadValue("empty")
    for char in value:
        if char == "\0" or "\ud800" <= char <= "\udfff":
            raise BadValue("bad_character", value=f"\\u{ord(char):04x}")
    return value


def spoken(value: object, limit: int) -> str:
    """Return a text of at most `limit` characters in which something can be spoken."""
    text = _string(value, limit)
    if not speakable(normalise(text)):
        raise BadValue("not_speakable")
    return text


def line_of_text(value: object, limit: int) -> str:
    """Return a text of at most `limit` printable characters."""
    text = _string(value, limit)
    for char in text:
        if not char.isprintable():
            raise BadValue("bad_character", value=f"\\u{ord(char):04x}")
    return text


def name(value: object) -> str:
    """Return the name of a result, safe as a file name and without .wav."""
    if not isinstance(value, str):
        raise BadValue("wrong_type", wanted_en="a string", wanted_zh="字符串", kind=_kind(value))
    tidy = names.tidy(value)
    if not value.strip():
        raise BadValue("empty")
    if not names.is_safe(tidy):
        raise BadValue("name_unsafe", value=short(value), suggestion=names.suggest(tidy))
    return tidy


def voice(value: object, voices: Sequence[str], *, more: bool) -> str:
    """Return the id of a voice; `more`: others than `voices` may be known elsewhere."""
    wanted = line_of_text(value, 200)
    if wanted not in voices and not more:
        raise BadValue("unknown_voice", value=short(wanted), choices=", ".join(voices) or "-")
    return wanted


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadValue("wrong_type", wanted_en="a whole number", wanted_zh="整数", kind=_kind(value))
    return value


def rate(value: object, offered: Sequence[int]) -> int:
    """Return a sample rate in Hz."""
    wanted = _whole(value)
    if wanted not in offered:
        raise BadValue("not_a_choice", value=wanted, choices=", ".join(map(str, offered)))
    return wanted


def seed(value: object) -> int:
    """Return a seed."""
    wanted = _whole(value)
    if not 0 <= wanted <= MAX_SEED:
        raise BadValue("out_of_range", value=wanted, low=0, high=MAX_SEED)
    return wanted


def speed(value: object, allowed: tuple[float, float]) -> float:
    """Return a pace; `allowed` is the slowest and the fastest."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadValue("wrong_type", wanted_en="a number", wanted_zh="数字", kind=_kind(value))
    low, high = allowed
    if not low <= value <= high:
        raise BadValue("out_of_range", value=short(value), low=low, high=high)
    return float(value)


def _kind(value: object) -> str:
    return "null" if value is None else KINDS[type(value)]
