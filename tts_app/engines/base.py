"""What every speech engine offers, whether it runs in this process, in another one or on another machine.

The rest of the service knows engines only through these types.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
PieceCallback = Callable[[int, int], None]  # (pieces done, pieces in all)
CancelCheck = Callable[[], bool]  # True once nobody wants the result any more


@dataclass(frozen=True)
class Reference:
    """A recording of the voice to imitate, and what is said in it."""

    samples: Samples  # float32, mono, in [-1, 1]
    sample_rate: int  # Hz
    transcript: str


@dataclass(frozen=True)
class SpeechRequest:
    """One text to speak."""

    text: str
    sample_rate: int = 24000  # Hz, of the wanted result
    voice: str | None = None  # id of one of the engine's voices(); None: the engine's default
    seed: int = 42  # for engines that sample; the embedded one does not
    reference: Reference | None = None  # only for engines whose status says clones_voices
    speed: float = 1.0  # 0.5 is half as fast, 2.0 twice


@dataclass(frozen=True)
class Speech:
    """What was spoken."""

    samples: Samples  # float32, mono, in [-1, 1]
    sample_rate: int  # Hz
    resampled: bool  # True: not the engine's native rate
    pieces: int  # into how many pieces the text was cut
    spoken_by: str | None = None  # name of the engine, where another than the chosen one had to speak

    @property
    def duration_s(self) -> float:
        """Return the length in seconds."""
        return len(self.samples) / self.sample_rate


@dataclass(frozen=True)
class Voice:
    """A voice the engine can speak with."""

    id: str
    language: str  # "zh", "en" or "multi"
    name_en: str
    name_zh: str
    preset: bool = True  # False: imitates the reference recording


@dataclass(frozen=True)
class MemoryReport:
    """What clearing memory did, in MB (10^6 bytes)."""

    before_mb: float
    after_mb: float
    kind: str  # "rss": the process's resident memory; "cuda": device memory
    still_loaded: bool  # True: the model stayed in memory

    @property
    def freed_mb(self) -> float:
        """Return how much was given back; negative when memory grew meanwhile."""
        return round(self.before_mb - self.after_mb, 1)


@dataclass(frozen=True)
class EngineStatus:
    """How an engine is, for people and for metrics. Cheap: never asks the model."""

    name: str
    loaded: bool
    clones_voices: bool
    sample_rates: tuple[int, ...]  # Hz, those a request may ask for; the first is native
    memory_mb: float | None  # MB; None: unknown
    memory_kind: str  # "rss" or "cuda"
    worker_restarts: Mapping[str, int] = field(default_factory=dict)  # reason -> how often
    detail: str = ""


class Engine(Protocol):
    """A speech engine. One call at a time: the caller serializes synthesize and clear_memory."""

    @property
    def name(self) -> str:
        """Return the engine's name as settings spell it."""

    def load(self) -> None:
        """Make the engine ready to speak; harmless when it is already. Raises LoadFailed, OutOfMemory."""

    def unload(self) -> None:
        """Give everything back: the model, and the worker process if there is one. Never raises."""

    def clear_memory(self) -> MemoryReport:
        """Give back what can be given back. The next synthesize loads again by itself if need be."""

    def synthesize(
        self,
        request: SpeechRequest,
        *,
        on_piece: PieceCallback | None = None,
        cancelled: CancelCheck | None = None,
    ) -> Speech:
        """Speak `request.text`, loading first if need be.

        Raises BadRequest (this text or voice can't be spoken), Cancelled, and EngineError's kinds:
        OutOfMemory, ContextDead, EngineStuck, LoadFailed. After any of them the engine may be called
        again: it has restarted its worker, or says plainly that it can't.
        """

    def status(self) -> EngineStatus:
        """Return how the engine is. May be called from any thread, also during synthesize."""

    def voices(self) -> tuple[Voice, ...]:
        """Return the voices a request may name; the first is the default."""
