import io
import subprocess

import numpy as np
import pytest
import soundfile

from tts_app.engines.base import SpeechRequest
from tts_app.engines.espeak import EspeakEngine
from tts_app.errors import BadRequest, Cancelled, EngineError, EngineStuck, LoadFailed


def wav(rate=22050):
    out = io.BytesIO()
    soundfile.write(out, np.full(rate, 0.1), rate, format="WAV")
    return out.getvalue()


class Program:
    """Stands in for subprocess.run."""

    def __init__(self, stdout=None, returncode=0, error=None):
        self.stdout, self.returncode, self.error, self.calls = (
            wav() if stdout is None else stdout,
            returncode,
            error,
            [],
        )

    def __call__(self, argv, *, input, **kwargs):
        self.calls.append((argv, input.decode()))
        if self.error:
            raise self.error
        return subprocess.CompletedProcess(argv, self.returncode, self.stdout, b"")


def engine(program, path="/usr/bin/espeak-ng", **kwargs):
    return EspeakEngine(path, run=program, **kwargs)


@pytest.mark.parametrize(
    ("text", "voice"), [("你好", "cmn-latn-pinyin"), ("hello", "en-us"), ("说 hello", "cmn-latn-pinyin")]
)
def test_chinese_is_read_by_the_voice_that_does_not_spell_pinyin(text, voice):
    program = Program()
    engine(program).synthesize(SpeechRequest(text))
    argv = program.calls[0][0]
    assert argv[argv.index("-v") + 1] == voice


def test_a_named_voice_goes_before_the_settings_voice_and_both_before_the_language():
    program = Program()
    speaks = engine(program, default_voice="en-us")
    speaks.synthesize(SpeechRequest("你好"))
    speaks.synthesize(SpeechRequest("hello", voice="cmn-latn-pinyin"))
    assert [argv[argv.index("-v") + 1] for argv, _ in program.calls] == ["en-us", "cmn-latn-pinyin"]


def test_the_text_goes_in_by_standard_input_never_by_argument():
    program = Program()
    engine(program).synthesize(SpeechRequest("--help 你好"))
    argv, text = program.calls[0]
    assert text == "--help 你好" and "--help" not in " ".join(argv)


@pytest.mark.parametrize("rate", [24000, 32000])
def test_the_sound_has_the_rate_that_was_asked_for(rate):
    speech = engine(Program()).synthesize(SpeechRequest("你好", sample_rate=rate))
    assert speech.resampled and speech.duration_s == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(
    ("program", "error"),
    [
        (Program(returncode=1), EngineError),
        (Program(stdout=b""), EngineError),
        (Program(stdout=b"no sound"), EngineError),
        (Program(error=subprocess.TimeoutExpired("espeak-ng", 30)), EngineStuck),
        (Program(error=PermissionError(13, "Permission denied")), LoadFailed),
    ],
)
def test_every_failure_is_typed(program, error):
    with pytest.raises(error):
        engine(program).synthesize(SpeechRequest("你好"))


def test_a_missing_program_is_a_failed_load_that_names_the_package():
    with pytest.raises(LoadFailed, match="apt install espeak-ng"):
        engine(Program(), path=None).load()


def test_an_unknown_voice_is_refused_before_it_becomes_an_argument():
    program = Program()
    with pytest.raises(BadRequest):
        engine(program).synthesize(SpeechRequest("你好", voice="--path=/tmp"))
    assert program.calls == []


def test_cancelling_ends_it_between_pieces():
    program = Program()
    with pytest.raises(Cancelled):
        engine(program).synthesize(
            SpeechRequest("今天天气很好。" * 40), cancelled=lambda: len(program.calls) == 1
        )
    assert len(program.calls) == 1
