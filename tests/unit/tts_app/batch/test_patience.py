"""An engine that is busy costs a batch time, and no item."""

from __future__ import annotations

import pytest

from tests.unit.tts_app.batch.helpers import tasks_file
from tests.unit.tts_app.batch.runs import DirectSpeaker, run
from tests.unit.tts_app.fakes import FakeEngine
from tts_app.batch.patience import LOOK_EVERY_S, PatientSpeaker, pause
from tts_app.batch.report import Exit
from tts_app.batch.speak import StopBatch
from tts_app.engines.base import SpeechRequest
from tts_app.errors import Busy, OutOfMemory


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.longest = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.longest = max(self.longest, seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


def patient(engine: FakeEngine, clock: Clock, must_stop=lambda: False) -> PatientSpeaker:
    return PatientSpeaker(
        DirectSpeaker(engine), must_stop=must_stop, patience_s=100.0, clock=clock, sleep=clock.sleep
    )


def say(speaker: PatientSpeaker) -> object:
    return speaker.speak(SpeechRequest("hello"), lambda done, total: None)


def test_it_waits_as_long_as_the_engine_asks_and_tries_again(engine, clock) -> None:
    engine.next_errors = [Busy(17), Busy(3)]
    assert say(patient(engine, clock)) is not None
    assert clock.now == pytest.approx(20)
    assert clock.longest <= LOOK_EVERY_S  # a stop is seen meanwhile


def test_a_time_beyond_all_patience_is_not_waited_for(engine, clock) -> None:
    engine.errors["hello"] = Busy(3600, "the speech server is busy", "语音服务端繁忙")
    with pytest.raises(StopBatch, match="the speech server is busy, for 100 s now") as stop:
        say(patient(engine, clock))
    assert (stop.value.reason, clock.now) == ("busy", pytest.approx(100))


def test_patience_is_for_each_item(engine, clock) -> None:
    speaker = patient(engine, clock)
    for _ in range(2):
        engine.next_errors = [Busy(90)]
        say(speaker)
    assert clock.now == pytest.approx(180)


def test_other_errors_are_not_waited_for(engine, clock) -> None:
    engine.errors["hello"] = OutOfMemory("CUDA out of memory")
    with pytest.raises(OutOfMemory):
        say(patient(engine, clock))
    assert clock.now == 0


def test_a_stop_ends_the_waiting(engine, clock) -> None:
    engine.errors["hello"] = Busy(60)
    with pytest.raises(StopBatch) as stop:
        say(patient(engine, clock, must_stop=lambda: clock.now >= 2))
    assert (stop.value.reason, clock.now) == ("stopped", 2)


@pytest.mark.parametrize(("must_stop", "stopped", "waited_s"), [(False, False, 1.2), (True, True, 0.0)])
def test_a_pause_says_whether_the_batch_must_stop(clock, must_stop, stopped, waited_s) -> None:
    assert pause(1.2, lambda: must_stop, clock=clock, sleep=clock.sleep) is stopped
    assert clock.now == pytest.approx(waited_s)


def test_a_batch_stopped_while_the_engine_is_busy_has_failed_nothing_and_goes_on(tmp_path, engine) -> None:
    engine.errors["第1句话"] = Busy(60)
    speaker = DirectSpeaker(engine)
    report = run(
        tasks_file(3),
        tmp_path / "out",
        speaker,
        must_stop=lambda: "第1句话" in speaker.spoken,
        deaths_allowed=1,
    )
    assert [row.status for row in report.rows] == ["ok", "waiting", "waiting"]
    assert report.exit_status is Exit.STOPPED
    engine.errors.clear()
    assert run(tasks_file(3), tmp_path / "out", speaker, deaths_allowed=1).exit_status is Exit.ALL_OK
