"""What kind of failure an exception in the worker is. The service turns each kind into one of its errors."""

from __future__ import annotations

from tts_app.glm_worker.words import without_text

OUT_OF_MEMORY = "out_of_memory"  # memory is full; the context still works
CONTEXT_DEAD = "context_dead"  # every later call in this process fails
LOAD_FAILED = "load_failed"
BAD_TOKEN = "bad_token"  # noqa: S105 - a speech token, no secret; the language model left the speech codebook; nothing is broken
RUNAWAY = "runaway"  # more speech than the text can have
CANCELLED = "cancelled"
BAD_REQUEST = "bad_request"
FAILED = "failed"  # anything else

# CUDA's own words. After any of these the context can't be used again by this process.
_DEAD_WORDS = (
    "device-side assert",
    "illegal memory access",
    "misaligned address",
    "unspecified launch failure",
    "an illegal instruction was encountered",
    "CUDA error: uncorrectable ECC",
    "CUDA error: invalid program counter",
    "CUDA error: hardware stack error",
    "device is lost",
    "CUDNN_STATUS_EXECUTION_FAILED",
    "CUBLAS_STATUS_EXECUTION_FAILED",
)
_MEMORY_WORDS = ("CUDA out of memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "DefaultCPUAllocator")
MAX_MESSAGE_CHARS = 600


class WorkerError(Exception):
    """Raised by the worker's own checks; `kind` is one of the words above."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def kind_of(error: BaseException, *, private: tuple[str, ...] = ()) -> str:
    """Return the kind of `error`; words that it may have from the user's texts don't count.

    Words of a dead context win: any error may repeat them.
    """
    if isinstance(error, WorkerError):
        return error.kind
    text = without_text(str(error), private)
    if any(word in text for word in _DEAD_WORDS):
        return CONTEXT_DEAD
    # torch.OutOfMemoryError by name: this module must work without torch.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return OUT_OF_MEMORY
    if isinstance(error, RuntimeError) and any(word in text for word in _MEMORY_WORDS):
        return OUT_OF_MEMORY
    return FAILED


def message_of(error: BaseException, *, private: tuple[str, ...] = ()) -> str:
    """Return the error's own words on one bounded line, without the user's texts (see words.py)."""
    text = str(error) if isinstance(error, WorkerError) else without_text(str(error), private)
    named = " ".join(text.split()) if isinstance(error, WorkerError) else f"{type(error).__name__}: {text}"
    return named[:MAX_MESSAGE_CHARS]
