"""Whatever the engine does, one task is lost at most; health and log tell the truth about it."""

import logging
import threading

import pytest

from tests.unit.tts_app.fakes import WAIT_S
from tests.unit.tts_app.speech.serving import Clock, Heard, Timers, ask, occupied, reason
from tts_app import health, logs
from tts_app.errors import (
    BadRequest,
    Busy,
    Cancelled,
    ContextDead,
    EngineError,
    EngineStuck,
    LoadFailed,
    OutOfMemory,
)
from tts_app.observe import Outcome
from tts_app.speech import STUCK_GRACE_S


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (OutOfMemory("CUDA out of memory. Tried to allocate 2.00 GiB"), Outcome.OUT_OF_MEMORY),
        (BadRequest("text", "no", "不"), Outcome.BAD_REQUEST),
        (Cancelled(), Outcome.CANCELLED),
        (Busy(5), Outcome.BUSY),
        (EngineStuck("too slow"), Outcome.STUCK),
        (EngineError("odd"), Outcome.ERROR),
    ],
)
def test_one_failing_task_leaves_the_next_one_alone(make, engine, error, outcome):
    heard = Heard()
    service = make(observer=heard)
    engine.next_errors = [error]
    with pytest.raises(type(error)):
        ask(service).result(WAIT_S)
    assert ask(service).result(WAIT_S)
    assert heard.outcomes == [outcome, Outcome.OK]
    assert reason(service) is None


def test_an_unforeseen_exception_is_an_engine_error_and_the_service_lives(make, engine):
    service = make()
    engine.next_errors = [ZeroDivisionError("division by zero")]
    with pytest.raises(EngineError, match="ZeroDivisionError"):
        ask(service).result(WAIT_S)
    assert ask(service).result(WAIT_S)


def test_an_unforeseen_exception_is_logged_with_its_place_and_without_the_text(make, engine, caplog):
    engine.next_errors = [KeyError("no phoneme in 我的密码 12345")]
    with pytest.raises(EngineError) as caught:
        ask(make(), "我的密码 12345").result(WAIT_S)
    assert "KeyError" in caplog.text and "in synthesize" in caplog.text
    for told in (caplog.text, caught.value.message_en):
        assert "密码" not in told and "12345" not in told


@pytest.mark.parametrize("log_text", [True, False])
def test_texts_are_logged_only_when_the_settings_say_so(make, caplog, log_text):
    with caplog.at_level(logging.INFO):
        ask(make(log_text=log_text), "a private text").result(WAIT_S)
    assert ("a private text" in caplog.text) is log_text


def test_the_engines_own_words_are_logged(make, engine, caplog):
    service = make()
    engine.next_errors = [OutOfMemory("CUDA out of memory. Tried to allocate 2.00 GiB")]
    with pytest.raises(OutOfMemory):
        ask(service, "a private text").result(WAIT_S)
    assert "CUDA out of memory" in caplog.text
    assert "a private text" not in caplog.text


def test_one_lost_context_is_cured_by_a_new_worker_two_are_sick(make, engine):
    service = make()
    engine.next_errors = [ContextDead("device-side assert"), ContextDead("device-side assert")]
    with pytest.raises(ContextDead):
        ask(service).result(WAIT_S)
    assert service.wait_until_idle(WAIT_S)
    assert reason(service) is None
    assert engine.loads == 2
    with pytest.raises(ContextDead):
        ask(service).result(WAIT_S)
    assert service.wait_until_idle(WAIT_S)
    assert reason(service) is health.Sick.CONTEXT_DEAD
    ask(service, reserved=True).result(WAIT_S)
    assert reason(service) is None


def test_traffic_waits_while_a_new_worker_loads_and_the_caller_does_not(make, engine):
    service = make()
    loading, go_on = threading.Event(), threading.Event()

    def slow_load():
        loading.set()
        assert go_on.wait(WAIT_S)

    engine.load = slow_load
    engine.next_errors = [ContextDead("CUDA error: device-side assert triggered")]
    with pytest.raises(ContextDead):
        ask(service).result(WAIT_S)
    assert loading.wait(WAIT_S)
    assert reason(service) is health.NotReady.LOADING
    go_on.set()
    assert service.wait_until_idle(WAIT_S)
    assert reason(service) is None


@pytest.mark.parametrize("error", [ImportError("libgomp.so.1"), OSError(28, "No space left on device")])
def test_a_load_that_fails_in_an_unforeseen_way_is_sick_and_leaves_its_words(make, engine, error, caplog):
    engine.load_error = error
    assert reason(make()) is health.Sick.LOAD_FAILED
    assert str(error) in caplog.text


def test_a_failed_load_is_sick_and_says_so_to_callers(make, engine):
    engine.load_error = LoadFailed("no such file: ckpt")
    service = make()
    assert reason(service) is health.Sick.LOAD_FAILED
    with pytest.raises(LoadFailed):
        ask(service)


def test_a_load_that_failed_is_tried_again_by_itself(make, engine):
    engine.load_error = LoadFailed("the server can't be reached")
    service = make(first_retry_s=0.01)
    again, loaded = engine.load, threading.Event()

    def load():
        again()
        loaded.set()

    engine.load = load
    engine.load_error = None
    assert loaded.wait(WAIT_S)
    assert ask(service, reserved=True).result(WAIT_S)
    assert reason(service) is None


def test_a_server_that_is_busy_is_no_failure(make, engine, caplog):
    service = make()
    engine.next_errors = [Busy(5, "the speech server is busy")]
    with pytest.raises(Busy):
        ask(service).result(WAIT_S)
    assert service.last_error is None and "ERROR" not in caplog.text


def test_speech_through_the_reserved_slot_proves_a_service_well_again(make, engine):
    engine.load_error = LoadFailed("no such file: ckpt")
    service = make()
    engine.load_error = None
    assert ask(service, reserved=True).result(WAIT_S)
    assert reason(service) is None


def test_an_overdue_task_fails_at_once_and_is_told_to_end(make, engine):
    timers = Timers()
    service = make(timer=timers)
    job = occupied(service, engine)
    timers.fire_latest()
    with pytest.raises(EngineStuck):
        job.result(WAIT_S)
    assert job.given_up()
    engine.release()
    assert service.wait_until_idle(WAIT_S)
    assert ask(service).result(WAIT_S)


def test_what_is_logged_about_a_job_carries_its_request_id(make, engine, caplog):
    caplog.handler.addFilter(logs._with_request_id)
    timers = Timers()
    service = make(timer=timers)
    token = logs.request_id.set("abc-1")
    job = occupied(service, engine)
    logs.request_id.reset(token)
    timers.fire_latest()  # on another thread than the engine's
    engine.release()
    assert service.wait_until_idle(WAIT_S)
    assert job.done()
    assert {record.request for record in caplog.records if record.levelname == "ERROR"} == {"abc-1"}


def test_an_engine_that_never_comes_back_is_stuck(make, engine):
    clock = Clock()
    service = make(clock=clock, task_timeout_s=10.0)
    occupied(service, engine)
    clock.now += 10 + STUCK_GRACE_S
    assert reason(service) is None
    clock.now += 0.1
    assert reason(service) is health.Sick.ENGINE_STUCK
