"""Can this sound be the speech of that text? Plausible length, and not silent."""

import numpy as np

from tts_app.engines.base import Speech
from tts_app.errors import EngineError
from tts_app.text.split import units

MIN_RMS = 0.002  # quieter is silence; speech has 0.03 and more
_FASTEST_S_PER_UNIT = 0.05
_SLOWEST_S_PER_UNIT = 1.0
_EXTRA_S = 10.0  # for pauses and short texts


def plausible_s(text: str, speed: float = 1.0) -> tuple[float, float]:
    """Return the shortest and the longest plausible duration of `text` in seconds."""
    weight = units(text)
    return weight * _FASTEST_S_PER_UNIT / speed, (weight * _SLOWEST_S_PER_UNIT + _EXTRA_S) / speed


def rms(speech: Speech) -> float:
    """Return the root mean square of the samples, 0 for none."""
    return (
        float(np.sqrt(np.mean(np.square(speech.samples, dtype=np.float64)))) if len(speech.samples) else 0.0
    )


def check_length(text: str, speech: Speech, speed: float = 1.0) -> None:
    """Raise EngineError unless `speech` has a plausible length and isn't silent.

    An autoregressive model can run away (minutes for a word) or stop at once, without an error of its own.
    """
    shortest, longest = plausible_s(text, speed)
    if not shortest <= speech.duration_s <= longest:
        raise EngineError(
            f"{speech.duration_s:.1f} s of speech for a text that takes {shortest:.1f} to {longest:.1f} s",
            f"合成时长 {speech.duration_s:.1f} 秒，合理范围为 {shortest:.1f} 到 {longest:.1f} 秒",
        )
    if rms(speech) < MIN_RMS:
        raise EngineError("the speech is silent", "合成结果为静音")
