"""Checks around GLM-TTS's own functions, where it would go on with wrong values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tts_app.glm_worker.failures import BAD_TOKEN, CANCELLED, RUNAWAY, WorkerError

CODEBOOK_SIZE = 32768  # speech tokens are 0 to 32767
TOKENS_PER_S = 25
MIN_TOKENS_ALLOWED = 10 * TOKENS_PER_S  # a short text may be spoken slowly, up to 10 s
MAX_S_PER_UNIT = 1.0  # a Chinese character takes 0.2 to 0.35 s

LlmForward = Callable[..., "list[int]"]


def check_tokens(tokens: list[int], units: float) -> list[int]:
    """Return `tokens` when all are in the codebook and not far too many for a text of that many units.

    Outside the codebook the flow's embedding is indexed out of range: on a GPU that is a device-side assert,
    after which every call in the process fails. Upstream only prints a warning.
    """
    if not tokens:
        raise WorkerError(BAD_TOKEN, "the language model returned no speech token")
    wrong = [token for token in tokens if not 0 <= token < CODEBOOK_SIZE]
    if wrong:
        raise WorkerError(
            BAD_TOKEN, f"{len(wrong)} speech tokens outside 0..{CODEBOOK_SIZE - 1}, first {wrong[0]}"
        )
    limit = max(MIN_TOKENS_ALLOWED, int(units * MAX_S_PER_UNIT * TOKENS_PER_S))
    if len(tokens) > limit:
        raise WorkerError(RUNAWAY, f"{len(tokens)} speech tokens for a text that needs at most {limit}")
    return tokens


def guarded_forward(forward: LlmForward, *, units: float, cancelled: Callable[[], bool]) -> LlmForward:
    """Return GLM-TTS's local_llm_forward with the token check behind it and the cancel check before it."""

    def checked(*args: Any, **kwargs: Any) -> list[int]:
        if cancelled():
            raise WorkerError(CANCELLED, "cancelled")
        return check_tokens([int(token) for token in forward(*args, **kwargs)], units)

    return checked


def forget_mel_cache(audio_module: Any) -> None:
    """Empty upstream's mel and window caches; call when the sample rate changes.

    Older commits key them by fmax and device only, so that 32 kHz after 24 kHz in one process fails in stft.
    """
    for name in ("mel_basis", "hann_window"):
        cache = getattr(audio_module, name, None)
        if isinstance(cache, dict):
            cache.clear()
