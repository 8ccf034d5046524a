"""The speech service: order, bounds, drain, cancellation, failures. A fake engine; no sleeps."""

import logging
import threading
from concurrent.futures import CancelledError

import numpy as np
import pytest

from tests.unit.tts_app.fakes import WAIT_S, FakeEngine
from tts_app import health, logs
from tts_app.engines.base import Reference, SpeechRequest
from tts_app.errors import (
    BadRequest,
    Busy,
    Cancelled,
    ContextDead,
    Draining,
    EngineError,
    EngineStuck,
    LoadFailed,
    OutOfMemory,
)
from tts_app.observe import Observer, Outcome
from tts_app.speech import STUCK_GRACE_S, SpeechService, result_of
from tts_app.substitute import Substitute


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Timers:
    """Stands for threading.Timer; the test fires."""

    def __init__(self):
        self.made = []

    def __call__(self, seconds, action):
        timer = threading.Timer(seconds, action)
        timer.start = lambda: None  # type: ignore[method-assign]
        self.made.append(timer)
        return timer

    def fire_latest(self):
        self.made[-1].function()


class Heard(Observer):
    def __init__(self):
        self.outcomes = []

    def ended(self, request, outcome, *, took_s, audio_s=0.0):
        self.outcomes.append(outcome)


@pytest.fixture
def engine():
    engine = FakeEngine()
    yield engine
    engine.release()


@pytest.fixture
def make(engine):
    services = []

    def make(**options):
        service = SpeechService(engine, **{"queue_limit": 2} | options)
        service.start()
        assert service.wait_until_settled(WAIT_S)
        services.append(service)
        return service

    yield make
    engine.release()
    for service in services:
        service.stop(timeout_s=WAIT_S)


def ask(service, text="hello", **options):
    return service.submit(SpeechRequest(text), **options)


def occupied(service, engine, text="first"):
    """Submit a job and wait until the engine holds it."""
    engine.hold()
    job = ask(service, text)
    assert engine.entered.wait(WAIT_S)
    return job


def reason(service):
    return health.not_ready(service.snapshot().facts)


def test_a_text_becomes_speech(make):
    speech = ask(make(), "hello").result(WAIT_S)
    assert speech.sample_rate == 24000
    assert speech.duration_s == pytest.approx(0.5)


def test_jobs_are_done_in_order(make, engine):
    service = make()
    first = occupied(service, engine)
    others = [ask(service, text) for text in ("second", "third")]
    engine.release()
    for job in (first, *others):
        job.result(WAIT_S)
    assert [request.text for request in engine.spoken] == ["first", "second", "third"]


def test_a_full_queue_is_busy_and_tells_when_to_come_back(make, engine):
    service = make()
    occupied(service, engine)
    ask(service), ask(service)
    assert reason(service) is health.NotReady.FULL
    with pytest.raises(Busy) as raised:
        ask(service)
    assert raised.value.retry_after_s >= 1


def test_a_reserved_job_goes_first_also_when_full(make, engine):
    service = make()
    first = occupied(service, engine)
    jobs = [ask(service, "normal"), ask(service, "normal")]
    proof = ask(service, "proof", reserved=True)
    engine.release()
    for job in (first, proof, *jobs):
        job.result(WAIT_S)
    assert [request.text for request in engine.spoken] == ["first", "proof", "normal", "normal"]


def test_reserved_places_are_bounded_too(make, engine):
    service = make()
    occupied(service, engine)
    with pytest.raises(Busy):
        for _ in range(100):
            ask(service, reserved=True)


def test_draining_refuses_new_work_and_finishes_the_old(make, engine):
    service = make()
    first, second = occupied(service, engine), ask(service, "second")
    service.drain()
    with pytest.raises(Draining):
        ask(service)
    proof = ask(service, "proof", reserved=True)
    engine.release()
    for job in (first, second, proof):
        assert job.result(WAIT_S)
    assert service.wait_until_idle(WAIT_S)
    assert reason(service) is health.NotReady.DRAINING
    service.undrain()
    assert ask(service).result(WAIT_S)


def test_a_job_given_up_while_it_waits_is_never_spoken(make, engine):
    service = make()
    first, second = occupied(service, engine), ask(service, "second")
    assert second.cancel()
    assert service.snapshot().facts.queued == 0
    engine.release()
    first.result(WAIT_S)
    ask(service, "third").result(WAIT_S)
    assert [request.text for request in engine.spoken] == ["first", "third"]


