"""The bell: one failing incident never blocks the others."""

from __future__ import annotations

import threading

from remediator.dispatcher import Dispatcher

PATIENCE_S = 30  # a bound for a slow machine, never a wait of that length


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_ring_advances_what_is_due() -> None:
    done = threading.Event()
    bell = Dispatcher(lambda: [] if done.is_set() else ["a"], lambda _id: done.set(), poll_s=3600)
    bell.start()
    bell.ring()
    assert done.wait(PATIENCE_S)
    bell.stop()


def test_without_a_ring_the_poll_finds_it() -> None:
    done = threading.Event()
    bell = Dispatcher(lambda: ["a"], lambda _id: done.set(), poll_s=0.01)
    bell.start()
    assert done.wait(PATIENCE_S)
    bell.stop()


def test_an_incident_that_hangs_or_fails_does_not_hold_up_another() -> None:
    release, good = threading.Event(), threading.Event()

    def advance(incident_id: str) -> None:
        if incident_id == "hangs":
            release.wait(PATIENCE_S)
        elif incident_id == "fails":
            raise ValueError("no")
        else:
            good.set()

    bell = Dispatcher(lambda: ["hangs", "fails", "good"], advance, poll_s=0.01)
    bell.start()
    assert good.wait(PATIENCE_S)
    release.set()
    bell.stop()


def test_an_incident_is_never_advanced_twice_at_once() -> None:
    begun, release, calls = threading.Event(), threading.Event(), []

    def advance(incident_id: str) -> None:
        calls.append(incident_id)
        begun.set()
        release.wait(PATIENCE_S)

    bell = Dispatcher(lambda: ["a"], advance)
    bell.round()
    assert begun.wait(PATIENCE_S)
    bell.round()
    release.set()
    bell.stop()
    assert calls == ["a"]


def test_an_incident_that_fails_rests_longer_each_time() -> None:
    clock, calls = Clock(), []

    def advance(incident_id: str) -> None:
        calls.append(clock.now)
        raise ValueError("no")

    bell = Dispatcher(lambda: ["a"], advance, monotonic=clock)
    for second in range(40):
        clock.now = float(second)
        bell.round()
        while bell.busy():
            threading.Event().wait(0.001)
    bell.stop()
    assert calls == [0.0, 2.0, 6.0, 14.0, 30.0]


def test_a_database_that_is_away_does_not_end_the_loop() -> None:
    answers, done = [OSError("away")], threading.Event()

    def due() -> list[str]:
        if answers:
            raise answers.pop()
        return ["a"]

    bell = Dispatcher(due, lambda _id: done.set(), poll_s=0.01)
    bell.start()
    assert done.wait(PATIENCE_S)
    bell.stop()
