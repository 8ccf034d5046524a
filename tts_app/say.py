"""`say`: one text into one wav file, without a server."""

import contextlib
import tempfile
from pathlib import Path

from tts_app.engines import make_engine
from tts_app.settings import Settings
from tts_app.web.encode import encode
from tts_app.web.requests import speech_request


def say(
    settings: Settings, *, text: str, out: Path, voice: str | None, sample_rate: int, speed: float
) -> int:
    """Write the wav file whole or not at all; return exit status 0. Raises TtsError."""
    engine = make_engine(settings)
    try:
        engine.load()
        request = speech_request(
            engine,
            text=text,
            max_chars=settings.max_chars,
            voice=voice,
            sample_rate=sample_rate,
            speed=speed,
        )
        speech = engine.synthesize(request)
    finally:
        engine.unload()
    _write_whole(out, encode(speech, "wav"))
    note = " (resampled)" if speech.resampled else ""
    print(f"{out}: {speech.duration_s:.2f} s at {speech.sample_rate} Hz{note}")
    return 0


def _write_whole(out: Path, content: bytes) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=out.parent, suffix=".part", delete=False) as part:
        temporary = Path(part.name)
        try:
            part.write(content)
            part.flush()
            temporary.replace(out)
        finally:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
