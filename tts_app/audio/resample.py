"""Change a sample rate."""

import numpy as np
import soxr
from numpy.typing import NDArray


def resample(samples: NDArray[np.float32], rate: int, new_rate: int) -> NDArray[np.float32]:
    """Return mono `samples` at `new_rate` Hz, limited to [-1, 1]."""
    if rate == new_rate:
        return samples
    converted = soxr.resample(samples, rate, new_rate, quality="HQ")
    return np.clip(np.asarray(converted, np.float32), -1.0, 1.0)
