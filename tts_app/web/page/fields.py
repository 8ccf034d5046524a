"""What the page's fields hold, as plain values. A browser may send anything, whatever the page would let through."""

import math
from dataclasses import dataclass

from tts_app.errors import BadRequest
from tts_app.text.check import speakable
from tts_app.text.normalise import normalise

DEFAULT_SEED = 42
MAX_SEED = 2**32 - 1
PART_SEPARATOR = "\n\n"


@dataclass(frozen=True)
class Sent:
    """What the speak tab's fields hold, as a browser sent it; judged by what follows."""

    text: str
    voice: object
    rate: object  # Hz
    seed: object
    speed: object
    audio: str | None  # path of the uploaded recording
    transcript: str


def length_of(text: str) -> int:
    """Return how many characters all parts have together; cheap, so that it can be judged before any work."""
    # A part and its blank line have three characters or more: blank lines alone are too long as well.
    return max(len(text.replace(PART_SEPARATOR, "")), len(text) // 3)


def parts_of(text: str) -> list[str]:
    """Return the parts that a blank line separates and that hold speech; the text itself when none does."""
    return [part for part in filter(None, text.split(PART_SEPARATOR)) if speakable(normalise(part))] or [text]


def checked_parts(text: str, *, max_chars: int) -> list[str]:
    """Return the parts of a text. Raises BadRequest when they are longer than `max_chars` together."""
    if (count := length_of(text)) > max_chars:
        raise BadRequest(
            "text",
            f"the text has {count} characters, the limit is {max_chars}",
            f"文本有 {count} 个字符，上限为 {max_chars}",
            "Shorten it, or use the batch tab.",
            fix_zh="请缩短，或使用批量页。",
        )
    return parts_of(text)


def name_of(value: object, field: str) -> str:
    """Return `value` as a text, empty where nothing is chosen. Raises BadRequest naming `field`."""
    if value is not None and not isinstance(value, str):
        raise BadRequest(
            field, f"{field}: no name is chosen", f"{field}：未选择名称",
            "Choose one of the values on the page.", fix_zh="请在页面上选择一个值。",
        )  # fmt: skip
    return value or ""


def whole_number(value: object, field: str) -> int:
    """Return `value` as an int. Raises BadRequest naming `field`."""
    return int(number(value, field))


def number(value: object, field: str) -> float:
    """Return `value` as a finite float. Raises BadRequest naming `field`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadRequest(
            field, f"{field}: no number is chosen", f"{field}：未选择数值",
            "Choose one of the values on the page.", fix_zh="请在页面上选择一个值。",
        )  # fmt: skip
    return float(value)


def seed_of(value: object) -> int:
    """Return the seed; the default when the field is empty. Raises BadRequest."""
    seed = DEFAULT_SEED if value is None else whole_number(value, "seed")
    if not 0 <= seed <= MAX_SEED:
        raise BadRequest(
            "seed", "the seed is out of range", "随机种子超出范围",
            f"Use a whole number from 0 to {MAX_SEED}.", fix_zh=f"请使用 0 到 {MAX_SEED} 之间的整数。",
        )  # fmt: skip
    return seed
