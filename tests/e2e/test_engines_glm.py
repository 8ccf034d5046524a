"""The real worker and the real supervisor, with real torch on the CPU; GLM-TTS itself is the stand-in."""

import itertools
import json
import logging
import os
import signal
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.glm_env import STAND_IN, glm_python
from tts_app.engines import make_engine
from tts_app.engines.base import Reference, SpeechRequest
from tts_app.errors import (
    BadRequest,
    Cancelled,
    ContextDead,
    EngineError,
    EngineStuck,
    LoadFailed,
    OutOfMemory,
)
from tts_app.settings import Settings

PATIENCE_S = 240.0
HELLO = SpeechRequest("你好，世界。今天我们说说语音。")
LONG = SpeechRequest("你好，世界。今天天气很好，我们去公园。" * 12)


class Lab:
    """Makes engines, tells the stand-in what to do and reads what it saw."""

    def __init__(self, folder):
        self.folder, self._control, self._report = folder, folder / "control.json", folder / "report.json"
        self._engines, self.shared = [], None
        self._seen_before, self._restarts_before = {}, {}
        self._numbers = itertools.count()

    @property
    def environment(self):
        return {"SIM_GLM_CONTROL": str(self._control), "SIM_GLM_REPORT": str(self._report)}

    def engine(self, **changes):
        """Return an engine with a worker of its own."""
        settings = Settings(
            **{
                "engine": "glm", "data_dir": self.folder, "glm_python": glm_python(), "glm_root": STAND_IN,
                "load_timeout_s": PATIENCE_S, "task_timeout_s": PATIENCE_S, **changes,
            }
        )  # fmt: skip
        self._engines.append(make_engine(settings))
        return self._engines[-1]

    def ready(self):
        """Return the engine all tests share, loaded and well; what is seen from now on counts."""
        self._control.unlink(missing_ok=True)
        self.shared = self.shared or self.engine()
        self.shared.load()
        self._seen_before = json.loads(self._report.read_text())
        self._restarts_before = Counter(self.shared.status().worker_restarts)
        return self.shared

    def order(self, **orders):
        draft = self.folder / "draft.json"
        draft.write_text(json.dumps({**orders, "number": next(self._numbers)}))  # an order of its own
        draft.replace(self._control)

    def heal(self):
        self._control.unlink()

    def seen(self):
        """Return what the worker saw since the test began; everything when the worker is a new one."""
        now = json.loads(self._report.read_text())
        same = now["pid"] == self._seen_before.get("pid")
        return {k: v - self._seen_before[k] if same and k != "pid" else v for k, v in now.items()}

    def restarts(self):
        """Return why the shared engine's worker was replaced since the test began."""
        return dict(Counter(self.shared.status().worker_restarts) - self._restarts_before)

    def close(self):
        for engine in self._engines:
            engine.unload()


@pytest.fixture(scope="module")
def module_lab(tmp_path_factory):
    made = Lab(tmp_path_factory.mktemp("glm"))
    yield made
    made.close()


@pytest.fixture
def lab(module_lab, monkeypatch):
    for name, value in module_lab.environment.items():
        monkeypatch.setenv(name, value)
    return module_lab


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A lab of the test's own, for engines with other settings or a worker that must not be shared."""
    made = Lab(tmp_path)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    yield made
    made.close()


def test_both_rates_come_from_one_loaded_model_in_any_order(lab):
    engine = lab.ready()
    for rate in (24000, 32000, 24000, 32000):  # F1, F2: the stand-in has upstream's old mel cache
        speech = engine.synthesize(SpeechRequest("你好，世界。", sample_rate=rate))
        assert (speech.sample_rate, speech.resampled) == (rate, False)
        assert 0.5 < speech.duration_s < 5
    assert lab.seen()["loads"] == 0
    assert engine.status().sample_rates == (24000, 32000)


def test_everything_runs_in_inference_mode_and_the_cache_is_emptied_after_every_text(lab):
    engine = lab.ready()
    for _ in range(3):
        engine.synthesize(HELLO)
    lab.order(fault="oom")
    with pytest.raises(OutOfMemory):
        engine.synthesize(HELLO)
    seen = lab.seen()
    assert seen["outside_inference_mode"] == 0  # F12
    assert seen["texts"] == 4 and seen["empty_cache"] == 4  # F13: after good and bad ones
    assert seen["used_caches"] == 0  # F10: upstream appends to the cache it is given


def test_a_long_text_is_spoken_in_pieces_with_progress(lab):
    done = []
    speech = lab.ready().synthesize(LONG, on_piece=lambda *p: done.append(p))
    assert speech.pieces == len(done) == lab.seen()["pieces"] > 1
    assert done[-1] == (speech.pieces, speech.pieces)


def test_an_english_sentence_that_crashes_upstreams_splitter_is_spoken(lab):
    sentence = " ".join(["internationalization"] * 29)  # F4
    assert lab.ready().synthesize(SpeechRequest(sentence)).pieces > 1


def test_the_same_seed_and_reference_give_the_same_length_and_the_reference_sets_the_pitch(lab):
    engine = lab.ready()
    quiet, loud = (Reference(np.full(64000, level, np.float32), 16000, "参考文本") for level in (0.01, 0.9))
    first, second = (engine.synthesize(SpeechRequest("你好，世界。", reference=r)) for r in (quiet, loud))
    assert len(first.samples) == len(second.samples)
    assert not np.allclose(first.samples, second.samples)


def test_out_of_memory_keeps_torchs_words_and_the_worker(lab):
    engine = lab.ready()
    lab.order(fault="oom", times=1)
    with pytest.raises(OutOfMemory, match=r"CUDA out of memory\. Tried to allocate"):
        engine.synthesize(HELLO)
    assert engine.synthesize(HELLO).duration_s > 0
    assert lab.restarts() == {}


