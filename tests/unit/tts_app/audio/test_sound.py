import numpy as np
import pytest

from tts_app.audio.pitch import median_f0_hz
from tts_app.audio.resample import resample


def voice(pitch_hz, rate=24000, seconds=1.0):
    t = np.arange(int(rate * seconds)) / rate
    return sum(0.1 / k * np.sin(2 * np.pi * k * pitch_hz * t) for k in range(1, 9)).astype(np.float32)


@pytest.mark.parametrize("pitch_hz", [90, 120, 200, 260])
def test_the_pitch_of_a_voice_is_found(pitch_hz):
    assert median_f0_hz(voice(pitch_hz), 24000) == pytest.approx(pitch_hz, rel=0.05)


@pytest.mark.parametrize("samples", [np.zeros(24000, np.float32), np.zeros(0, np.float32), voice(200)[:50]])
def test_without_a_voice_there_is_no_pitch(samples):
    assert median_f0_hz(samples, 24000) is None


def test_noise_has_no_pitch():
    noise = np.random.default_rng(1).normal(0, 0.1, 24000).astype(np.float32)
    assert median_f0_hz(noise, 24000) is None


def test_resampling_keeps_the_length_in_seconds_and_the_pitch():
    changed = resample(voice(200), 24000, 32000)
    assert len(changed) == pytest.approx(32000, abs=2)
    assert median_f0_hz(changed, 32000) == pytest.approx(200, rel=0.05)


def test_the_same_rate_changes_nothing():
    samples = voice(200)
    assert resample(samples, 24000, 24000) is samples


def test_resampling_stays_within_full_scale():
    square = np.sign(voice(200)).astype(np.float32)
    assert np.abs(resample(square, 24000, 32000)).max() <= 1.0
