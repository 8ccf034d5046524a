"""One piece of work for the engine's thread, and the queue they wait in. Thread-safe by the queue's lock."""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import Any

from tts_app.errors import Busy, Cancelled, Draining

Work = Callable[["Job"], Any]  # runs on the engine's thread


class Job(Future[Any]):
    """A Future that can also be given up while it runs: the engine looks between pieces."""

    def __init__(self, work: Work, *, owner: str, reserved: bool) -> None:
        super().__init__()
        self.work, self.owner, self.reserved = work, owner, reserved
        self.started_at: float | None = None
        self.pieces = (0, 0)  # done, in all
        self._context = contextvars.copy_context()  # carries the request id to the engine's thread
        self._given_up = threading.Event()

    def run(self) -> None:
        """Do the work on this thread. Raises what the work raises."""
        self.finish(self._context.run(self.work, self))

    def in_context(self, call: Callable[[], None]) -> None:
        """Do something about the job on another thread; its log lines carry the request's id."""
        self._context.copy().run(call)

    def cancel(self) -> bool:
        """Give the work up. Returns True when it had not started; else it ends at its next piece."""
        self._given_up.set()
        return super().cancel()

    def given_up(self) -> bool:
        """Return whether nobody wants the result any more."""
        return self._given_up.is_set()

    def on_piece(self, done: int, total: int) -> None:
        """Note the progress."""
        self.pieces = (done, total)

    def finish(self, result: Any) -> None:
        """Hand the result over, unless the job has ended already (timeout)."""
        with contextlib.suppress(InvalidStateError):
            self.set_result(result)

    def fail(self, error: BaseException) -> None:
        """Hand the error over, unless the job has ended already (timeout)."""
        with contextlib.suppress(InvalidStateError):
            self.set_exception(error)


class JobQueue:
    """Bounded and first come, first served; reserved jobs go first and have places of their own."""

    RESERVED_PLACES = 4

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.draining = False
        self._closed = False
        self._changed = threading.Condition()
        self._normal: deque[Job] = deque()
        self._reserved: deque[Job] = deque()

    def put(self, job: Job, *, retry_after_s: int) -> None:
        """Let `job` wait. Raises Draining or Busy; reserved jobs are refused only beyond their places."""
        with self._changed:
            if self._closed or (self.draining and not job.reserved):
                raise Draining
            queue, limit = (
                (self._reserved, self.RESERVED_PLACES) if job.reserved else (self._normal, self.limit)
            )
            self._forget_cancelled()
            if len(queue) >= limit:
                raise Busy(retry_after_s)
            queue.append(job)
            self._changed.notify()

    @property
    def closed(self) -> bool:
        """Return whether nothing is taken and nothing given out any more."""
        return self._closed

    def take(self, timeout_s: float | None = None) -> Job | None:
        """Wait for the next job; None once the queue is closed, or when none came within `timeout_s`."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._reserved or self._normal, timeout_s)
            queue = self._reserved or self._normal
            return queue.popleft() if queue and not self._closed else None

    def depth(self) -> int:
        """Return how many normal jobs wait."""
        with self._changed:
            self._forget_cancelled()
            return len(self._normal)

    def reject_waiting(self, error: Exception) -> None:
        """End all normal jobs that have not started with `error`."""
        with self._changed:
            waiting = list(self._normal)
            self._normal.clear()
        for job in waiting:
            if job.set_running_or_notify_cancel():
                job.fail(error)

    def close(self) -> None:
        """Take nothing more and end what waits."""
        with self._changed:
            self._closed = True
            waiting = [*self._reserved, *self._normal]
            self._reserved.clear()
            self._normal.clear()
            self._changed.notify_all()
        for job in waiting:
            if job.set_running_or_notify_cancel():
                job.fail(Cancelled("the service is stopping", "服务正在停止"))

    def _forget_cancelled(self) -> None:
        for queue in (self._normal, self._reserved):
            for job in [job for job in queue if job.cancelled()]:
                queue.remove(job)
