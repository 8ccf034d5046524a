"""The speech service: order, bounds, drain, cancellation, failures. A fake engine; no sleeps."""

import threading
from concurrent.futures import CancelledError

import pytest

from tests.unit.tts_app.fakes import WAIT_S, FakeEngine
from tts_app import health
from tts_app.engines.base import SpeechRequest
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
    assert service.last_error == "ZeroDivisionError"
    assert ask(service).result(WAIT_S)


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
    assert (engine.unloads, engine.loads) == (1, 2)
    with pytest.raises(ContextDead):
        ask(service).result(WAIT_S)
    assert service.wait_until_idle(WAIT_S)
    assert reason(service) is health.Sick.CONTEXT_DEAD
    ask(service, reserved=True).result(WAIT_S)
    assert reason(service) is None


def test_a_failed_load_is_sick_and_says_so_to_callers(make, engine):
    engine.load_error = LoadFailed("no such file: ckpt")
    service = make()
    assert reason(service) is health.Sick.LOAD_FAILED
    with pytest.raises(LoadFailed):
        ask(service)


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
