"""What a caller sent, checked and turned into a SpeechRequest."""

from tts_app.engines.base import Engine, Reference, SpeechRequest
from tts_app.errors import BadRequest
from tts_app.text.check import prepare

# Clients written for OpenAI must name one of these; an engine without it speaks in its default voice.
OPENAI_VOICES = frozenset(
    {"alloy", "ash", "ballad", "cedar", "coral", "default", "echo", "fable"}
    | {"marin", "nova", "onyx", "sage", "shimmer", "verse"}
)


def speech_request(
    engine: Engine,
    *,
    text: str,
    max_chars: int,
    voice: str | None = None,
    sample_rate: int = 24000,
    seed: int = 42,
    speed: float = 1.0,
    reference: Reference | None = None,
    text_field: str = "text",
) -> SpeechRequest:
    """Return the request, or raise BadRequest naming field and fix."""
    return SpeechRequest(
        text=prepare(text, max_chars=max_chars, field=text_field),
        sample_rate=check_rate(engine, sample_rate),
        voice=check_voice(engine, voice),
        seed=seed,
        speed=speed,
        reference=reference,
    )


def check_voice(engine: Engine, voice: str | None) -> str | None:
    """Return the voice to use, None for the engine's default."""
    known = [v.id for v in engine.voices()]
    if not voice or (voice in OPENAI_VOICES and voice not in known):
        return None
    if voice not in known:
        shown = ", ".join(known)
        raise BadRequest(
            "voice",
            f"{voice[:40]!r} is no voice of this engine",
            f"没有 {voice[:40]!r} 这个音色",
            f"Use one of {shown}.",
            fix_zh=f"请使用 {shown} 之一。",
        )
    return voice


def check_rate(engine: Engine, sample_rate: int) -> int:
    """Return the sample rate when the engine offers it."""
    rates = engine.status().sample_rates
    if sample_rate not in rates:
        shown = ", ".join(map(str, rates))
        raise BadRequest(
            "sample_rate",
            f"{sample_rate} Hz is not offered",
            f"不支持 {sample_rate} Hz",
            f"Use one of {shown}.",
            fix_zh=f"请使用 {shown} 之一。",
        )
    return sample_rate
