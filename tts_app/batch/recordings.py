"""Reference recordings for a batch, read by the service's own safe reader."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tts_app.audio.reference import read_recording
from tts_app.batch.preflight import Hint, Probe
from tts_app.batch.runner import ReadReference
from tts_app.engines.base import Reference
from tts_app.settings import Settings


def probe(settings: Settings) -> Probe:
    """Return what decodes a recording and tells what is poor about it."""

    def look(path: Path) -> Sequence[Hint]:
        found = read_recording(path, strict=settings.strict_reference)
        return [Hint(weakness.message_en, weakness.message_zh) for weakness in found.warnings]

    return look


def read_reference(settings: Settings) -> ReadReference:
    """Return what decodes a recording for the engine."""

    def load(path: Path, transcript: str) -> Reference:
        return read_recording(path, strict=settings.strict_reference).reference(transcript)

    return load