def test_clearing_memory_after_out_of_memory_gives_a_new_worker(lab):
    engine = lab.ready()
    engine.load()
    lab.order(fault="oom", until="new_worker")
    with pytest.raises(OutOfMemory):
        engine.synthesize(HELLO)
    report = engine.clear_memory()
    assert report.before_mb > 0 and report.after_mb == 0 and not report.still_loaded
    assert engine.synthesize(HELLO).duration_s > 0


def test_clearing_memory_that_leaked_gives_a_new_worker(lab):
    engine = lab.ready()
    engine.synthesize(HELLO)
    before = engine.clear_memory()
    assert before.still_loaded
    lab.order(fault="leak", leak_mb=400)
    engine.synthesize(HELLO)
    assert not engine.clear_memory().still_loaded
    assert lab.restarts() == {"memory": 1}


@pytest.mark.parametrize("fault", ["device_assert", "illegal_access"])
def test_a_dead_context_replaces_the_worker(lab, fault):
    engine = lab.ready()
    lab.order(fault=fault, times=1)
    with pytest.raises(ContextDead, match="CUDA error"):
        engine.synthesize(HELLO)
    lab.heal()
    assert engine.synthesize(HELLO).duration_s > 0
    assert lab.restarts() == {"context_dead": 1}


def test_a_segmentation_fault_is_logged_with_its_stack_and_survived(lab, caplog):
    engine = lab.ready()
    lab.order(fault="segfault")
    with caplog.at_level(logging.ERROR), pytest.raises(EngineError, match="Segmentation fault"):
        engine.synthesize(HELLO)
    assert "Fatal Python error: Segmentation fault" in caplog.text
    assert "你好" not in caplog.text  # upstream prints what it speaks; it must not reach the log
    lab.heal()
    assert engine.synthesize(HELLO).duration_s > 0
    assert lab.restarts() == {"segfault": 1}


def test_a_worker_killed_from_outside_is_survived(lab):
    engine = lab.ready()
    engine.synthesize(HELLO)
    os.kill(lab.seen()["pid"], signal.SIGKILL)
    try:
        engine.synthesize(HELLO)  # the death may be noticed before the text is sent, or after
    except EngineError as error:
        assert "SIGKILL" in error.message_en
    assert engine.synthesize(HELLO).duration_s > 0
    assert sum(lab.restarts().values()) == 1


def test_a_hanging_worker_is_killed_at_the_time_limit(own):
    engine = own.engine(task_timeout_s=3)
    engine.load()
    own.order(fault="hang")
    with pytest.raises(EngineStuck):
        engine.synthesize(HELLO)
    assert dict(engine.status().worker_restarts) == {"stuck": 1}


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("bad_token", "outside 0..32767"),  # F3
        ("runaway", "speech tokens for a text that needs at most"),  # F6
        ("silence", "silent"),
        ("nan", "not numbers"),
    ],
)
def test_wrong_results_are_refused_and_the_worker_stays(lab, fault, words):
    engine = lab.ready()
    lab.order(fault=fault)
    with pytest.raises(EngineError, match=words):
        engine.synthesize(HELLO)
    lab.heal()
    assert engine.synthesize(HELLO).duration_s > 0
    assert lab.restarts() == {}


def test_an_exception_that_quotes_the_text_is_told_without_it(lab, caplog):
    engine = lab.ready()
    lab.order(fault="quote")
    with pytest.raises(EngineError, match="ValueError: cannot speak <text>") as caught:
        engine.synthesize(SpeechRequest("我的密码是3，别告诉别人。"))
    lab.heal()
    for told in (caplog.text, str(caught.value)):
        assert "密码" not in told
    assert "generate_long" in caplog.text  # where it happened is told


def test_a_worker_that_dies_while_loading_leaves_its_last_words(own):
    own.order(fault="load_exit")
    with pytest.raises(LoadFailed, match=r"exit status 127: ImportError: libcudart\.so\.12") as caught:
        own.engine().load()
    assert "ImportError: libcudart.so.12" in caught.value.__notes__[0]


def test_a_failed_load_names_the_missing_file_and_can_be_tried_again(own):
    own.order(fault="load_failed")
    engine = own.engine()
    with pytest.raises(LoadFailed, match=r"FileNotFoundError.*ckpt/llm/config.json"):
        engine.load()
    own.heal()
    engine.load()  # F2
    assert engine.status().loaded


def test_cancelling_ends_a_text_between_pieces(lab):
    engine = lab.ready()
    engine.load()
    lab.order(slow_s=0.3)
    pieces, give_up = [], threading.Event()

    def on_piece(done, total):
        pieces.append((done, total))
        give_up.set()

    with pytest.raises(Cancelled):
        engine.synthesize(LONG, on_piece=on_piece, cancelled=give_up.is_set)
    assert len(pieces) < pieces[0][1]
    lab.heal()
    assert engine.synthesize(HELLO).duration_s > 0


def test_a_worker_is_recycled_after_so_many_texts(own):
    engine = own.engine(recycle_tasks=2)
    for _ in range(3):
        engine.synthesize(HELLO)
    assert dict(engine.status().worker_restarts) == {"recycled": 1}


def test_a_text_with_nothing_to_speak_never_reaches_the_worker(own):
    engine = own.engine()
    with pytest.raises(BadRequest):
        engine.synthesize(SpeechRequest("😀。。。"))  # F5
    assert not engine.status().loaded


def test_unloading_leaves_no_process_behind(own):
    engine = own.engine()
    engine.synthesize(HELLO)
    pid = own.seen()["pid"]
    engine.unload()
    assert not Path(f"/proc/{pid}").exists()  # killed and waited for
