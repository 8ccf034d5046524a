"""Checks of a request's numbers and voice that every engine makes the same way."""

from collections.abc import Sequence

from tts_app.engines.base import SpeechRequest, Voice
from tts_app.errors import BadRequest

SPEEDS = (0.5, 2.0)


def check_rate(rate: int, offered: Sequence[int]) -> None:
    """Raise BadRequest unless the engine offers this sample rate, in Hz."""
    if rate not in offered:
        choice = " / ".join(str(offer) for offer in offered)
        raise BadRequest(
            "sample_rate", f"{rate} Hz is not offered", f"不支持采样率 {rate} Hz",
            f"Use {choice}.", fix_zh=f"请使用 {choice}。",
        )  # fmt: skip


def check_speed(request: SpeechRequest, allowed: tuple[float, float] = SPEEDS) -> None:
    """Raise BadRequest unless the speed is in the allowed range."""
    low, high = allowed
    if low <= request.speed <= high:
        return
    fix = ("Leave it out or use 1.", "请不要填写，或填 1。") if low == high else (
        f"Use a value from {low} to {high}.", f"请使用 {low} 到 {high} 之间的值。"
    )  # fmt: skip
    raise BadRequest(
        "speed", f"speed {request.speed} is not offered", f"不支持语速 {request.speed}", fix[0], fix_zh=fix[1]
    )


def check_voice(voice: str, offered: Sequence[Voice]) -> str:
    """Return `voice`. Raises BadRequest when the engine has no such voice."""
    known = [offer.id for offer in offered]
    if voice not in known:
        raise BadRequest(
            "voice", f"there is no voice {voice[:40]!r}", f"没有名为 {voice[:40]!r} 的音色",
            f"Use one of {', '.join(known)}.", fix_zh=f"可用音色：{'、'.join(known)}。",
        )  # fmt: skip
    return voice
