"""What batches need of the app around them, and what they refuse with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tts_app.batch.estimate import Limits, Machine
from tts_app.batch.paths import AudioDirs
from tts_app.batch.preflight import Context, Preflight, Probe
from tts_app.batch.runner import ReadReference
from tts_app.batch.speak import SpeechTaker
from tts_app.batch.tasks import EngineFacts
from tts_app.errors import BadRequest


class BatchRefused(BadRequest):
    """The file can't be run; `preflight` tells every line's trouble."""

    def __init__(self, preflight: Preflight) -> None:
        first = preflight.errors[0]
        super().__init__("tasks", *first.sentences(), "")
        self.preflight = preflight


class UnknownBatch(BadRequest):
    """There is no such batch, or it is not this owner's, or it is gone already."""

    def __init__(self) -> None:
        super().__init__("batch", "no such batch", "没有这个批次", "Check the id.", fix_zh="请检查批次编号。")


@dataclass(frozen=True)
class Surroundings:
    """What the service needs of the rest of the app."""

    engine: Callable[[], EngineFacts]
    speech: SpeechTaker
    probe: Probe
    read_reference: ReadReference
    machine: Callable[[Path, Path], Machine]
    limits: Limits
    audio_dirs: tuple[Path, ...]
    default_voice: str | None
    longest_wait_s: float  # for one item, with everybody who waits before it

    def context(self, audio: Path, machine: Machine) -> Context:
        """Return what a check rests on; `audio` is the folder of the batch's own recordings."""
        dirs = AudioDirs((audio, *self.audio_dirs))
        return Context(self.engine(), dirs, self.probe, machine, self.limits, self.default_voice)
