"""The real worker in trouble, with real torch on the CPU: killed, replaced, told; the next text is spoken."""

import logging
import os
import signal

import pytest

from tests.e2e.glm_lab import HELLO
from tts_app.engines.base import SpeechRequest
from tts_app.errors import (
    ContextDead,
    EngineError,
    EngineStuck,
    LoadFailed,
    OutOfMemory,
)


def test_out_of_memory_keeps_torchs_words_and_the_worker(lab):
    engine = lab.ready()
    lab.order(fault="oom", times=1)
    with pytest.raises(OutOfMemory, match=r"CUDA out of memory\. Tried to allocate"):
        engine.synthesize(HELLO)
    assert engine.synthesize(HELLO).duration_s > 0
    assert lab.restarts() == {}


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
