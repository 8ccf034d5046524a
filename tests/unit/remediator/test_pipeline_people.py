"""What people decide while an incident is worked on: modes, questions, stops, holds, leases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from remediator import people
from remediator.errors import Conflict
from remediator.model import Mode, Run
from remediator.states import IncidentState, RunState
from remediator.store import approvals, records, runs
from tests.unit.remediator.world import GPU, NOW, World, alert, down, edit, host, iso

S = IncidentState


def test_observe_mode_tells_and_touches_nothing(tmp_path: object) -> None:
    world = World(tmp_path, mode=Mode.OBSERVE)  # type: ignore[arg-type]
    world.seen["gpu01"] = down(host("7860", "7861"))
    world.pipeline.accept([alert()])
    world.live(300)
    decided = world.incident().decided
    assert world.runs() == [] and decided is not None
    assert (decided["remedy"], decided["verdict"], decided["gate"]) == ("restart", "refuse", "mode")
    assert world.messages() == ["opened open", "escalation escalated"]
    world.store.close()


def test_propose_mode_asks_and_acts_once_after_approval(tmp_path: object) -> None:
    world = World(tmp_path, mode=Mode.PROPOSE)  # type: ignore[arg-type]
    world.seen["gpu01"] = down(host("7860", "7861"))
    world.heals = lambda run: world.heal(run.host)
    world.pipeline.accept([alert()])
    world.work()
    assert world.state() is S.ASKING and world.runs() == []
    asked = world.store.read(lambda db: approvals.open_ones(db, world.now))[0]
    world.store.write(lambda db: people.decide(db, asked.id, approve=True, by="ann", now=world.now))
    world.live(120)
    assert world.remedies() == ["restart gpu01:7860"] and world.state() is S.RESOLVED
    assert world.store.read(lambda db: approvals.get(db, asked.id)).state == "used"
    world.store.close()


@pytest.mark.parametrize("answer", ["deny", "none"])
def test_without_a_yes_nothing_is_done(tmp_path: object, answer: str) -> None:
    world = World(tmp_path, mode=Mode.PROPOSE)  # type: ignore[arg-type]
    world.seen["gpu01"] = down(host("7860", "7861"))
    world.pipeline.accept([alert()])
    world.work()
    asked = world.store.read(lambda db: approvals.open_ones(db, world.now))[0]
    if answer == "deny":
        world.store.write(lambda db: people.decide(db, asked.id, approve=False, by="ann", now=world.now))
    world.live(world.policy.approval_s + 60, step=60)
    assert world.runs() == [] and world.state() is S.ESCALATED
    world.store.close()


RESET = edit(host("7860", "7861"), "gpus.0.recovery_action", "Reset")
REBOOT = edit(host("7860", "7861"), "gpus.0.recovery_action", "Reboot")
STRAY = {"pid": 99, "user": "glmtts", "cmdline": "python -m tts_app serve", "start_time": 5, "stray": True}
TAKEN = edit(down(host("7860", "7861")), "instances.7860.port", {"listening": True, "owners": [STRAY]})


def question(world: World) -> approvals.Approval:
    """Return the one question that waits for an answer."""
    asked = world.store.read(lambda db: approvals.open_ones(db, world.now))
    assert len(asked) == 1
    return asked[0]


def answer(world: World, asked: approvals.Approval, approve: bool) -> None:
    world.store.write(lambda db: people.decide(db, asked.id, approve=approve, by="ann", now=world.now))


@pytest.mark.parametrize(
    ("broken", "remedy", "args"),
    [
        pytest.param(RESET, "gpu_reset gpu01:*", {"gpu_uuid": GPU}, id="reset"),
        pytest.param(REBOOT, "reboot gpu01:*", {}, id="reboot"),
        pytest.param(TAKEN, "free_port gpu01:7860", {"stray_pid": 99, "stray_start_time": 5}, id="port"),
    ],
)
def test_what_is_dangerous_waits_for_a_person_even_where_the_installation_may_act(
    world: World, broken: dict[str, object], remedy: str, args: dict[str, object]
) -> None:
    world.seen["gpu01"] = broken
    world.heals = lambda run: world.heal(run.host)
    world.pipeline.accept([alert(port=None)])
    world.live(600)
    assert world.state() is S.ASKING and world.runs() == []
    answer(world, question(world), approve=True)
    world.live(120)
    assert world.remedies() == [remedy] and world.started[0].args == args
    assert world.state() is S.RESOLVED and world.spoken
    assert world.messages() == [
        "opened open", "decided asking", "decided repairing", "result holding", "result resolved",
    ]  # fmt: skip


def test_a_device_that_serves_nothing_else_is_reset_without_asking(world: World) -> None:
    known = world.inventory.hosts["gpu01"]
    exclusive = replace(known, variables={**known.variables, "gpu_exclusive": True})
    world.inventory = replace(world.inventory, hosts={**world.inventory.hosts, "gpu01": exclusive})
    world.seen["gpu01"] = RESET
    world.heals = lambda run: world.heal(run.host)
    world.pipeline.accept([alert(port=None)])
    world.live(120)
    assert world.remedies() == ["gpu_reset gpu01:*"] and world.state() is S.RESOLVED


def test_an_approval_does_not_cover_a_device_that_somebody_else_took_meanwhile(world: World) -> None:
    world.seen["gpu01"] = RESET
    world.pipeline.accept([alert(port=None)])
    world.work()
    asked = question(world)
    stranger = {"pid": 77, "name": "train.py", "used_mb": 60.0, "instance": None}
    world.seen["gpu01"] = edit(RESET, "gpus.0.processes", [stranger])
    answer(world, asked, approve=True)
    world.live(60)
    assert world.runs() == [] and world.state() is S.ESCALATED
    assert "train.py" in (world.incident().found or {})["en"]


def test_what_was_in_the_way_of_a_remedy_may_go_away_by_itself(world: World) -> None:
    stranger = {"pid": 77, "name": "train.py", "used_mb": 60.0, "instance": None}
    world.seen["gpu01"] = edit(RESET, "gpus.0.processes", [stranger])
    world.pipeline.accept([alert(port=None)])
    world.live(200)
    assert world.state() is S.ESCALATED and world.messages() == ["opened open", "escalation escalated"]
    world.seen["gpu01"] = RESET
    world.live(world.policy.recheck_s + 10)
    assert world.state() is S.ASKING and question(world).remedy == "gpu_reset"


def test_a_question_whose_trouble_has_gone_is_taken_back_and_the_incident_closed_by_proof(
    world: World,
) -> None:
    world.seen["gpu01"] = RESET
    world.pipeline.accept([alert(port=None)])
    world.work()
    asked = question(world)
    world.heal("gpu01")
    world.live(world.policy.recheck_s + 120)
    assert world.state() is S.RESOLVED and world.runs() == []
    with pytest.raises(Conflict):
        answer(world, asked, approve=True)


def test_a_question_stands_while_the_host_cannot_be_examined_and_a_yes_alone_does_nothing_then(
    world: World,
) -> None:
    world.seen["gpu01"] = RESET
    world.pipeline.accept([alert(port=None)])
    world.work()
    asked = question(world)
    world.seen["gpu01"] = None
    world.live(world.policy.recheck_s * 3)
    assert world.state() is S.ASKING and question(world).id == asked.id
    answer(world, asked, approve=True)
    world.live(30)
    assert world.state() is S.ESCALATED and world.incident().fault == "unreachable" and world.runs() == []


def test_a_question_about_a_process_that_is_gone_is_asked_anew_about_the_next(world: World) -> None:
    world.seen["gpu01"] = TAKEN
    world.pipeline.accept([alert()])
    world.work()
    first = question(world)
    world.seen["gpu01"] = edit(TAKEN, "instances.7860.port.owners.0.pid", 100)
    world.live(world.policy.recheck_s + 10)
    second = question(world)
    assert (first.args["stray_pid"], second.args["stray_pid"], world.runs()) == (99, 100, [])


def test_an_approval_is_used_once(world: World) -> None:
    world.seen["gpu01"] = TAKEN
    world.pipeline.accept([alert()])
    world.work()
    asked = question(world)
    answer(world, asked, approve=True)
    with pytest.raises(Conflict):
        answer(world, asked, approve=True)
    world.live(300)
    assert world.remedies() == ["free_port gpu01:7860"] and world.state() is S.ESCALATED


def test_a_stop_set_before_the_run_begins_counts(world: World) -> None:
    world.seen["gpu01"] = down(host("7860", "7861"))
    world.pipeline.accept([alert()])
    mine = world.incident().id
    while world.state() is not S.REPAIRING:
        world.pipeline.advance(mine)
    world.store.write(lambda db: people.stop(db, by="ann", reason="wait", now=world.now))
    world.live(120)
    assert world.started == [] and world.state() is S.WAITING
    assert [run.state for run in world.runs()] == [RunState.CANCELED]
    world.heals = lambda run: world.heal(run.host)
    world.store.write(lambda db: people.resume(db, by="ann", now=world.now))
    world.live(120)
    assert world.remedies() == ["restart gpu01:7860"] and world.state() is S.RESOLVED


def test_a_hold_before_the_run_begins_counts_and_a_release_examines_anew(world: World) -> None:
    world.seen["gpu01"] = down(host("7860", "7861"))
    world.pipeline.accept([alert()])
    mine = world.incident().id
    while world.state() is not S.REPAIRING:
        world.pipeline.advance(mine)
    world.store.write(lambda db: people.hold(db, mine, by="ann", reason="mine", now=world.now, mode="act"))
    world.pipeline.accept([alert(fingerprint="f2")])
    world.live(300)
    assert world.started == [] and world.state() is S.HELD and world.incident().held_by == "ann"
    world.heal("gpu01")
    world.store.write(lambda db: people.release(db, mine, by="ann", now=world.now))
    world.live(120)
    assert world.state() is S.RESOLVED and world.started == []


@pytest.mark.parametrize("how", ["hold", "cancel"])
def test_a_run_that_is_taken_back_while_its_process_is_started_is_asked_to_end(
    world: World, how: str
) -> None:
    begin = world.start

    def start(run: Run) -> None:
        begin(run)
        values: dict[str, Any] = {"by": "ann", "now": world.now}
        if how == "hold":
            mine = run.incident_id
            world.store.write(lambda db: people.hold(db, mine, reason="mine", mode="act", **values))
        else:
            world.store.write(lambda db: runs.cancel_queued(db, run.id, world.now))
            world.heal(run.host)

    world.seen["gpu01"] = down(host("7860", "7861"))
    world.start = start
    world.pipeline = world.worker("w1")
    world.pipeline.accept([alert()])
    world.live(120)
    assert [run.state for run in world.runs()] == [RunState.CANCELED]
    assert world.canceled == [world.started[0].id] and len(world.started) == 1
    assert world.state() is (S.HELD if how == "hold" else S.RESOLVED)


def test_a_run_that_another_worker_has_begun_goes_on(world: World) -> None:
    begin = world.start

    def start(run: Run) -> None:
        begin(run)
        world.store.write(lambda db: runs.began(db, run.id, world.now))

    world.seen["gpu01"] = down(host("7860", "7861"))
    world.heals = lambda run: world.heal(run.host)
    world.start = start
    world.pipeline = world.worker("w1")
    world.pipeline.accept([alert()])
    world.live(120)
    assert world.canceled == [] and [run.state for run in world.runs()] == [RunState.OK]


def test_a_persons_lease_on_the_host_means_held_by_that_person_until_it_ends(world: World) -> None:
    lease = {"holder": "person:li", "purpose": "new driver", "expires_at": iso(NOW + timedelta(hours=1))}
    world.seen["gpu01"] = edit(down(host("7860", "7861")), "lease", lease)
    world.pipeline.accept([alert()])
    world.live(300)
    assert world.state() is S.HELD and world.incident().held_by == "li" and world.runs() == []
    assert len(world.store.read(lambda db: records.decisions_of(db, world.incident().id))) == 1
    world.heal("gpu01")
    world.live(200)
    assert world.state() is S.RESOLVED and world.runs() == []


def test_a_take_over_during_a_run_makes_the_incident_held(world: World) -> None:
    lease = {"holder": "person:li", "purpose": "mine now", "expires_at": iso(NOW + timedelta(hours=1))}

    def taken(run: object) -> None:
        world.seen["gpu01"] = edit(down(host("7860", "7861")), "lease", lease)

    world.seen["gpu01"] = down(host("7860", "7861"))
    world.heals = taken
    world.pipeline.accept([alert()])
    world.live(60)
    assert world.state() is S.HELD and world.incident().held_by == "li"
    assert len(world.started) == 1
