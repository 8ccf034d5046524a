"""Reference recordings for a batch, read by the service's own safe reader."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tts_app.audio.reference import read
from tts_app.batch.preflight import Hint, Probe
from tts_app.batch.runner import ReadReference
from tts_app.engines.base import Reference
from tts_app.settings import Settings


def probe(settings: Settings) -> Probe:
    """Return what decodes a recording and tells what is poor about it."""

    def look(path: Path) -> Sequence[Hint]:
        found = read(path, "", strict=settings.strict_reference)
        return [Hint(advice.en, advice.zh) for advice in found.advice]

    return look


def read_reference(settings: Settings) -> ReadReference:
    """Return what decodes a recording for the engine."""

    def load(path: Path, transcript: str) -> Reference:
        return read(path, transcript, strict=settings.strict_reference).reference

    return load
