"""How a batch gets a text spoken: what it needs of whoever speaks, and speaking by the running service."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, Protocol

from tts_app.engines.base import PieceCallback, Speech, SpeechRequest
from tts_app.errors import Busy, Cancelled, Draining, EngineError, LoadFailed, TtsError

GRACE_S = 60.0  # the service's own limits speak first; this one only catches a service that hangs


class StopBatch(Exception):
    """Nothing is wrong with the item; the batch as a whole can't go on now, and can be resumed.

    `reason` is one word for the journal; the sentences are for people.
    """

    def __init__(self, reason: str, en: str, zh: str) -> None:
        super().__init__(en)
        self.reason, self.en, self.zh = reason, en, zh


class Speaker(Protocol):
    """Speaks one request at a time."""

    def ready(self) -> None:
        """Start what is needed, so that the first request doesn't wait for it. Raises StopBatch."""

    def speak(self, request: SpeechRequest, on_piece: PieceCallback) -> Speech:
        """Return the speech. Raises TtsError for this item only, StopBatch when none can be spoken now."""

    def close(self) -> None:
        """Give back what was started."""


class SpeechTaker(Protocol):
    """What is needed of the running service."""

    def submit(self, request: SpeechRequest, *, reserved: bool = False, owner: str = "") -> Future[Any]:
        """Queue a request; the result is a Speech. Raises Busy, Draining, LoadFailed."""


class ServiceSpeaker:
    """Speaks through the service's queue, one item at a time, behind whoever came before."""

    def __init__(
        self, service: SpeechTaker, *, owner: str, longest_wait_s: float, pause: Callable[[float], bool]
    ) -> None:
        """`pause(seconds)` waits and returns True when the batch must stop."""
        self._service, self._owner = service, owner
        self._longest_wait_s, self._pause = longest_wait_s, pause
        self._job: Future[Any] | None = None

    @property
    def pieces(self) -> tuple[int, int]:
        """How many pieces of the item in hand are spoken, and how many it has."""
        done, total = getattr(self._job, "pieces", (0, 0))
        return int(done), int(total)

    def cancel(self) -> None:
        """Give up the item in hand; it ends at its next piece."""
        if self._job is not None:
            self._job.cancel()

    def ready(self) -> None:
        """The service looks after its engine."""

    def speak(self, request: SpeechRequest, on_piece: PieceCallback) -> Speech:
        """See Speaker; progress is read from `pieces`."""
        self._job = self._submit(request)
        try:
            return self._result(self._job)
        finally:
            self._job = None

    def _submit(self, request: SpeechRequest) -> Future[Any]:
        while True:
            try:
                return self._service.submit(request, owner=self._owner)
            except Busy as busy:
                if self._pause(float(busy.retry_after_s)):
                    raise _stopped() from busy
            except Draining as draining:
                raise StopBatch("draining", draining.message_en, draining.message_zh) from draining
            except LoadFailed as failed:
                raise StopBatch("engine", failed.message_en, failed.message_zh) from failed

    def _result(self, job: Future[Any]) -> Speech:
        try:
            error = job.exception(self._longest_wait_s + GRACE_S)
        except FutureTimeout as late:
            job.cancel()
            raise StopBatch("engine_stuck", "the engine does not answer", "语音引擎没有响应") from late
        except CancelledError as gone:
            raise _stopped() from gone
        if error is None:
            speech: Speech = job.result()
            return speech
        if isinstance(error, Draining | Cancelled):
            raise _stopped() from error
        if isinstance(error, LoadFailed):
            raise StopBatch("engine", error.message_en, error.message_zh) from error
        if isinstance(error, TtsError):
            raise error
        raise EngineError(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Nothing was started here."""


def _stopped() -> StopBatch:
    return StopBatch("stopped", "stopped before this item was spoken", "在合成该任务前被停止")
