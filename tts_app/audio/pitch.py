"""Estimate how high a voice is, to choose between a female and a male preset."""

import numpy as np
from numpy.typing import NDArray

_LOWEST_HZ, _HIGHEST_HZ = 65.0, 400.0
_FRAME_S = 0.04
_MAX_FRAMES = 500
_VOICED = 0.5  # normalised autocorrelation above which a frame counts as voiced


def median_f0_hz(samples: NDArray[np.float32], rate: int) -> float | None:
    """Return the median fundamental frequency in Hz, or None when too little is voiced."""
    size = int(_FRAME_S * rate)
    count = min(len(samples) // size, _MAX_FRAMES) if size else 0
    if count == 0:
        return None
    frames = np.asarray(samples[: count * size], np.float64).reshape(count, size)
    pitches = [pitch for frame in frames if (pitch := _f0_hz(frame - frame.mean(), rate)) is not None]
    return float(np.median(pitches)) if len(pitches) >= 3 else None


def _f0_hz(frame: NDArray[np.float64], rate: int) -> float | None:
    spectrum = np.fft.rfft(frame, 2 * len(frame))
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[: len(frame)]
    if correlation[0] <= 1e-6 * len(frame):
        return None
    low, high = int(rate / _HIGHEST_HZ), min(int(rate / _LOWEST_HZ), len(frame) - 1)
    if low >= high:
        return None
    # Fewer samples overlap at longer lags; divide that out.
    window = correlation[low:high] / (correlation[0] * (1 - np.arange(low, high) / len(frame)))
    # The first strong peak, not the strongest: multiples of the period correlate as well.
    strong = np.flatnonzero(window >= max(_VOICED, 0.85 * window.max()))
    if not len(strong):
        return None
    first = strong[0]
    while first + 1 < len(window) and window[first + 1] > window[first]:
        first += 1
    return float(rate / (low + first))
