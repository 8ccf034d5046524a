"""Wait for an engine that says it is busy, as a speech server answers 429 or 503, and ask it again."""

from __future__ import annotations

import time
from collections.abc import Callable

from tts_app.batch.speak import Speaker, StopBatch
from tts_app.engines.base import PieceCallback, Speech, SpeechRequest
from tts_app.errors import Busy

PATIENCE_S = 600.0  # for one item; a server that is busy for longer stops the batch, which can be resumed
LOOK_EVERY_S = 0.5  # so soon a stop ends the waiting


class PatientSpeaker:
    """A Speaker over another one: being busy is nobody's fault, so it costs no item."""

    def __init__(
        self,
        speaker: Speaker,
        *,
        must_stop: Callable[[], bool],
        patience_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._speaker, self._must_stop, self._patience_s = speaker, must_stop, patience_s
        self._clock, self._sleep = clock, sleep

    def ready(self) -> None:
        """See Speaker."""
        self._speaker.ready()

    def speak(self, request: SpeechRequest, on_piece: PieceCallback) -> Speech:
        """See Speaker. Asks again after the time the engine names, for `patience_s` in all."""
        deadline = self._clock() + self._patience_s
        while True:
            try:
                return self._speaker.speak(request, on_piece)
            except Busy as busy:
                left = deadline - self._clock()
                if left <= 0:
                    raise _still_busy(busy, self._patience_s) from busy
                if pause(
                    min(busy.retry_after_s, left), self._must_stop, clock=self._clock, sleep=self._sleep
                ):
                    raise StopBatch(
                        "stopped", "stopped while the engine was busy", "在等待引擎空闲时被停止"
                    ) from busy

    def close(self) -> None:
        """See Speaker."""
        self._speaker.close()


def pause(
    seconds: float,
    must_stop: Callable[[], bool],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Wait `seconds`, less when the batch must stop; return whether it must."""
    end = clock() + seconds
    while not must_stop():
        left = end - clock()
        if left <= 0:
            return False
        sleep(min(left, LOOK_EVERY_S))
    return True


def _still_busy(busy: Busy, patience_s: float) -> StopBatch:
    return StopBatch(
        "busy",
        f"{busy.message_en}, for {patience_s:g} s now",
        f"{busy.message_zh}，已持续 {patience_s:g} 秒",
    )
