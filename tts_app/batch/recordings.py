"""Reference recordings for a batch, read by the service's own safe reader."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tts_app.audio.reference import MAX_BYTES, Recording, read_recording
from tts_app.batch.preflight import Hint, Probe
from tts_app.batch.runner import ReadReference
from tts_app.engines.base import Reference
from tts_app.settings import Settings


def probe(settings: Settings) -> Probe:
    """Return what decodes a recording and tells what is poor about it."""

    def look(path: Path) -> Sequence[Hint]:
        found = _read(path, settings)
        return [Hint(weak.message_en, weak.message_zh) for weak in found.warnings]

    return look


def read_reference(settings: Settings) -> ReadReference:
    """Return what decodes a recording for the engine."""

    def load(path: Path, transcript: str) -> Reference:
        return _read(path, settings).reference(transcript)

    return load


def _read(path: Path, settings: Settings) -> Recording:
    """Decode a recording. Raises OSError as it is (operators look for FileNotFoundError), BadRequest."""
    with path.open("rb") as audio:
        content = audio.read(MAX_BYTES + 1)
    return read_recording(content, strict=settings.strict_reference, field="prompt_audio")
