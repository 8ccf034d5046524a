"""What people decide is done, once, and written down with their name."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from remediator import people
from remediator.errors import Conflict, UnknownItem
from remediator.model import Mode
from remediator.reconcile import reconcile
from remediator.states import IncidentState
from remediator.store import approvals, audit, incidents
from tests.unit.remediator.world import World, alert, down, edit, host

S = IncidentState


def actions(world: World) -> list[tuple[str, str, str]]:
    rows = world.store.read(audit.latest)
    return [(row["actor"], row["action"], row["subject"]) for row in reversed(rows)]


def broken(world: World) -> str:
    world.seen["gpu01"] = down(host("7860", "7861"))
    world.heals = lambda run: world.heal(run.host)
    world.pipeline.accept([alert()])
    return world.incident().id


def test_an_acknowledgement_is_noted_and_stops_nothing(world: World) -> None:
    mine = broken(world)
    world.store.write(lambda db: people.ack(db, mine, by="ann", now=world.now))
    world.live(120)
    assert world.incident().acked_by == "ann" and world.state() is S.RESOLVED
    assert ("ann", "ack", mine) in actions(world)


def test_who_has_seen_one_page_is_not_taken_to_have_seen_the_next(world: World) -> None:
    world.seen["gpu01"] = edit(host("7860", "7861"), "gpus.0.temperature_c", 95)
    world.pipeline.accept([alert()])
    world.work()
    mine = world.incident().id
    assert world.messages() == ["opened open", "escalation escalated"]
    world.store.write(lambda db: people.ack(db, mine, by="ann", now=world.now))
    world.live(130)
    assert world.incident().acked_by == "ann", "the same trouble goes on"
    world.seen["gpu01"] = down(host("7860", "7861"))  # it fails although it was restarted
    world.live(600)
    assert world.messages()[-1] == "escalation escalated"
    assert world.incident().acked_by is None


def test_a_maintenance_window_makes_the_host_wait_and_its_end_wakes_it(world: World) -> None:
    until = world.now + timedelta(minutes=10)
    world.store.write(
        lambda db: people.open_window(db, host="gpu01", by="li", reason="patch", now=world.now, until=until)
    )
    broken(world)
    world.live(590)
    assert world.state() is S.WAITING and world.incident().wake_at == until and world.started == []
    world.live(120)
    assert world.state() is S.RESOLVED
    assert ("li", "maintenance", "gpu01") in actions(world)


def test_another_hosts_window_does_not_matter(world: World) -> None:
    until = world.now + timedelta(hours=1)
    world.store.write(
        lambda db: people.open_window(db, host="gpu02", by="li", reason="patch", now=world.now, until=until)
    )
    broken(world)
    world.live(120)
    assert world.state() is S.RESOLVED


def test_people_are_told_once_when_a_plan_waits_long(world: World) -> None:
    world.policy = replace(world.policy, long_wait_s=120)
    world.pipeline = world.worker("w1")
    world.store.write(lambda db: people.stop(db, by="ann", reason="storm", now=world.now))
    broken(world)
    world.live(world.policy.long_wait_s + 300, step=30)
    assert world.messages() == ["opened open", "decided waiting", "escalation waiting"]
    world.store.write(lambda db: people.resume(db, by="bob", now=world.now))
    world.live(120)
    assert world.state() is S.RESOLVED
    assert [row[:2] for row in actions(world)] == [("ann", "stop"), ("bob", "resume")]


def test_a_resume_does_not_repair_what_has_been_mended_meanwhile(world: World) -> None:
    world.store.write(lambda db: people.stop(db, by="ann", reason="storm", now=world.now))
    broken(world)
    world.live(60)
    world.heal("gpu01")
    world.store.write(lambda db: people.resume(db, by="ann", now=world.now))
    world.live(120)
    assert world.state() is S.RESOLVED and world.started == []


def test_a_resolved_incident_cannot_be_held_and_a_free_one_not_released(world: World) -> None:
    world.pipeline.accept([alert()])
    mine = world.incident().id
    with pytest.raises(Conflict, match="not held"):
        world.store.write(lambda db: people.release(db, mine, by="ann", now=world.now))
    world.work()
    assert world.state() is S.RESOLVED
    with pytest.raises(Conflict, match="is resolved"):
        world.store.write(lambda db: people.hold(db, mine, by="ann", reason="", now=world.now, mode="act"))
    with pytest.raises(UnknownItem):
        world.store.write(lambda db: people.ack(db, "inc-0", by="ann", now=world.now))


@pytest.mark.parametrize("steps", range(6))
def test_an_incident_can_be_held_at_every_step_and_given_back(world: World, steps: int) -> None:
    mine = broken(world)
    for _ in range(steps):
        world.pipeline.advance(mine)
        world.later(2)
    world.store.write(lambda db: people.hold(db, mine, by="ann", reason="mine", now=world.now, mode="act"))
    before = len(world.started)
    reconcile(world.store, world.poll, world.now)
    world.live(60)
    assert world.state() is S.HELD and len(world.started) == before
    world.store.write(lambda db: people.release(db, mine, by="ann", now=world.now))
    world.live(120)
    assert world.state() is S.RESOLVED and len(world.started) <= 1
    assert world.store.read(lambda db: incidents.get(db, mine)).held_by is None


def test_speech_that_came_back_while_a_restart_waited_is_proved_anew(world: World) -> None:
    world.mute = {("gpu01", "7860")}
    world.store.write(lambda db: people.stop(db, by="ann", reason="storm", now=world.now))
    world.pipeline.accept([alert()])
    world.live(60)
    assert world.state() is S.WAITING and (world.incident().decided or {})["remedy"] == "restart"
    world.mute = set()
    world.store.write(lambda db: people.resume(db, by="ann", now=world.now))
    world.live(120)
    assert world.state() is S.RESOLVED and world.runs() == []


def test_speech_that_is_still_missing_when_the_wait_is_over_is_acted_on(world: World) -> None:
    world.mute = {("gpu01", "7860")}
    world.heals = lambda run: world.mute.clear()
    world.store.write(lambda db: people.stop(db, by="ann", reason="storm", now=world.now))
    world.pipeline.accept([alert()])
    world.live(200)
    assert world.messages() == ["opened open", "decided waiting"], "asked again and again, told once"
    world.store.write(lambda db: people.resume(db, by="ann", now=world.now))
    world.live(120)
    assert world.state() is S.RESOLVED and world.remedies() == ["restart gpu01:7860"]


def test_speech_that_came_back_while_a_person_had_the_incident_is_proved_anew(world: World) -> None:
    world.mute = {("gpu01", "7860")}
    world.store.write(lambda db: people.stop(db, by="ann", reason="storm", now=world.now))
    world.pipeline.accept([alert()])
    world.work()
    mine = world.incident().id
    world.store.write(lambda db: people.hold(db, mine, by="ann", reason="mine", now=world.now, mode="act"))
    world.mute = set()
    world.store.write(lambda db: people.resume(db, by="ann", now=world.now))
    world.store.write(lambda db: people.release(db, mine, by="ann", now=world.now))
    world.live(120)
    assert world.state() is S.RESOLVED and world.runs() == []


@pytest.mark.parametrize(("mute", "remedies"), [(False, []), (True, ["restart gpu01:7860"])])
def test_a_yes_to_a_restart_for_want_of_speech_counts_while_speech_is_missing(
    tmp_path: Path, mute: bool, remedies: list[str]
) -> None:
    world = World(tmp_path, mode=Mode.PROPOSE)
    world.mute = {("gpu01", "7860")}
    world.heals = lambda run: world.mute.clear()
    world.pipeline.accept([alert()])
    world.live(world.policy.recheck_s * 4)
    assert world.messages() == ["opened open", "decided asking"], "one question, asked once"
    world.mute = world.mute if mute else set()
    asked = world.store.read(lambda db: approvals.open_ones(db, world.now))[0]
    world.store.write(lambda db: people.decide(db, asked.id, approve=True, by="ann", now=world.now))
    world.live(120)
    assert world.state() is S.RESOLVED and world.remedies() == remedies
    world.store.close()
