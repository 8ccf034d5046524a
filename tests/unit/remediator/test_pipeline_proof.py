"""The proof of speech: what counts as one, what it is worth later, and what arrives while it is given."""

from __future__ import annotations

import functools

import pytest

from remediator.model import Alert, SpeechProof
from remediator.states import IncidentState
from tests.unit.remediator.world import World, alert, down, edit, host

S = IncidentState


def cut_off(world: World, times: int) -> None:
    """Make the host's connection fail when it is asked to speak, so many times."""
    speak, left = world.verify, [times]

    def verify(name: str, port: str) -> SpeechProof:
        left[0] -= 1
        if left[0] < 0:
            return speak(name, port)
        return SpeechProof(False, name, port, "the host can't be reached", "无法连接主机", unreached=1)

    world.verify = verify
    world.pipeline = world.worker("w1")


def test_a_connection_that_fails_during_the_proof_is_tried_again_and_nothing_is_restarted(
    world: World,
) -> None:
    cut_off(world, 1)
    world.pipeline.accept([alert()])
    world.work()
    assert world.state() is S.VERIFYING and "reached" in (world.incident().proof or {})["reason_en"]
    world.live(60)
    assert world.state() is S.RESOLVED and world.incident().fault == "false_alarm"
    assert world.runs() == [] and world.messages() == ["opened open", "result resolved"]


@pytest.mark.parametrize(
    ("fewer", "ended"),
    [pytest.param(1, S.RESOLVED, id="the last try"), pytest.param(0, S.ESCALATED, id="none")],
)
def test_a_host_that_never_lets_itself_be_asked_to_speak_is_left_to_people(
    world: World, fewer: int, ended: IncidentState
) -> None:
    cut_off(world, world.policy.ask_tries - fewer)
    world.pipeline.accept([alert()])
    world.live(world.policy.ask_tries * world.policy.ask_again_s)
    assert world.state() is ended and world.runs() == []


def test_people_are_told_once_of_a_host_that_cannot_be_asked_to_speak(world: World) -> None:
    cut_off(world, 50)
    world.pipeline.accept([alert()])
    world.live(600)
    assert world.incident().fault == "unreachable" and world.runs() == []
    assert world.messages() == ["opened open", "escalation escalated"]
    world.verify = functools.partial(World.verify, world)
    world.pipeline = world.worker("w1")
    world.live(200)
    assert world.state() is S.RESOLVED and world.runs() == []


def test_an_instance_that_cannot_speak_is_restarted_though_another_could_not_be_asked(world: World) -> None:
    cut_off(world, 1)
    world.mute = {("gpu01", "7861")}
    world.pipeline.accept([alert(port=None)])
    world.live(60)
    assert world.remedies() == ["restart gpu01:7861"]


def test_a_service_that_loads_is_waited_for(world: World) -> None:
    loading = edit(host("7860", "7861"), "instances.7860.unit_state.active", "activating")
    world.seen["gpu01"] = edit(loading, "instances.7860.health.outcome", "refused")
    world.pipeline.accept([alert()])
    world.live(60)
    assert world.state() is S.EXAMINING and world.runs() == []
    world.heal("gpu01")
    world.live(10)
    assert world.state() is S.RESOLVED


def test_a_service_that_was_loaded_anew_after_it_could_not_speak_is_asked_again(world: World) -> None:
    world.mute = {("gpu01", "7860")}
    world.pipeline.accept([alert()])
    mine = world.incident().id
    while not world.incident().proof:
        world.pipeline.advance(mine)
    loading = edit(host("7860", "7861"), "instances.7860.unit_state.active", "activating")
    world.seen["gpu01"] = edit(loading, "instances.7860.health.outcome", "refused")
    world.live(10)
    assert world.state() is S.EXAMINING
    world.mute = set()
    world.heal("gpu01")
    world.live(60)
    assert world.state() is S.RESOLVED and world.runs() == []


def rings_during(world: World, stage: str, late: Alert) -> None:
    """Let `late` arrive when the stage has done its work the next time."""
    real, waiting = getattr(world, stage), [late]

    def work(*args: str) -> object:
        answer = real(*args)
        if waiting:
            world.pipeline.accept([waiting.pop()])
        return answer

    setattr(world, stage, work)
    world.pipeline = world.worker("w1")


LATE = alert("GlmttsSlow", port="7861", fingerprint="f2")


def test_an_alert_that_arrives_while_speech_is_proved_is_looked_at_before_the_end(world: World) -> None:
    rings_during(world, "verify", LATE)
    world.pipeline.accept([alert()])
    world.work()
    assert world.state() is S.RESOLVED
    assert world.spoken == [("gpu01", "7860"), ("gpu01", "7860"), ("gpu01", "7861")]


def test_an_alert_that_arrives_during_the_last_look_is_looked_at_before_the_end(world: World) -> None:
    world.seen["gpu01"] = down(host("7860", "7861"))
    world.heals = lambda run: world.heal(run.host)
    world.pipeline.accept([alert()])
    world.live(5, step=1)
    assert world.state() is S.HOLDING
    rings_during(world, "examine", LATE)
    world.later(world.policy.hold_down_s)
    world.work()
    assert world.state() is S.HOLDING and world.spoken[-1] == ("gpu01", "7861")
    world.live(world.policy.hold_down_s)
    assert world.state() is S.RESOLVED and len(world.started) == 1


def test_an_alert_that_still_fires_joins_a_new_incident_and_is_looked_at_before_its_end(world: World) -> None:
    world.pipeline.accept([LATE])
    world.work()
    world.spoken.clear()
    world.later(world.policy.reopen_after_s - 1)
    rings_during(world, "verify", LATE)
    world.pipeline.accept([alert()])
    world.work()
    assert world.state() is S.RESOLVED and ("gpu01", "7861") in world.spoken


def test_an_alert_that_is_only_repeated_delays_no_end(world: World) -> None:
    rings_during(world, "verify", alert())
    world.pipeline.accept([alert()])
    world.work()
    assert world.state() is S.RESOLVED and len(world.spoken) == 1
