"""Whatever a GLM worker does, the next text is spoken and people learn why the last one wasn't."""

import pytest

from tests.unit.tts_app.engines.scripted_glm import AtLoad, Worker, engine, failed, restarts, spoken
from tts_app.engines.base import SpeechRequest
from tts_app.engines.glm import GlmEngine
from tts_app.engines.glm_supervisor import GlmSupervisor
from tts_app.engines.worker_process import WorkerGone, WorkerTimeout
from tts_app.errors import (
    Cancelled,
    ContextDead,
    EngineError,
    EngineStuck,
    LoadFailed,
    OutOfMemory,
)
from tts_app.glm_worker.protocol import Garbage


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        (failed("context_dead", "CUDA error: device-side assert triggered"), ContextDead, "context_dead"),
        (WorkerGone(-11, ("Fatal Python error: Segmentation fault",)), EngineError, "segfault"),
        (WorkerGone(3, ()), EngineError, "died"),
        (WorkerTimeout("no answer"), EngineStuck, "stuck"),
        (Garbage("7 bytes that are no JSON"), EngineError, "protocol"),
        ({"event": "spoken", "samples": "AAA"}, EngineError, "protocol"),
        ({"event": "spoken"}, EngineError, "protocol"),
    ],
)
def test_a_broken_worker_is_killed_replaced_and_counted_and_the_next_text_is_spoken(answer, error, reason):
    speaks, fleet = engine([answer])
    with pytest.raises(error):
        speaks.synthesize(SpeechRequest("你好世界"))
    assert fleet.started[0].killed
    assert restarts(speaks) == {reason: 1}
    assert speaks.synthesize(SpeechRequest("你好世界")).duration_s == 1.0
    assert len(fleet.started) == 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (
            failed("out_of_memory", "OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB"),
            OutOfMemory,
        ),
        (failed("bad_token", "1 speech tokens outside"), EngineError),
        (failed("runaway", "960 speech tokens"), EngineError),
        (failed("failed", "IndexError: list index"), EngineError),
        (failed("cancelled", "cancelled"), Cancelled),
        (spoken(level=0.0), EngineError),
        (spoken(seconds=60), EngineError),
    ],
)
def test_a_failed_task_leaves_the_worker_alone(answer, error):
    speaks, fleet = engine([answer])
    with pytest.raises(error):
        speaks.synthesize(SpeechRequest("你好世界"))
    speaks.synthesize(SpeechRequest("你好世界"))
    assert len(fleet.started) == 1 and restarts(speaks) == {}


def test_out_of_memory_keeps_the_words_people_search_for():
    speaks, _ = engine(
        [failed("out_of_memory", "OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB")]
    )
    with pytest.raises(OutOfMemory, match="CUDA out of memory"):
        speaks.synthesize(SpeechRequest("你好世界"))


def test_a_worker_that_died_while_idle_is_replaced_before_the_next_text():
    speaks, fleet = engine()
    speaks.load()
    fleet.started[0].killed = True
    assert not speaks.status().loaded
    assert speaks.synthesize(SpeechRequest("你好世界")).duration_s == 1.0
    assert restarts(speaks) == {"died": 1}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({**failed("load_failed", "FileNotFoundError: ckpt"), "at_load": True}, LoadFailed),
        ({**failed("out_of_memory", "CUDA out of memory: 3.0 GiB free"), "at_load": True}, OutOfMemory),
        ({**failed("failed", "x"), "at_load": True}, LoadFailed),
    ],
)
def test_a_failed_load_says_why_and_can_be_tried_again(answer, error):
    speaks, fleet = engine([answer])  # F2
    with pytest.raises(error):
        speaks.load()
    assert not speaks.status().loaded and fleet.started[0].killed
    speaks.load()
    assert speaks.status().loaded


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (AtLoad(WorkerGone(1, ("ImportError: libcuda.so.1: cannot open shared object file",))), "libcuda"),
        (AtLoad(WorkerGone(-11, ())), "Segmentation fault"),
        (AtLoad(WorkerTimeout("no answer")), "not loaded within 300 s"),
        (AtLoad(Garbage("7 bytes that are no JSON")), "7 bytes"),
        ({**failed("load_failed", "FileNotFoundError: ckpt"), "at_load": True}, "FileNotFoundError: ckpt"),
    ],
)
def test_a_failed_load_carries_the_workers_last_words(answer, says, monkeypatch):
    monkeypatch.setattr(Worker, "said", ("loading llm", "OSError: flow.pt is cut"))
    speaks, fleet = engine([answer])
    with pytest.raises(LoadFailed, match=says) as caught:
        speaks.load()
    assert fleet.started[0].killed
    assert caught.value.__notes__ == ["The GLM worker said last:\nloading llm\nOSError: flow.pt is cut"]


def test_what_a_dying_worker_says_reaches_the_log_line_by_line(caplog):
    speaks, _ = engine(
        [WorkerGone(-11, ("Fatal Python error: Segmentation fault", '  File "x.py", line 1 in f'))]
    )
    with pytest.raises(EngineError, match="Segmentation fault"):
        speaks.synthesize(SpeechRequest("你好世界"))
    errors = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert errors == ["Fatal Python error: Segmentation fault", '  File "x.py", line 1 in f']


def test_the_log_says_why_and_where_a_worker_failed_and_was_replaced(caplog):
    where = ["/opt/GLM-TTS/llm.py:3 run", "/opt/GLM-TTS/flow.py:7 embed"]
    speaks, _ = engine([{**failed("context_dead", "CUDA error: x"), "where": where}])
    with pytest.raises(ContextDead):
        speaks.synthesize(SpeechRequest("你好世界"))
    assert "context_dead at /opt/GLM-TTS/flow.py:7 embed < /opt/GLM-TTS/llm.py:3 run" in caplog.text
    assert "worker replaced: context_dead" in caplog.text


def test_an_interpreter_that_is_not_there_is_a_failed_load():
    def start():
        raise FileNotFoundError(2, "No such file or directory", "/opt/glm/bin/python")

    with pytest.raises(LoadFailed, match="/opt/glm/bin/python"):
        GlmEngine(GlmSupervisor(start)).load()
