"""A speech engine that speaks a tone at once, and obeys the test that holds it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from tts_app.engines.base import EngineStatus, MemoryReport, Speech, SpeechRequest, Voice
from tts_app.errors import BadRequest, Cancelled

WAIT_S = 60.0  # a bound for slow machines, never a sleep


class FakeEngine:
    """Speaks 0.1 s of a tone per character. Set `errors` to raise, `hold()` to block, read `spoken`."""

    name = "fake"

    def __init__(self, *, seconds_per_char: float = 0.1, clones_voices: bool = False) -> None:
        self.seconds_per_char, self.clones_voices = seconds_per_char, clones_voices
        self.errors: dict[str, Exception] = {}  # text -> raised instead of speaking, every time
        self.next_errors: list[Exception] = []  # raised once each, first come first
        self.load_error: Exception | None = None
        self.spoken: list[SpeechRequest] = []
        self.loads = self.unloads = self.clears = 0
        self.loaded = False
        self.entered = threading.Event()  # a synthesis has begun
        self._gate = threading.Event()
        self._gate.set()
        self.before_piece: Callable[[SpeechRequest], None] | None = None

    def hold(self) -> None:
        """Let every synthesis wait until `release()`."""
        self.entered.clear()
        self._gate.clear()

    def release(self) -> None:
        """Let waiting syntheses go on."""
        self._gate.set()

    def load(self) -> None:
        self.loads += 1
        if self.load_error:
            raise self.load_error
        self.loaded = True

    def unload(self) -> None:
        self.unloads += 1
        self.loaded = False

    def clear_memory(self) -> MemoryReport:
        self.clears += 1
        self.loaded = False
        return MemoryReport(before_mb=500.0, after_mb=120.0, kind="rss", still_loaded=False)

    def synthesize(self, request: SpeechRequest, *, on_piece=None, cancelled=None) -> Speech:
        self.loaded = True
        self.entered.set()
        if self.before_piece:
            self.before_piece(request)
        if not self._gate.wait(WAIT_S):
            raise AssertionError("the test never released the engine")
        if cancelled and cancelled():
            raise Cancelled
        if self.next_errors:
            raise self.next_errors.pop(0)
        if error := self.errors.get(request.text):
            raise error
        if not any(c.isalnum() for c in request.text):
            raise BadRequest("text", "nothing to speak", "没有可朗读的内容", "write words", fix_zh="请写文字")
        if on_piece:
            on_piece(1, 1)
        self.spoken.append(request)
        length = max(1, round(len(request.text) * self.seconds_per_char * request.sample_rate))
        samples = 0.2 * np.sin(np.arange(length, dtype=np.float32) * 0.06)
        return Speech(samples.astype(np.float32), request.sample_rate, request.sample_rate != 24000, 1)

    def status(self) -> EngineStatus:
        return EngineStatus(
            name=self.name,
            loaded=self.loaded,
            clones_voices=self.clones_voices,
            sample_rates=(24000, 32000),
            memory_mb=500.0 if self.loaded else 120.0,
            memory_kind="rss",
            worker_restarts={},
        )

    def voices(self) -> tuple[Voice, ...]:
        return (
            Voice("zf_test", "zh", "Test (female)", "测试女声"),
            Voice("am_test", "en", "Test (male)", "测试男声"),
        )
