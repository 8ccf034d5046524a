"""The one place that runs the engine: one thread, a bounded queue, a reserved slot, honest states.

Everything that uses the engine (API, page, batches, admin) goes through SpeechService.submit.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tts_app import health
from tts_app.engines.base import Engine, MemoryReport, Speech, SpeechRequest
from tts_app.errors import (
    BadRequest,
    Busy,
    Cancelled,
    ContextDead,
    Draining,
    EngineError,
    EngineStuck,
    LoadFailed,
    TtsError,
)
from tts_app.jobs import Job, JobQueue
from tts_app.loading import FIRST_RETRY_S, Loading
from tts_app.observe import Observer, Outcome
from tts_app.pace import Pace
from tts_app.substitute import Substitute
from tts_app.unforeseen import as_engine_error

log = logging.getLogger(__name__)

STUCK_GRACE_S = 30.0  # a task over its limit ends at its next piece; after this the engine is stuck
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
        substitute: Substitute | None = None,
        log_text: bool = False,
        first_retry_s: float = FIRST_RETRY_S,
        clock: Callable[[], float] = time.monotonic,
        timer: TimerFactory = threading.Timer,
    ) -> None:
        self.engine, self.pace = engine, pace or Pace()
        self._queue = JobQueue(queue_limit)
        self._task_timeout_s, self._load_timeout_s = task_timeout_s, load_timeout_s
        self._observer = observer or Observer()
        self._substitute, self._log_text = substitute, log_text
        self._clock, self._timer = clock, timer
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._current: Job | None = None
        self._loading = Loading(engine, clock, first_retry_s=first_retry_s)
        self._contexts_lost = 0  # in a row, without a success between
        self._settled = threading.Event()  # the first load has ended, well or not
        self._idle = threading.Event()
        self._idle.set()
        self.last_error: str | None = None

    # -- life

    def start(self) -> None:
        """Load the engine and take work, on a thread of its own."""
        self._loading.begin()
        self._thread.start()

    def wait_until_settled(self, timeout_s: float | None = None) -> bool:
        """Wait until the first load has ended, well or not; False when the time was too short."""
        return self._settled.wait(timeout_s)

    def stop(self, *, timeout_s: float = 10.0) -> bool:
        """End what waits, let the task in hand end at its next piece, unload the engine; True when that is done."""
        self._queue.close()
        if current := self._current:
            current.cancel()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    # -- work

    def submit(
        self, request: SpeechRequest, *, reserved: bool = False, owner: str = "", substitute: bool = False
    ) -> Job:
        """Queue `request`; the result is a Speech. Raises Busy, Draining or LoadFailed at once.

        `reserved` goes before all others and works while full or draining. `substitute` says that the caller
        takes another engine's voice, labelled, while the engine itself can't be loaded.
        """
        takes_it = substitute and self._substitute is not None and self._substitute.may_speak(request)
        if self._loading.failed and not reserved and not takes_it:
            raise LoadFailed("the model could not be loaded", "模型加载失败，请联系值班人员")
        work = self._speak_somehow if takes_it else self._speak
        return self._enqueue(Job(lambda job: work(job, request), owner=owner, reserved=reserved))

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

    def give_up(self) -> None:
        """End the task in hand for whoever waits for it, at once; the engine itself ends at its next piece."""
        if current := self._current:
            current.cancel()
            current.fail(
                Draining("the service stops before this text is finished", "服务正在停止，文本未能合成完")
            )

    def busy(self) -> bool:
        """Return whether anything runs or waits."""
        return self._current is not None or self._queue.depth() > 0

    def retry_after_s(self) -> int:
        """Estimate when a place in the queue is free, in whole seconds."""
        return min(60, max(1, round(2 * (self._queue.depth() + 1) * (self.pace.recent or 1.0))))

    @property
    def substituted_by(self) -> str | None:
        """Return the name of the engine that speaks in place of the one that can't be loaded, if so."""
        return self._substitute.name if self._loading.failed and self._substitute else None

    def snapshot(self) -> Snapshot:
        """Return how the service is; never blocks behind work."""
        now, current = self._clock(), self._current
        started, loading = current.started_at if current else None, self._loading.since
        return Snapshot(
            facts=health.Facts(
                loaded_once=self._loading.once,
                load_failed=self._loading.failed,
                context_dead=self._contexts_lost >= CONTEXTS_LOST_SICK,
                running_for_s=None if started is None else now - started,
                task_limit_s=self._task_timeout_s + STUCK_GRACE_S,
                loading_for_s=None if loading is None else now - loading,
                load_limit_s=self._load_timeout_s + STUCK_GRACE_S,
                queued=self._queue.depth(),
                queue_limit=self._queue.limit,
                draining=self._queue.draining,
                substitute=self.substituted_by is not None,
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
        while not self._queue.closed:
            job = self._queue.take(self._loading.retry_in_s())
            if job is None:
                self._try_again()
            elif job.set_running_or_notify_cancel():
                self._run(job)
        self.engine.unload()

    def _try_again(self) -> None:
        if self._loading.failed and not self._queue.closed:
            self._load()

    def _run(self, job: Job) -> None:
        self._idle.clear()
        job.started_at = self._clock()
        self._current = job
        timer = self._timer(self._task_timeout_s, partial(job.in_context, partial(self._overdue, job)))
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

    def _speak_somehow(self, job: Job, request: SpeechRequest) -> Speech:
        """Speak by the substitute while the engine can't be loaded."""
        if self._substitute is None or not self._loading.failed:
            return self._speak(job, request)
        name = self._substitute.name
        try:
            speech = self._substitute.synthesize(request, on_piece=job.on_piece, cancelled=job.given_up)
        except TtsError as error:
            self._observer.substituted(name, Outcome.of(error))
            raise
        self._observer.substituted(name, Outcome.OK)
        return speech

    def _speak(self, job: Job, request: SpeechRequest) -> Speech:
        began = self._clock()
        if self._log_text:
            log.info("text=%r", request.text)
        try:
            speech = self._synthesize(job, request)
        except (BadRequest, Busy, Cancelled) as error:
            self._observer.ended(request, Outcome.of(error), took_s=self._clock() - began)
            raise
        except TtsError as error:
            self._observer.ended(request, Outcome.of(error), took_s=self._clock() - began)
            self._note_failure(job, error)
            raise
        took_s = self._clock() - began
        self._loading.succeed()
        self._contexts_lost = 0
        self.pace.add(took_s=took_s, audio_s=speech.duration_s)
        self._observer.ended(request, Outcome.OK, took_s=took_s, audio_s=speech.duration_s)
        return speech

    def _synthesize(self, job: Job, request: SpeechRequest) -> Speech:
        """Let the engine speak; what it did not foresee becomes an EngineError."""
        try:
            return self.engine.synthesize(request, on_piece=job.on_piece, cancelled=job.given_up)
        except TtsError:
            raise
        except Exception as error:  # noqa: BLE001 - one bad text must not end the engine's thread
            raise as_engine_error(error, request) from None

    def _note_failure(self, job: Job, error: TtsError) -> None:
        self.last_error = type(error).__name__
        # The engine's own words and traceback: operators look for "CUDA out of memory" and the like.
        log.error(error.message_en, exc_info=error)
        if isinstance(error, LoadFailed):
            self._loading.fail()
        if isinstance(error, ContextDead):
            self._contexts_lost += 1
            job.fail(error)  # whoever waits needn't wait for the new worker; new traffic does
            self._load()

    def _load(self) -> None:
        if not self._loading.run():
            self.last_error = self._loading.last_error

    def _clear(self) -> MemoryReport:
        report = self.engine.clear_memory()
        self._observer.cleared(report)
        return report
