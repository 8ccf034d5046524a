"""Is this really the speech that was asked for? Plausible length, not silent, right sample rate, whole."""

from __future__ import annotations

import numpy as np

from tts_app.audio.speech_check import MIN_RMS, plausible_s
from tts_app.batch.tasks import Task
from tts_app.batch.wavfile import WavFacts
from tts_app.engines.base import Speech
from tts_app.errors import EngineError


class Implausible(EngineError):
    """The engine answered, and what it answered can't be this text."""

    zh = "合成结果不可信"


def check_speech(task: Task, speech: Speech) -> None:
    """Raise Implausible unless `speech` can be `task`'s text."""
    if speech.samples.ndim != 1 or len(speech.samples) == 0:
        raise Implausible("the engine returned no sound", "引擎没有返回声音")
    if not np.isfinite(speech.samples).all():
        raise Implausible("the sound holds numbers that are none (NaN)", "声音数据含有无效数值")
    rms = float(np.sqrt(np.mean(np.square(speech.samples, dtype=np.float64))))
    _check(task, speech.duration_s, speech.sample_rate, rms)


def check_file(task: Task, facts: WavFacts) -> None:
    """Raise Implausible unless a finished file can be `task`'s text."""
    _check(task, facts.duration_s, facts.sample_rate, facts.rms)


def _check(task: Task, duration_s: float, sample_rate: int, rms: float) -> None:
    if sample_rate != task.sample_rate:
        raise Implausible(
            f"{sample_rate} Hz instead of {task.sample_rate} Hz",
            f"采样率 {sample_rate} Hz，应为 {task.sample_rate} Hz",
        )
    if rms < MIN_RMS:
        raise Implausible("the sound is silent", "声音为静音")
    low, high = plausible_s(task.spoken_text, task.speed)
    if not low <= duration_s <= high:
        raise Implausible(
            f"{duration_s:.1f} s of sound; {low:.1f} to {high:.1f} s are plausible for this text",
            f"声音长 {duration_s:.1f} 秒；该文本合理范围为 {low:.1f} 到 {high:.1f} 秒",
        )
