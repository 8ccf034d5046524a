import numpy as np
import pytest

from tts_app.audio.speech_check import check_length, plausible_s
from tts_app.engines.base import Speech
from tts_app.errors import EngineError

RATE = 24000


def speech(seconds, level=0.1):
    return Speech(np.full(int(seconds * RATE), level, np.float32), RATE, resampled=False, pieces=1)


# F6: without the end-of-audio token a model was seen to speak 82 s for a few words, or nothing.
@pytest.mark.parametrize(
    ("seconds", "ok"),
    [(0.05, False), (1.0, True), (11.0, True), (82.0, False)],
    ids=["cut", "usual", "slow", "runaway"],
)
def test_the_length_must_fit_the_text(seconds, ok):
    if ok:
        check_length("你好世界", speech(seconds))
    else:
        with pytest.raises(EngineError, match="s of speech for a text that takes"):
            check_length("你好世界", speech(seconds))


def test_silence_is_no_speech():
    with pytest.raises(EngineError, match="silent"):
        check_length("你好", speech(1, level=0.0))


def test_no_samples_are_no_speech():
    with pytest.raises(EngineError):
        check_length("你好", speech(0))


def test_faster_speech_may_be_shorter():
    assert plausible_s("你好世界", speed=2.0)[0] < plausible_s("你好世界")[0]
