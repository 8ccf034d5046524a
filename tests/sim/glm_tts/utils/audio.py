"""Stand-in for upstream's mel spectrogram, with its old defect: the caches ignore the sample rate.

Asked for 24 kHz and then for 32 kHz in one process, torch.stft refuses the window of the wrong length.
"""

from functools import partial

import torch

mel_basis = {}
hann_window = {}


def mel_spectrogram(y, n_fft, num_mels, sampling_rate, hop_size, win_size, fmin, fmax, center=False):
    key = f"{fmax}_{y.device}"
    if key not in mel_basis:
        mel_basis[key] = torch.rand(num_mels, n_fft // 2 + 1, device=y.device)
        hann_window[key] = torch.hann_window(win_size, device=y.device)
    spec = torch.stft(
        y,
        n_fft,
        hop_length=hop_size,
        win_length=win_size,
        window=hann_window[key],
        center=center,
        return_complex=True,
    )
    return torch.log(torch.clamp(mel_basis[key] @ spec.abs(), min=1e-5))


mel_spectrogram_24k = partial(
    mel_spectrogram,
    sampling_rate=24000,
    hop_size=480,
    n_fft=1920,
    num_mels=80,
    win_size=1920,
    fmin=0,
    fmax=8000,
)
