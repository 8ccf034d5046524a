"""The one place that runs the engine: one thread, a bounded queue, a reserved slot, honest states.

Everything that uses the engine (API, page, batches, admin) goes through SpeechService.submit.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tts_app import health
from tts_app.engines.base import Engine, MemoryReport, Speech, SpeechRequest
from tts_app.errors import (
    BadRequest,
    Cancelled,
    ContextDead,
    Draining,
    EngineError,
    EngineStuck,
    LoadFailed,
    TtsError,
)
from tts_app.jobs import Job, JobQueue
from tts_app.observe import Observer, Outcome
from tts_app.pace import Pace

log = logging.getLogger(__name__)

STUCK_GRACE_S = 30.0  # a task over its limit ends at its next piece; after this the engine is stuck
CONTEXTS_LOST_SICK = 2  # one lost context is cured by a new worker; a second in a row is a sick device
CONTEXTS_LOST_SICK = 2  # one lost context is cured by a new worker; a second in a row is a sick device
TimerFactory = Callable[[float, Callable[[], None]], threading.Timer]


@dataclass(frozen=True)
class Snapshot:
    """How the service is at one moment, for health answers and metrics."""

    facts: health.Facts
    in_flight: int
    last_error: str | None  # kind of the latest failure; never user text


class SpeechService:
    """Owns the engine's thread. `submit` from any thread; results come as Futures."""

    def __init__(
        self,
        engine: Engine,
        *,
        queue_limit: int = 8,
        task_timeout_s: float = 300.0,
        load_timeout_s: float = 300.0,
        pace: Pace | None = None,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
        timer: TimerFactory = threading.Timer,
    ) -> None:
        self.engine, self.pace = engine, pace or Pace()
        self._queue = JobQueue(queue_limit)
        self._task_timeout_s, self._load_timeout_s = task_timeout_s, load_timeout_s
        self._observer = observer or Observer()
        self._clock, self._timer = clock, timer
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._current: Job | None = None
        self._loading_since: float | None = None
        self._loaded_once = self._load_failed = False
        self._contexts_lost = 0  # in a row, without a success between
        self._settled = threading.Event()  # the first load has ended, well or not
        self._idle = threading.Event()
        self._idle.set()
        self.last_error: str | None = None

    # -- life

    def start(self) -> None:
        """Load the engine and take work, on a thread of its own."""
        self._loading_since = self._clock()
        self._thread.start()

    def wait_until_settled(self, timeout_s: float | None = None) -> bool:
        """Wait until the first load has ended, well or not; False when the time was too short."""
        return self._settled.wait(timeout_s)

    def stop(self, *, timeout_s: float = 10.0) -> None:
        """End what waits, let the task in hand end at its next piece, unload the engine."""
        self._queue.close()
        if current := self._current:
            current.cancel()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    # -- work

    def submit(self, request: SpeechRequest, *, reserved: bool = False, owner: str = "") -> Job:
        """Queue `request`; the result is a Speech. Raises Busy, Draining or LoadFailed at once.

        `reserved` goes before all others and works while full or draining.
        """
        if self._load_failed and not reserved:
            raise LoadFailed("the model could not be loaded", "模型加载失败，请联系值班人员")
        job = Job(lambda job: self._speak(job, request), owner=owner, reserved=reserved)
        return self._enqueue(job)

    def clear_memory(self) -> Job:
        """Queue a clearing of memory before everything else; the result is a MemoryReport."""
        return self._enqueue(Job(lambda _job: self._clear(), owner="admin", reserved=True))

    def drain(self) -> None:
        """Take no new work but reserved; what waits is still done."""
        self._queue.draining = True

    def undrain(self) -> None:
        """Take work again."""
        self._queue.draining = False

    def wait_until_idle(self, timeout_s: float) -> bool:
        """Wait until nothing runs and nothing waits; False when the time was too short."""
        deadline = self._clock() + timeout_s
        while self.busy():
            remaining = deadline - self._clock()
            if remaining <= 0:
                return False
            self._idle.wait(min(remaining, 0.2))
        return True

    def reject_waiting(self) -> None:
        """End what has not started yet, with Draining's words."""
        self._queue.reject_waiting(Draining())

    def busy(self) -> bool:
        """Return whether anything runs or waits."""
        return self._current is not None or self._queue.depth() > 0

    def retry_after_s(self) -> int:
        """Estimate when a place in the queue is free, in whole seconds."""
        return min(60, max(1, round(2 * (self._queue.depth() + 1) * (self.pace.recent or 1.0))))

    def snapshot(self) -> Snapshot:
        """Return how the service is; never blocks behind work."""
        now, current = self._clock(), self._current
        started = current.started_at if current else None
        return Snapshot(
            facts=health.Facts(
                loaded_once=self._loaded_once,
                load_failed=self._load_failed,
                context_dead=self._contexts_lost >= CONTEXTS_LOST_SICK,
                running_for_s=None if started is None else now - started,
                task_limit_s=self._task_timeout_s + STUCK_GRACE_S,
                loading_for_s=None if self._loading_since is None else now - self._loading_since,
                load_limit_s=self._load_timeout_s + STUCK_GRACE_S,
                queued=self._queue.depth(),
                queue_limit=self._queue.limit,
                draining=self._queue.draining,
            ),
            in_flight=0 if current is None else 1,
            last_error=self.last_error,
        )

    # -- on the engine's thread

    def _enqueue(self, job: Job) -> Job:
        self._queue.put(job, retry_after_s=self.retry_after_s())
        self._observer.queued(job)
        return job

    def _work(self) -> None:
        self._load()
        self._settled.set()
        while job := self._queue.take():
            if job.set_running_or_notify_cancel():
                self._run(job)
        self.engine.unload()

    def _run(self, job: Job) -> None:
        self._idle.clear()
        job.started_at = self._clock()
        self._current = job
        timer = self._timer(self._task_timeout_s, lambda: self._overdue(job))
        timer.daemon = True
        timer.start()
        try:
            job.run()
        except TtsError as error:
            job.fail(error)
        except Exception as error:  # the worker loop: one bad task must not end it
            log.exception("task failed")
            self.last_error = type(error).__name__
            job.fail(EngineError(f"{type(error).__name__}: {error}"))
        finally:
            timer.cancel()
            self._current = None
            self._idle.set()

    def _overdue(self, job: Job) -> None:
        job.cancel()
        limit = self._task_timeout_s
        job.fail(EngineStuck(f"no result after {limit:g} s", f"{limit:g} 秒内没有结果"))
        self.last_error = EngineStuck.__name__
        log.error("task overdue")

    def _speak(self, job: Job, request: SpeechRequest) -> Speech:
        began = self._clock()
        try:
            speech = self.engine.synthesize(request, on_piece=job.on_piece, cancelled=job.given_up)
        except (BadRequest, Cancelled) as error:
            self._observer.ended(request, Outcome.of(error), took_s=self._clock() - began)
            raise
        except TtsError as error:
            self._observer.ended(request, Outcome.of(error), took_s=self._clock() - began)
            self._note_failure(error)
            raise
        took_s = self._clock() - began
        self._load_failed, self._contexts_lost = False, 0
        self._loaded_once = True
        self.pace.add(took_s=took_s, audio_s=speech.duration_s)
        self._observer.ended(request, Outcome.OK, took_s=took_s, audio_s=speech.duration_s)
        return speech

    def _note_failure(self, error: TtsError) -> None:
        self.last_error = type(error).__name__
        # The engine's own words and traceback: operators look for "CUDA out of memory" and the like.
        log.error(error.message_en, exc_info=error)
        if isinstance(error, ContextDead):
            self._contexts_lost += 1
            self.engine.unload()
            self._load()
        elif isinstance(error, LoadFailed):
            self._load_failed = True

    def _load(self) -> None:
        self._loading_since = self._clock()
        try:
            self.engine.load()
        except TtsError as error:
            self.last_error = type(error).__name__
            self._load_failed = True
            log.error(error.message_en, exc_info=error)
        else:
            self._load_failed, self._loaded_once = False, True
        finally:
            self._loading_since = None

    def _clear(self) -> MemoryReport:
        report = self.engine.clear_memory()
        self._observer.cleared(report)
        return report


def result_of(job: Job, timeout_s: float | None = None) -> Any:
    """Wait for `job` in a thread; gives it up when the waiting ends early."""
    try:
        return job.result(timeout_s)
    finally:
        if not job.done():
            job.cancel()
