"""The last fallback, with the real program."""

import shutil

import pytest

from tts_app.audio.speech_check import check_length, rms
from tts_app.engines.base import SpeechRequest
from tts_app.settings import Settings
from tts_app.substitute import make_substitute

pytestmark = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")


@pytest.mark.parametrize(
    "text", ["你好，世界。今天天气很好。", "hello world", "今天用 GPU 跑模型，花了3小时。"]
)
@pytest.mark.parametrize("rate", [24000, 32000])
def test_it_speaks_chinese_and_english_and_says_who_spoke(text, rate):
    substitute = make_substitute(Settings())
    speech = substitute.synthesize(SpeechRequest(text, sample_rate=rate), on_piece=None, cancelled=None)
    check_length(text, speech)
    assert rms(speech) > 0.02
    assert (speech.sample_rate, speech.resampled, speech.spoken_by) == (rate, True, "espeak")
