"""The speech service's queue: order, bounds, drain, cancellation, end. A fake engine; no sleeps."""

import threading

import pytest

from tests.unit.tts_app.fakes import WAIT_S
from tests.unit.tts_app.speech.serving import ask, occupied, reason
from tts_app import health
from tts_app.errors import (
    Busy,
    Cancelled,
    Draining,
)


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
    assert not service.stop(timeout_s=0)
    engine.release()
    assert service.stop(timeout_s=WAIT_S)
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


def test_a_text_given_up_at_the_end_fails_at_once_for_whoever_waits(make, engine):
    service = make()
    job = occupied(service, engine)
    service.give_up()
    with pytest.raises(Draining, match="before this text is finished"):
        job.result(0)
    engine.release()
    assert service.wait_until_idle(WAIT_S)
    assert engine.spoken == []


def test_giving_up_while_nothing_runs_is_harmless(make):
    service = make()
    service.give_up()
    assert ask(service).result(WAIT_S)
