"""What clearing memory, growth and the end do to a GLM worker, which is scripted here."""

import contextlib

import pytest

from tests.unit.tts_app.engines.scripted_glm import engine, failed, restarts, spoken
from tts_app.engines.base import SpeechRequest
from tts_app.engines.worker_process import WorkerTimeout
from tts_app.errors import (
    OutOfMemory,
)


def test_clearing_keeps_the_model_when_emptying_the_cache_is_enough():
    speaks, fleet = engine([{"event": "cleared", "after": {"kind": "rss", "rss_mb": 110.0}}])
    speaks.load()
    report = speaks.clear_memory()
    assert (report.after_mb, report.still_loaded) == (110.0, True)
    assert not fleet.started[0].killed


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(
            [failed("out_of_memory", "CUDA out of memory"), None], id="after an out-of-memory error"
        ),
        pytest.param(
            [spoken(), {"event": "cleared", "after": {"kind": "rss", "rss_mb": 126.0}}], id="memory stays up"
        ),
        pytest.param([spoken(), WorkerTimeout("hangs")], id="the worker does not answer"),
    ],
)
def test_clearing_replaces_a_worker_that_cannot_give_memory_back(script):
    script = [entry if entry is not None else {"event": "cleared", "after": {}} for entry in script]
    speaks, fleet = engine(script)
    with contextlib.suppress(OutOfMemory):
        speaks.synthesize(SpeechRequest("你好世界"))
    report = speaks.clear_memory()
    assert (report.after_mb, report.still_loaded) == (0.0, False)
    assert fleet.started[0].killed and restarts(speaks) == {"memory": 1}
    assert speaks.synthesize(SpeechRequest("你好世界")).duration_s == 1.0


def test_clearing_before_loading_is_harmless():
    speaks, fleet = engine()
    assert speaks.clear_memory().freed_mb == 0
    assert fleet.started == []


# F13: host memory is only given back by the end of a process.
@pytest.mark.parametrize(
    ("limits", "texts", "workers"),
    [
        ({"recycle_tasks": 2}, 1, 1),
        ({"recycle_tasks": 2}, 2, 2),
        ({"recycle_tasks": 2}, 5, 3),
        ({"recycle_tasks": 0, "recycle_rss_mb": 0}, 9, 1),
        ({"recycle_tasks": 0, "recycle_rss_mb": 99}, 1, 2),
        ({"recycle_tasks": 0, "recycle_rss_mb": 100}, 1, 1),
    ],
)
def test_a_worker_is_replaced_after_so_many_texts_or_at_such_a_size(limits, texts, workers):
    speaks, fleet = engine(**limits)
    for _ in range(texts):
        speaks.synthesize(SpeechRequest("你好世界"))
    assert len(fleet.started) == workers
    assert restarts(speaks).get("recycled", 0) == workers - 1


def test_unloading_ends_the_worker():
    speaks, fleet = engine()
    speaks.load()
    speaks.unload()
    assert fleet.started[0].killed
    assert not speaks.status().loaded
