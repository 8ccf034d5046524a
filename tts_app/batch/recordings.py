"""Reference recordings for a batch, read by the service's own safe reader."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from tts_app.audio.reference import MAX_BYTES, Recording, read_recording
from tts_app.batch.preflight import Hint, Probe
from tts_app.batch.runner import ReadReference
from tts_app.engines.base import Reference
from tts_app.settings import Settings

RECORDINGS_KEPT = 4  # decoded, of at most 6 MB each


def probe(settings: Settings) -> Probe:
    """Return what decodes a recording and tells what is poor about it."""

    def look(path: Path) -> Sequence[Hint]:
        found = _read(path, settings)
        return [Hint(weak.message_en, weak.message_zh) for weak in found.warnings]

    return look


def read_reference(settings: Settings) -> ReadReference:
    """Return what decodes a recording for the engine; those that many tasks share are decoded once."""

    @lru_cache(maxsize=RECORDINGS_KEPT)
    def decoded(path: Path, _version: tuple[int, ...]) -> Recording:
        return _read(path, settings)

    def load(path: Path, transcript: str) -> Reference:
        found = path.stat()
        version = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        return decoded(path, version).reference(transcript)

    return load


def _read(path: Path, settings: Settings) -> Recording:
    """Decode a recording. Raises OSError as it is (operators look for FileNotFoundError), BadRequest."""
    with path.open("rb") as audio:
        content = audio.read(MAX_BYTES + 1)
    return read_recording(content, strict=settings.strict_reference, field="prompt_audio")
