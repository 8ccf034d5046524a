import numpy as np
import pytest

from tts_app.engines import kokoro_model
from tts_app.engines.base import Reference, SpeechRequest
from tts_app.engines.kokoro import KokoroEngine
from tts_app.engines.kokoro_model import MAX_TOKENS, joined_model
from tts_app.errors import BadRequest, Cancelled, EngineError, EngineStuck, LoadFailed, OutOfMemory
from tts_app.voices import PRESETS, STYLE_SHAPE, styles


class Model:
    """A token for each character; a hundredth of a second of sound for each token."""

    def __init__(self):
        self.runs = []

    def tokens(self, phonemes):
        return [1 for char in phonemes if char.isalnum()]

    def run(self, tokens, voice_styles, speed):
        self.runs.append((len(tokens), voice_styles, speed))
        return np.full(240 * len(tokens), 0.1, np.float32)


def engine(model=None, **kwargs):
    model = model or Model()
    return KokoroEngine(lambda: model, lambda: str, **kwargs)


def voice_used(model):
    return next(v.id for v in PRESETS if np.array_equal(styles(v.id), model.runs[-1][1]))


def speaker(pitch_hz):
    t = np.arange(24000) / 24000
    tone = sum(np.sin(2 * np.pi * k * pitch_hz * t) / k for k in range(1, 6))
    return Reference(tone.astype(np.float32) * 0.1, 24000, "")


def test_speech_at_the_native_rate_is_not_called_resampled():
    speech = engine().synthesize(SpeechRequest("你好世界"))
    assert (speech.sample_rate, speech.resampled, speech.pieces) == (24000, False, 1)
    assert speech.duration_s == pytest.approx(0.04)


def test_32_khz_lasts_as_long_and_is_called_resampled():
    speech = engine().synthesize(SpeechRequest("你好世界", sample_rate=32000))
    assert (speech.sample_rate, speech.resampled) == (32000, True)
    assert speech.duration_s == pytest.approx(0.04, abs=0.001)


@pytest.mark.parametrize(
    ("text", "reference", "voice"),
    [
        ("你好", None, "zf_xiaoxiao"),
        ("hello", None, "af_heart"),
        ("你好", speaker(110), "zm_yunxi"),
        ("hello", speaker(110), "am_michael"),
        ("你好", speaker(220), "zf_xiaoxiao"),
    ],
)
def test_the_preset_fits_the_language_and_the_pitch_of_the_reference(text, reference, voice):
    model = Model()
    engine(model).synthesize(SpeechRequest(text, reference=reference))
    assert voice_used(model) == voice


def test_a_named_voice_goes_before_the_settings_voice_and_both_before_the_language():
    model = Model()
    speaks = engine(model, default_voice="zm_yunxi")
    speaks.synthesize(SpeechRequest("hello"))
    assert voice_used(model) == "zm_yunxi"
    speaks.synthesize(SpeechRequest("hello", voice="am_michael"))
    assert voice_used(model) == "am_michael"


@pytest.mark.parametrize(
    ("change", "field"),
    [({"voice": "../etc"}, "voice"), ({"sample_rate": 44100}, "sample_rate"), ({"speed": 0.4}, "speed"),
     ({"speed": 2.1}, "speed"), ({"speed": float("nan")}, "speed"), ({"text": "。"}, "text")],
)  # fmt: skip
def test_what_it_cannot_do_is_refused_by_name_before_anything_is_loaded(change, field):
    unloadable = KokoroEngine(lambda: pytest.fail("loaded"), lambda: pytest.fail("loaded"))
    with pytest.raises(BadRequest) as caught:
        unloadable.synthesize(SpeechRequest(**{"text": "你好", **change}))
    assert caught.value.field == field


def test_a_piece_with_too_many_tokens_is_cut_further_and_nothing_is_lost():
    model = Model()
    long_phonemes = KokoroEngine(lambda: model, lambda: lambda text: text * 40)
    long_phonemes.synthesize(SpeechRequest("一二三四五六七八九十" * 3))
    assert all(count <= MAX_TOKENS for count, *_ in model.runs)
    assert sum(count for count, *_ in model.runs) == 30 * 40


