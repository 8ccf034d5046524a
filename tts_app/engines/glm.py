"""GLM-TTS in a worker process with its own interpreter: clones a voice from a short recording.

A process, because its packages clash with ours, its failures can kill a CUDA context or the whole
process, and only the end of a process gives all its device memory back.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path

from tts_app.audio.resample import resample
from tts_app.audio.speech_check import check_length
from tts_app.engines.base import (
    CancelCheck,
    EngineStatus,
    MemoryReport,
    PieceCallback,
    Reference,
    Speech,
    SpeechRequest,
    Voice,
)
from tts_app.engines.glm_supervisor import GlmSupervisor, size
from tts_app.engines.offered import check_rate, check_speed
from tts_app.engines.worker_process import WorkerProcess
from tts_app.errors import BadRequest, Cancelled, ConfigError
from tts_app.glm_worker.model import HIGH_RATE, HIGH_RATE_VOCODER, NATIVE_RATE
from tts_app.glm_worker.protocol import Message, pack
from tts_app.settings import Settings
from tts_app.text.check import prepare, speakable
from tts_app.text.split import split, units
from tts_app.voices.references import REFERENCE_VOICES, built_in_reference

_TOKENIZER_RATE = 16000
_OWN_PACE = (1.0, 1.0)  # GLM-TTS takes its pace from the reference


class GlmEngine:
    """See base.Engine."""

    name = "glm"

    def __init__(
        self,
        supervisor: GlmSupervisor,
        *,
        max_chars: int = 5000,
        default_voice: str | None = None,
        use_phoneme: bool = False,
    ) -> None:
        self._supervisor = supervisor
        self._max_chars, self._default_voice, self._use_phoneme = max_chars, default_voice, use_phoneme
        self._lock = threading.Lock()

    @classmethod
    def from_settings(cls, settings: Settings) -> GlmEngine:
        """Return the engine, not started yet. Raises ConfigError without TTS_GLM_PYTHON and TTS_GLM_ROOT."""
        python, root = settings.glm_python, settings.glm_root
        if python is None or root is None:
            raise ConfigError(["TTS_GLM_PYTHON and TTS_GLM_ROOT: needed by engine glm"])
        phonemes = ["--phonemes"] if settings.glm_phonemes else []
        argv = [str(python), "-m", "tts_app.glm_worker", str(root), *phonemes]
        supervisor = GlmSupervisor(
            lambda: WorkerProcess(argv, worker_environment(os.environ)),
            load_timeout_s=settings.load_timeout_s,
            task_timeout_s=settings.task_timeout_s,
            recycle_tasks=settings.recycle_tasks,
            recycle_rss_mb=settings.recycle_rss_mb,
            sample_rates=offered_rates(root),
        )
        return cls(
            supervisor,
            max_chars=settings.max_chars,
            default_voice=settings.voice,
            use_phoneme=settings.glm_phonemes,
        )

    def load(self) -> None:
        """Start the worker and wait until the model is loaded. Raises LoadFailed, OutOfMemory."""
        with self._lock:
            self._supervisor.ready()

    def unload(self) -> None:
        """End the worker; all its memory goes back, the CUDA context too."""
        with self._lock:
            self._supervisor.stop()

    def clear_memory(self) -> MemoryReport:
        """Empty torch's cache, or end the worker where that can't be enough (see GlmSupervisor.clear)."""
        with self._lock:
            return self._supervisor.clear()

    def synthesize(
        self,
        request: SpeechRequest,
        *,
        on_piece: PieceCallback | None = None,
        cancelled: CancelCheck | None = None,
    ) -> Speech:
        """Speak in the reference's voice, or in a built-in one when there is no reference."""
        text = prepare(request.text, max_chars=self._max_chars)
        reference = request.reference or built_in_reference(request.voice or self._default_voice)
        if not speakable(reference.transcript):  # GLM-TTS would take it for "." and imitate noise
            raise _no_transcript()
        check_speed(request, _OWN_PACE)
        if cancelled is not None and cancelled():
            raise Cancelled
        pieces = split(text)
        with self._lock:
            self._supervisor.ready()
            check_rate(request.sample_rate, self._supervisor.sample_rates)
            samples = self._supervisor.speak(self._task(pieces, request, reference), on_piece, cancelled)
        speech = Speech(samples, request.sample_rate, resampled=False, pieces=len(pieces))
        check_length(text, speech)
        return speech

    def _task(self, pieces: list[str], request: SpeechRequest, reference: Reference) -> Message:
        rates = {_TOKENIZER_RATE, request.sample_rate}
        return {
            "op": "speak",
            "pieces": pieces,
            "units": [units(piece) for piece in pieces],
            "sample_rate": request.sample_rate,
            "seed": request.seed,
            "use_phoneme": self._use_phoneme,
            "prompt_text": " ".join(reference.transcript.split()),
            "prompt": {
                rate: pack(resample(reference.samples, reference.sample_rate, rate)) for rate in rates
            },
        }

    def status(self) -> EngineStatus:
        """Return how the engine is, as of the worker's latest answer."""
        memory = self._supervisor.memory
        kind, megabytes = size(memory) if memory else ("rss", None)
        return EngineStatus(
            name=self.name,
            loaded=self._supervisor.well(),
            clones_voices=True,
            sample_rates=self._supervisor.sample_rates,
            memory_mb=megabytes,
            memory_kind=kind,
            worker_restarts=dict(self._supervisor.restarts),
            detail="clones the reference voice",
        )

    def voices(self) -> tuple[Voice, ...]:
        """Return the built-in references; a request's own reference goes before them."""
        return REFERENCE_VOICES


def offered_rates(root: Path) -> tuple[int, ...]:
    """Return the sample rates the checkout at `root` offers, in Hz, without loading it."""
    return (NATIVE_RATE, HIGH_RATE) if (root / HIGH_RATE_VOCODER).is_file() else (NATIVE_RATE,)


_NOT_FOR_WORKERS = (
    "TTS_",
    "PYTHON",
    "GRADIO_",
    "CREDENTIALS_",
    "NOTIFY_",
    "WATCHDOG_",
    "LISTEN_",
    "VIRTUAL_ENV",
)


def worker_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return the worker's environment: ours without the service's settings and systemd's sockets, offline."""
    kept = {name: value for name, value in env.items() if not name.startswith(_NOT_FOR_WORKERS)}
    return kept | {
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "PYTHONNOUSERSITE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
    }


def _no_transcript() -> BadRequest:
    return BadRequest(
        "prompt_text",
        "the reference recording has no transcript",
        "参考音频没有对应的文字",
        "Write down exactly what is said in the recording.",
        fix_zh="请逐字写出参考音频中的内容。",
    )
