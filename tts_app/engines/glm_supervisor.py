"""Keep one GLM worker loaded: start, ask, replace when it breaks, grows or sticks, and count why."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Callable

from tts_app.engines.base import CancelCheck, MemoryReport, PieceCallback, Samples
from tts_app.engines.memory import rss_mb
from tts_app.engines.worker_process import WorkerGone, WorkerProcess, WorkerTimeout
from tts_app.errors import Cancelled, ContextDead, EngineError, EngineStuck, LoadFailed, OutOfMemory
from tts_app.glm_worker import failures
from tts_app.glm_worker.protocol import LOAD, Garbage, Message, unpack

log = logging.getLogger(__name__)

NATIVE_RATE = 24000
_CLEAR_TIMEOUT_S = 60.0
_GROWTH = 1.25  # memory above this share of what it was after the first text is no cache: a new worker
_ERRORS: dict[str, type[EngineError]] = {
    failures.OUT_OF_MEMORY: OutOfMemory,
    failures.CONTEXT_DEAD: ContextDead,
    failures.LOAD_FAILED: LoadFailed,
}
StartWorker = Callable[[], WorkerProcess]


class GlmSupervisor:
    """Owns the worker process. One call at a time; `loaded`, `memory`, `restarts` may be read any time."""

    def __init__(
        self,
        start: StartWorker,
        *,
        load_timeout_s: float = 300.0,
        task_timeout_s: float = 300.0,
        recycle_tasks: int = 200,
        recycle_rss_mb: float = 24_000,
        sample_rates: tuple[int, ...] = (NATIVE_RATE,),
    ) -> None:
        """`sample_rates` is what is expected until a loaded worker says what it offers."""
        self._start = start
        self._load_timeout_s, self._task_timeout_s = load_timeout_s, task_timeout_s
        self._recycle_tasks, self._recycle_rss_mb = recycle_tasks, recycle_rss_mb
        self._worker: WorkerProcess | None = None
        self._loading: int | None = None  # number of the load request that is not answered yet
        self._out_of_memory = False
        self._tasks = 0
        self._settled_mb = 0.0
        self.loaded = False
        self.sample_rates = sample_rates
        self.memory: Message = {}
        self.restarts: Counter[str] = Counter()

    # -- what the engine asks for

    def ready(self) -> None:
        """Return once a worker has the model loaded. Raises LoadFailed, OutOfMemory, ContextDead."""
        if self._worker is not None and self.loaded and not self._worker.alive():
            self._restart("died")
        if self._worker is None:
            self._begin_loading()
        if self._loading is not None:
            self._finish_loading(self._loading)

    def speak(self, task: Message, on_piece: PieceCallback | None, cancelled: CancelCheck | None) -> Samples:
        """Return the worker's samples for a speak request, or raise the typed error its answer means."""
        answer = self._ask(task, on_piece, cancelled)
        self._note_memory(answer)
        try:
            samples: Samples = unpack(answer.get("samples"))
        except Garbage as error:
            raise self._broken(
                "protocol", EngineError(f"the GLM worker's answer is damaged: {error}")
            ) from None
        self._tasks += 1
        if self._tasks == 1:  # the first text touches what loading only mapped
            self._settled_mb = max(self._settled_mb, size(self.memory)[1])
        self._recycle_if_due()
        return samples

    def clear(self) -> MemoryReport:
        """Empty torch's cache; end the worker when that can't be enough.

        After an out-of-memory error, or when memory stays well above what it was at first, only a new
        process gives it back; the next text then loads the model again.
        """
        kind, before = self._memory_now()
        if self._worker is None or not self.loaded:
            return MemoryReport(before, before, kind, still_loaded=False)
        cleared = self._clear_cache(self._worker)
        if cleared is not None:
            kind, after = size(cleared)
            if not self._out_of_memory and after <= self._settled_mb * _GROWTH:
                return MemoryReport(before, after, kind, still_loaded=True)
        self._restart("memory", start_again=False)
        return MemoryReport(before, 0.0, kind, still_loaded=False)

    def stop(self) -> None:
        """End the worker; all its memory goes back, the CUDA context too."""
        worker, self._worker = self._worker, None
        self.loaded = self._out_of_memory = False
        self._loading, self._tasks, self.memory = None, 0, {}
        if worker is not None:
            worker.kill()

    def well(self) -> bool:
        """Return whether a loaded worker is alive; from any thread."""
        worker = self._worker
        return self.loaded and worker is not None and worker.alive()

    # -- memory

    def _clear_cache(self, worker: WorkerProcess) -> Message | None:
        """Return the worker's memory after emptying its cache, or None when it doesn't answer."""
        with contextlib.suppress(WorkerGone, WorkerTimeout, Garbage):
            answer = worker.wait(worker.send({"op": "clear"}), _CLEAR_TIMEOUT_S)
            self.memory = answer.get("after") or {}
            return self.memory
        return None

    def _memory_now(self) -> tuple[str, float]:
        if self._worker is None:
            return "rss", 0.0
        if self.memory.get("kind") == "cuda":
            return size(self.memory)
        return "rss", rss_mb(self._worker.pid) or 0.0

    def _note_memory(self, answer: Message) -> None:
        memory = answer.get("memory")
        if isinstance(memory, dict):
            self.memory = memory

    # -- asking

    def _ask(
        self, message: Message, on_piece: PieceCallback | None, cancelled: CancelCheck | None
    ) -> Message:
        """Return the worker's answer to `message`, or raise the typed error it means."""
        worker = self._running()
        try:
            answer = worker.wait(
                worker.send(message),
                self._task_timeout_s,
                on_event=None
                if on_piece is None
                else lambda event: on_piece(int(event["done"]), int(event["total"])),
                cancelled=cancelled,
            )
        except WorkerTimeout:
            limit = self._task_timeout_s
            raise self._broken(
                "stuck",
                EngineStuck(
                    f"the GLM worker gave no result within {limit:g} s", f"GLM 进程 {limit:g} 秒内没有结果"
                ),
            ) from None
        except WorkerGone as gone:
            raise self._died(gone) from None
        except Garbage as garbage:
            raise self._broken("protocol", EngineError(f"the GLM worker answered {garbage}")) from None
        if answer.get("event") == "failed":
            raise self._failed(answer)
        return answer

    # -- failures

    def _failed(self, answer: Message) -> EngineError | Cancelled:
        kind, text = str(answer.get("kind")), str(answer.get("message"))
        if kind == failures.CANCELLED:
            return Cancelled()
        log.warning("worker failed: %s at %s", kind, _where(answer))
        error = _ERRORS.get(kind, EngineError)(text)
        self._note_memory(answer)
        if kind == failures.CONTEXT_DEAD:
            return self._broken("context_dead", error)
        self._out_of_memory = self._out_of_memory or kind == failures.OUT_OF_MEMORY
        return error

    def _died(self, gone: WorkerGone) -> EngineError:
        for line in gone.last_words:
            log.error("%s", line)
        reason = "segfault" if "Segmentation fault" in str(gone) else "died"
        return self._broken(reason, EngineError(f"{gone}: the GLM worker died and is started again"))

    def _broken(self, reason: str, error: EngineError) -> EngineError:
        """Replace the worker, count why, and return `error` to be raised."""
        self._restart(reason)
        return error

    def _restart(self, reason: str, *, start_again: bool = True) -> None:
        self.restarts[reason] += 1
        log.warning("worker replaced: %s", reason)
        self.stop()
        if start_again:
            with contextlib.suppress(LoadFailed):  # the next text says so
                self._begin_loading()

    def _recycle_if_due(self) -> None:
        """Replace a worker that has done many texts or grown large; nothing else gives host memory back."""
        too_many = 0 < self._recycle_tasks <= self._tasks
        too_large = 0 < self._recycle_rss_mb < float(self.memory.get("rss_mb") or 0)
        if too_many or too_large:
            self._restart("recycled")

    # -- loading

    def _running(self) -> WorkerProcess:
        if self._worker is None:
            raise LoadFailed("the GLM worker is not running", "GLM 进程未运行")
        return self._worker

    def _begin_loading(self) -> None:
        try:
            self._worker = self._start()
            self._loading = self._worker.send({"op": LOAD})
        except OSError as error:
            raise LoadFailed(
                f"the GLM interpreter can't be started: {error}", f"无法启动 GLM 解释器：{error}"
            ) from None
        except (WorkerGone, WorkerTimeout) as problem:
            raise self._not_loaded(_load_failure(problem)) from None

    def _finish_loading(self, number: int) -> None:
        try:
            answer = self._running().wait(number, self._load_timeout_s)
        except WorkerTimeout:
            limit = self._load_timeout_s
            raise self._not_loaded(
                LoadFailed(f"the model was not loaded within {limit:g} s", f"模型在 {limit:g} 秒内未加载完成")
            ) from None
        except (WorkerGone, Garbage) as problem:
            raise self._not_loaded(_load_failure(problem)) from None
        if answer.get("event") == "failed":
            log.warning("loading failed: %s at %s", answer.get("kind"), _where(answer))
            error = _ERRORS.get(str(answer.get("kind")), LoadFailed)(str(answer.get("message")))
            raise self._not_loaded(error)
        self._loading, self.loaded = None, True
        self.sample_rates = tuple(int(rate) for rate in answer.get("sample_rates", ())) or (NATIVE_RATE,)
        self._note_memory(answer)
        _, self._settled_mb = size(self.memory)

    def _not_loaded(self, error: EngineError) -> EngineError:
        """End the worker and return `error` with the worker's last words, which tell people the real reason."""
        worker = self._worker
        self.stop()
        if worker is not None and (words := worker.last_words()):
            error.add_note("\n".join(("The GLM worker said last:", *words)))
        return error


def _load_failure(problem: Exception) -> LoadFailed:
    if isinstance(problem, WorkerGone):
        said = next((f": {line}" for line in reversed(problem.last_words) if line.strip()), "")
        return LoadFailed(
            f"the GLM worker died while loading: {problem}{said}", f"GLM 进程在加载时退出：{problem}{said}"
        )
    return LoadFailed(f"the GLM worker can't be talked to: {problem}", f"无法与 GLM 进程通信：{problem}")


def _where(answer: Message) -> str:
    """Return where in the worker's code it happened: files, lines and functions, no values."""
    return " < ".join(str(frame) for frame in reversed(answer.get("where") or ())) or "unknown"


def size(memory: Message) -> tuple[str, float]:
    """Return kind and MB of a worker's memory report."""
    kind = str(memory.get("kind", "rss"))
    return kind, float(memory.get(f"{kind}_mb") or 0.0)
