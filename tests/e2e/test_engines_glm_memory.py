"""Memory of the real worker, with real torch on the CPU: kept flat, given back, bounded."""

from pathlib import Path

import pytest

from tests.e2e.glm_lab import HELLO
from tts_app.errors import (
    OutOfMemory,
)


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


def test_a_worker_is_recycled_after_so_many_texts(own):
    engine = own.engine(recycle_tasks=2)
    for _ in range(3):
        engine.synthesize(HELLO)
    assert dict(engine.status().worker_restarts) == {"recycled": 1}


def test_unloading_leaves_no_process_behind(own):
    engine = own.engine()
    engine.synthesize(HELLO)
    pid = own.seen()["pid"]
    engine.unload()
    assert not Path(f"/proc/{pid}").exists()  # killed and waited for


@pytest.mark.slow
def test_a_worker_that_grew_beyond_the_limit_is_recycled_and_what_it_held_is_given_back(own):
    measured = own.engine(recycle_rss_mb=0)
    measured.synthesize(HELLO)
    usual_mb = measured.status().memory_mb
    measured.unload()
    limit_mb = round(usual_mb) + 200
    engine = own.engine(recycle_tasks=0, recycle_rss_mb=limit_mb)
    for _ in range(3):
        engine.synthesize(HELLO)
    assert engine.status().worker_restarts == {}
    grown = own.seen()["pid"]
    own.order(fault="leak", leak_mb=400, times=1)
    assert engine.synthesize(HELLO).duration_s > 0  # the text during which it grew is spoken all the same
    assert dict(engine.status().worker_restarts) == {"recycled": 1}
    assert not Path(f"/proc/{grown}").exists()
    own.heal()
    assert engine.synthesize(HELLO).duration_s > 0
    assert engine.status().memory_mb < limit_mb