def test_a_job_given_up_while_it_runs_ends_at_its_next_piece(make, engine):
    service = make()
    job = occupied(service, engine)
    assert not job.cancel()
    engine.release()
    with pytest.raises(Cancelled):
        job.result(WAIT_S)


def test_a_caller_who_stops_waiting_gives_the_work_up(make, engine):
    service = make()
    occupied(service, engine)
    second = ask(service, "second")
    with pytest.raises(TimeoutError):
        result_of(second, timeout_s=0)
    assert second.cancelled()
    with pytest.raises(CancelledError):
        second.result(0)


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


def test_clearing_memory_goes_before_waiting_work(make, engine):
    service = make()
    occupied(service, engine)
    ask(service, "second")
    report = service.clear_memory()
    engine.release()
    assert report.result(WAIT_S).freed_mb == pytest.approx(380.0)
    assert engine.clears == 1


def test_stopping_ends_what_waits_and_unloads(make, engine):
    service = make()
    job = occupied(service, engine)
    waiting = ask(service, "second")
    engine.release()
    service.stop(timeout_s=WAIT_S)
    assert waiting.done()
    assert job.done()
    assert engine.unloads == 1
    with pytest.raises(Draining):
        ask(service)


def test_a_drain_at_the_end_rejects_what_waits_but_not_what_runs(make, engine):
    service = make()
    first, second = occupied(service, engine), ask(service, "second")
    service.drain()
    service.reject_waiting()
    with pytest.raises(Draining):
        second.result(WAIT_S)
    engine.release()
    assert first.result(WAIT_S)


def test_four_clients_all_get_served(make):
    service = make(queue_limit=100)
    done = []

    def client(name):
        for _ in range(5):
            ask(service, name).result(WAIT_S)
            done.append(name)

    clients = [threading.Thread(target=client, args=(f"client{n}",)) for n in range(4)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join(WAIT_S)
    assert sorted(done) == sorted(["client0", "client1", "client2", "client3"] * 5)


@pytest.fixture
def substituted(make, engine):
    """Return a service whose engine can't be loaded, and the other engine that speaks instead."""
    other = FakeEngine()
    other.name = "espeak"
    engine.load_error = LoadFailed("no such file: ckpt")
    return make(substitute=Substitute(other)), other


def test_while_the_model_cannot_be_loaded_another_engine_speaks_and_says_so(substituted, engine):
    service, other = substituted
    speech = ask(service, "hello", substitute=True).result(WAIT_S)
    assert speech.spoken_by == service.substituted_by == "espeak"
    assert [request.text for request in other.spoken] == ["hello"] and engine.spoken == []


def test_the_service_stays_sick_meanwhile_and_takes_traffic(substituted):
    service, _ = substituted
    facts = service.snapshot().facts
    assert health.sickness(facts) is health.Sick.LOAD_FAILED
    assert health.not_ready(facts) is None


@pytest.mark.parametrize(
    ("request_", "options"),
    [
        pytest.param(SpeechRequest("hello"), {}, id="a batch, which never asked for it"),
        pytest.param(SpeechRequest("hello", voice="zf_test"), {"substitute": True}, id="a voice was chosen"),
        pytest.param(
            SpeechRequest("hello", reference=Reference(np.zeros(9, np.float32), 16000, "x")),
            {"substitute": True},
            id="a voice was recorded",
        ),
    ],
)
def test_nobody_gets_another_voice_who_did_not_agree(substituted, request_, options):
    service, other = substituted
    with pytest.raises(LoadFailed):
        service.submit(request_, **options)
    assert other.spoken == []


def test_a_proof_of_life_is_spoken_by_the_engine_itself_and_ends_the_substitution(substituted, engine):
    service, other = substituted
    engine.load_error = None
    assert ask(service, "proof", reserved=True).result(WAIT_S).spoken_by is None
    assert service.substituted_by is None
    ask(service, "hello", substitute=True).result(WAIT_S)
    assert [request.text for request in engine.spoken] == ["proof", "hello"] and other.spoken == []


def test_the_other_engines_failure_is_its_own(substituted):
    service, other = substituted
    other.next_errors = [EngineError("espeak-ng ended with status 1")]
    with pytest.raises(EngineError, match="status 1"):
        ask(service, substitute=True).result(WAIT_S)
    assert ask(service, substitute=True).result(WAIT_S)
