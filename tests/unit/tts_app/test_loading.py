"""When a failed load is tried again."""

import pytest

from tests.unit.tts_app.fakes import FakeEngine
from tts_app.errors import LoadFailed, OutOfMemory
from tts_app.loading import Loading


def clock() -> float:
    return 7.0


def failing(times, error=None):
    engine = FakeEngine()
    engine.load_error = error or LoadFailed("no model")
    loading = Loading(engine, clock)
    for _ in range(times):
        assert not loading.run()
    return loading, engine


@pytest.mark.parametrize(
    ("failures", "wait_s"), [(0, None), (1, 30.0), (2, 60.0), (3, 120.0), (6, 600.0), (60, 600.0)]
)
def test_the_pause_doubles_up_to_ten_minutes(failures, wait_s):
    assert failing(failures)[0].retry_in_s() == wait_s


def test_a_success_ends_it():
    loading, engine = failing(3)
    engine.load_error = None
    assert loading.run()
    assert (loading.failed, loading.once, loading.retry_in_s()) == (False, True, None)


@pytest.mark.parametrize("error", [OutOfMemory("CUDA out of memory"), ImportError("libgomp.so.1")])
def test_whatever_it_was_is_kept_and_logged(error, caplog):
    loading, _ = failing(1, error)
    assert (loading.failed, loading.last_error, loading.since) == (True, type(error).__name__, None)
    assert str(error) in caplog.text


def test_how_long_a_load_takes_can_be_seen_from_its_beginning():
    seen = []
    engine = FakeEngine()
    loading = Loading(engine, clock)
    engine.load = lambda: seen.append(loading.since)
    loading.run()
    assert (seen, loading.since) == ([7.0], None)