def test_one_word_with_too_many_tokens_is_cut_short_rather_than_refused():
    model = Model()
    KokoroEngine(lambda: model, lambda: lambda text: "a" * 2000).synthesize(SpeechRequest("好"))
    assert [count for count, *_ in model.runs] == [MAX_TOKENS]


def test_a_text_without_any_phoneme_is_refused():
    silent = KokoroEngine(Model, lambda: lambda text: "")
    with pytest.raises(BadRequest):
        silent.synthesize(SpeechRequest("好"))


def test_progress_counts_pieces():
    seen = []
    engine().synthesize(SpeechRequest("今天天气很好，我们去公园吧。" * 8), on_piece=lambda *p: seen.append(p))
    assert seen == [(n + 1, len(seen)) for n in range(len(seen))]
    assert len(seen) > 1


def test_cancelling_ends_it_between_pieces():
    model = Model()
    with pytest.raises(Cancelled):
        engine(model).synthesize(SpeechRequest("今天天气很好。" * 30), cancelled=lambda: len(model.runs) == 2)
    assert len(model.runs) == 2


def test_a_task_over_its_time_ends_between_pieces():
    times = iter(range(0, 10_000, 100))
    slow = engine(task_timeout_s=150, clock=lambda: next(times))
    with pytest.raises(EngineStuck, match="150 s"):
        slow.synthesize(SpeechRequest("今天天气很好。" * 60))


@pytest.mark.parametrize("error", [OutOfMemory("bad_alloc"), EngineError("x"), MemoryError()])
def test_after_a_failure_the_next_text_is_spoken(error):
    class FailsOnce(Model):
        def run(self, *args):
            if not self.runs:
                self.runs.append(None)
                raise error
            return super().run(*args)

    speaks = engine(FailsOnce())
    with pytest.raises(type(error)):
        speaks.synthesize(SpeechRequest("你好"))
    assert speaks.synthesize(SpeechRequest("你好")).duration_s > 0


def test_clearing_drops_the_model_and_the_next_text_loads_it_again():
    loads = []
    speaks = KokoroEngine(lambda: loads.append(1) or Model(), lambda: str)
    speaks.load()
    speaks.load()
    report = speaks.clear_memory()
    assert (report.kind, report.still_loaded, speaks.status().loaded) == ("rss", False, False)
    speaks.synthesize(SpeechRequest("你好"))
    assert len(loads) == 2 and speaks.status().loaded


def test_it_says_that_it_cannot_clone():
    status = engine().status()
    assert not status.clones_voices
    assert "not a clone" in status.detail


def test_every_preset_has_its_vectors():
    for voice in PRESETS:
        assert styles(voice.id).shape == STYLE_SHAPE
        assert np.isfinite(styles(voice.id)).all()


class Session:
    """Stands for ONNX Runtime's session; keeps what it was given."""

    def __init__(self, model, options, **_):
        self.options, self.each_run = options, None

    def run(self, names, feeds, each_run=None):
        self.each_run = each_run
        return [np.zeros(10, np.float32)]


def test_the_memory_arena_is_emptied_after_every_piece_and_holds_no_weights(monkeypatch):
    monkeypatch.setattr(kokoro_model, "joined_model", lambda: b"model")
    monkeypatch.setattr(kokoro_model.onnxruntime, "InferenceSession", Session)
    model = kokoro_model.KokoroModel(threads=3)
    model.run([1, 2], np.zeros((510, 256), np.float32), 1.0)
    session = model._session
    assert session.each_run.get_run_config_entry("memory.enable_memory_arena_shrinkage") == "cpu:0"
    assert session.options.get_session_config_entry("session.use_device_allocator_for_initializers") == "1"
    assert not session.options.enable_mem_pattern  # it would hold a block for every length it has seen
    assert session.options.intra_op_num_threads == 3


def test_a_model_package_that_is_missing_or_altered_is_a_failed_load(tmp_path, monkeypatch):
    with pytest.raises(LoadFailed, match="not installed"):
        joined_model(("kokoro_no_such_part",), "0")
    (tmp_path / "altered_part").mkdir()
    (tmp_path / "altered_part" / "__init__.py").touch()
    (tmp_path / "altered_part" / "part.bin").write_bytes(b"x")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(LoadFailed, match="checksum"):
        joined_model(("altered_part",), "0")
