"""GLM-TTS in a worker process with its own interpreter: clones a voice from a short recording.

A process, because its packages clash with ours, its failures can kill a CUDA context or the whole process, and
only the end of a process gives all its device memory back.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from tts_app.audio.resample import resample
from tts_app.audio.speech_check import check_length
from tts_app.engines.base import CancelCheck, EngineStatus, MemoryReport, PieceCallback, Reference, Speech, SpeechRequest, Voice
from tts_app.engines.memory import rss_mb
from tts_app.engines.worker_process import WorkerGone, WorkerProcess, WorkerTimeout
from tts_app.errors import (
    BadRequest,
    Cancelled,
    ConfigError,
    ContextDead,
    EngineError,
    EngineStuck,
    LoadFailed,
    OutOfMemory,
)
from tts_app.glm_worker import failures
from tts_app.glm_worker.protocol import Garbage, Message, pack, unpack
from tts_app.settings import Settings
from tts_app.text.check import prepare
from tts_app.text.split import split, units
from tts_app.voices.references import REFERENCE_VOICES, built_in_reference

log = logging.getLogger(__name__)

NATIVE_RATE, HIGH_RATE, TOKENIZER_RATE = 24000, 32000, 16000
_CLEAR_TIMEOUT_S = 60.0
_GROWTH = 1.25  # memory above this share of what it was after loading is not cache: replace the worker
_ERRORS: Mapping[str, type[EngineError]] = {
    failures.OUT_OF_MEMORY: OutOfMemory,
    failures.CONTEXT_DEAD: ContextDead,
    failures.LOAD_FAILED: LoadFailed,
}
StartWorker = Callable[[], WorkerProcess]


class GlmEngine:
    """See base.Engine."""

    name = "glm"

    def __init__(
        self,
        start: StartWorker,
        *,
        max_chars: int = 5000,
        load_timeout_s: float = 300.0,
        task_timeout_s: float = 300.0,
        recycle_tasks: int = 200,
        recycle_rss_mb: float = 24_000,
        use_phoneme: bool = False,
    ) -> None:
        self._start = start
        self._max_chars, self._use_phoneme = max_chars, use_phoneme
        self._load_timeout_s, self._task_timeout_s = load_timeout_s, task_timeout_s
        self._recycle_tasks, self._recycle_rss_mb = recycle_tasks, recycle_rss_mb
        self._lock = threading.Lock()
        self._worker: WorkerProcess | None = None
        self._loading: int | None = None  # number of the load request that is not answered yet
        self._loaded = self._out_of_memory = False
        self._tasks = 0
        self._sample_rates: tuple[int, ...] = (NATIVE_RATE,)
        self._memory: Message = {}
        self._after_load_mb = 0.0
        self._restarts: Counter[str] = Counter()

    @classmethod
    def from_settings(cls, settings: Settings) -> GlmEngine:
        """Return the engine, not started yet. Raises ConfigError without TTS_GLM_PYTHON and TTS_GLM_ROOT."""
        python, root = settings.glm_python, settings.glm_root
        if python is None or root is None:
            raise ConfigError(["TTS_GLM_PYTHON and TTS_GLM_ROOT: needed by engine glm"])
        argv = [str(python), "-m", "tts_app.glm_worker", str(root)] + ["--phonemes"] * settings.glm_phonemes
        return cls(
            lambda: WorkerProcess(argv, worker_environment(os.environ)),
            max_chars=settings.max_chars,
            load_timeout_s=settings.load_timeout_s,
            task_timeout_s=settings.task_timeout_s,
            recycle_tasks=settings.recycle_tasks,
            recycle_rss_mb=settings.recycle_rss_mb,
            use_phoneme=settings.glm_phonemes,
        )

    # -- life

    def load(self) -> None:
        """Start the worker and wait until the model is loaded. Raises LoadFailed, OutOfMemory."""
        with self._lock:
            self._ready()

    def unload(self) -> None:
        """End the worker; all its memory goes back, the CUDA context too."""
        with self._lock:
            self._stop()

    def clear_memory(self) -> MemoryReport:
        """Empty torch's cache; end the worker when that can't be enough.

        After an out-of-memory error, or when memory stays well above what it was after loading, only a new
        process gives it back; the next text then loads the model again.
        """
        with self._lock:
            kind, before = self._memory_now()
            if self._worker is None or not self._loaded:
                return MemoryReport(before, before, kind, still_loaded=False)
            answer = self._clear_cache()
            if answer is not None:
                kind, after = _size(answer)
                if not self._out_of_memory and after <= self._after_load_mb * _GROWTH:
                    return MemoryReport(before, after, kind, still_loaded=True)
            self._restart("memory", start_again=False)
            return MemoryReport(before, 0.0, kind, still_loaded=False)

    def _clear_cache(self) -> Message | None:
        """Return the worker's memory after emptying its cache, or None when it doesn't answer."""
        if self._worker is None:
            return None
        with contextlib.suppress(WorkerGone, WorkerTimeout, Garbage):
            answer = self._worker.wait(self._worker.send({"op": "clear"}), _CLEAR_TIMEOUT_S)
            self._memory = answer.get("after") or {}
            return self._memory
        return None

    def _memory_now(self) -> tuple[str, float]:
        worker = self._worker
        if worker is None:
            return "rss", 0.0
        if self._memory.get("kind") == "cuda":
            return _size(self._memory)
        return "rss", rss_mb(worker.pid) or 0.0

    # -- speech

    def synthesize(
        self,
        request: SpeechRequest,
        *,
        on_piece: PieceCallback | None = None,
        cancelled: CancelCheck | None = None,
    ) -> Speech:
        """Speak in the reference's voice, or in a built-in one when there is no reference."""
        text = prepare(request.text, max_chars=self._max_chars)
        reference = request.reference or built_in_reference(request.voice)
        if not reference.transcript.strip():
            raise _no_transcript()
        if cancelled is not None and cancelled():
            raise Cancelled
        with self._lock:
            self._ready()
            self._check_rate(request.sample_rate)
            pieces = split(text)
            message = self._speak_message(pieces, request, reference)
            answer = self._ask(message, on_piece, cancelled)
            self._note_memory(answer)
            try:
                samples = unpack(answer.get("samples"))
            except Garbage as error:
                raise self._broken("protocol", EngineError(f"the GLM worker's answer is damaged: {error}")) from None
            self._tasks += 1
            self._recycle_if_due()
        speech = Speech(samples, request.sample_rate, resampled=False, pieces=len(pieces))
        check_length(text, speech)
        return speech

    def _speak_message(self, pieces: list[str], request: SpeechRequest, reference: Reference) -> Message:
        rates = {TOKENIZER_RATE, request.sample_rate}
        prompt = {rate: pack(resample(reference.samples, reference.sample_rate, rate)) for rate in rates}
        return {
            "op": "speak", "pieces": pieces, "units": [units(piece) for piece in pieces],
            "sample_rate": request.sample_rate, "seed": request.seed, "use_phoneme": self._use_phoneme,
            "prompt_text": reference.transcript, "prompt": prompt,
        }  # fmt: skip

    def _check_rate(self, rate: int) -> None:
        if rate not in self._sample_rates:
            offered = " / ".join(str(offer) for offer in self._sample_rates)
            raise BadRequest(
                "sample_rate", f"{rate} Hz is not offered", f"不支持采样率 {rate} Hz",
                f"Use {offered}.", fix_zh=f"请使用 {offered}。",
            )  # fmt: skip

    def _ask(self, message: Message, on_piece: PieceCallback | None, cancelled: CancelCheck | None) -> Message:
        """Return the worker's answer to `message`, or raise the typed error it means."""
        worker = self._running()
        try:
            answer = worker.wait(
                worker.send(message),
                self._task_timeout_s,
                on_event=None if on_piece is None else lambda event: on_piece(int(event["done"]), int(event["total"])),
                cancelled=cancelled,
            )
        except WorkerTimeout:
            limit = self._task_timeout_s
            raise self._broken(
                "stuck", EngineStuck(f"the GLM worker gave no result within {limit:g} s", f"GLM 进程 {limit:g} 秒内没有结果")
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
        log.warning("worker failed", extra={"kind": kind, "where": answer.get("where")})
        error = _ERRORS.get(kind, EngineError)(text)
        self._note_memory(answer)
        if kind == failures.CONTEXT_DEAD:
            return self._broken("context_dead", error)
        self._out_of_memory = self._out_of_memory or kind == failures.OUT_OF_MEMORY
        return error

    def _died(self, gone: WorkerGone) -> EngineError:
        for line in gone.fault_lines:
            log.error(line)
        reason = "segfault" if "Segmentation fault" in str(gone) else "died"
        return self._broken(reason, EngineError(f"{gone}: the GLM worker died and is started again"))

    def _broken(self, reason: str, error: EngineError) -> EngineError:
        """Replace the worker, count why, and return `error` to be raised."""
        self._restart(reason)
        return error

    def _restart(self, reason: str, *, start_again: bool = True) -> None:
        self._restarts[reason] += 1
        log.warning("worker replaced", extra={"reason": reason})
        self._stop()
        if start_again:
            with contextlib.suppress(LoadFailed):  # the next text says so
                self._begin_loading()

    def _recycle_if_due(self) -> None:
        """Replace a worker that has done many texts or grown large; host memory is never given back otherwise."""
        too_many = 0 < self._recycle_tasks <= self._tasks
        too_large = 0 < self._recycle_rss_mb < float(self._memory.get("rss_mb") or 0)
        if too_many or too_large:
            self._restart("recycled")

    # -- the worker

    def _running(self) -> WorkerProcess:
        if self._worker is None:
            raise LoadFailed("the GLM worker is not running", "GLM 进程未运行")
        return self._worker

    def _ready(self) -> None:
        """Return once a worker has the model loaded. Raises LoadFailed, OutOfMemory, ContextDead."""
        if self._worker is not None and self._loaded and not self._worker.alive():
            self._restart("died")
        if self._worker is None:
            self._begin_loading()
        if self._loading is not None:
            self._finish_loading(self._loading)

    def _begin_loading(self) -> None:
        try:
            self._worker = self._start()
            self._loading = self._worker.send({"op": "load"})
        except OSError as error:
            raise LoadFailed(f"the GLM interpreter can't be started: {error}", f"无法启动 GLM 解释器：{error}") from None
        except WorkerGone as gone:
            self._stop()
            raise _died_while_loading(gone) from None

    def _finish_loading(self, number: int) -> None:
        try:
            answer = self._running().wait(number, self._load_timeout_s)
        except WorkerTimeout:
            self._stop()
            raise LoadFailed(f"the model was not loaded within {self._load_timeout_s:g} s") from None
        except WorkerGone as gone:
            self._stop()
            raise _died_while_loading(gone) from None
        except Garbage as garbage:
            self._stop()
            raise LoadFailed(f"the GLM worker answered {garbage}") from None
        if answer.get("event") == "failed":
            self._stop()
            raise _ERRORS.get(str(answer.get("kind")), LoadFailed)(str(answer.get("message")))
        self._loading, self._loaded = None, True
        self._sample_rates = tuple(int(rate) for rate in answer.get("sample_rates", ())) or (NATIVE_RATE,)
        self._note_memory(answer)
        _, self._after_load_mb = _size(self._memory)

    def _stop(self) -> None:
        worker, self._worker = self._worker, None
        self._loaded = self._out_of_memory = False
        self._loading, self._tasks, self._memory = None, 0, {}
        if worker is not None:
            worker.kill()

    def _note_memory(self, answer: Message) -> None:
        memory = answer.get("memory")
        if isinstance(memory, dict):
            self._memory = memory

    def status(self) -> EngineStatus:
        """Return how the engine is, as of the latest answer."""
        memory, worker = self._memory, self._worker
        kind, size = _size(memory) if memory else ("rss", None)
        return EngineStatus(
            name=self.name, loaded=self._loaded and worker is not None, clones_voices=True,
            sample_rates=self._sample_rates, memory_mb=size, memory_kind=kind,
            worker_restarts=dict(self._restarts), detail="clones the reference voice",
        )  # fmt: skip

    def voices(self) -> tuple[Voice, ...]:
        """Return the built-in references; a request's own reference goes before them."""
        return REFERENCE_VOICES


def worker_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return the worker's environment: ours without this service's settings and systemd's sockets, offline."""
    kept = {
        name: value for name, value in env.items()
        if not name.startswith(("TTS_", "PYTHON", "GRADIO_", "CREDENTIALS_"))
        and name not in {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "VIRTUAL_ENV"}
    }  # fmt: skip
    code = Path(__file__).resolve().parents[2]
    return kept | {
        "PYTHONPATH": str(code), "PYTHONNOUSERSITE": "1", "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1",
    }  # fmt: skip


def _size(memory: Message) -> tuple[str, float]:
    kind = str(memory.get("kind", "rss"))
    return kind, float(memory.get(f"{kind}_mb") or 0.0)


def _died_while_loading(gone: WorkerGone) -> LoadFailed:
    for line in gone.fault_lines:
        log.error(line)
    return LoadFailed(f"the GLM worker died while loading: {gone}", f"GLM 进程在加载时退出：{gone}")


def _no_transcript() -> BadRequest:
    return BadRequest(
        "prompt_text", "the reference recording has no transcript", "参考音频没有对应的文字",
        "Write down exactly what is said in the recording.", fix_zh="请逐字写出参考音频中的内容。",
    )  # fmt: skip
