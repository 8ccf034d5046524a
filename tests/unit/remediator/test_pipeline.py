"""One incident from alert to proof, stage by stage, in a world of two hosts."""

from __future__ import annotations

import functools
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from remediator import people
from remediator.errors import Conflict, ExecuteError
from remediator.examine import BadAnswer
from remediator.guard import Limits
from remediator.model import Alert, Mode, Run, RunOutcome, SpeechProof
from remediator.pipeline import Stages
from remediator.states import IncidentState, RunState
from remediator.store import approvals, incidents, notifications, records, runs
from tests.unit.remediator.world import GPU, NOW, World, alert, down, edit, host, iso, log

S = IncidentState
OOM = "RuntimeError: CUDA out of memory. Tried to allocate 2 GiB"


def test_a_dead_instance_is_restarted_and_closed_after_proof_and_hold_down(world: World) -> None:
    world.seen["gpu01"] = down(host("7860", "7861"), "7861")
    world.heals = lambda run: world.heal(run.host)
    world.pipeline.accept([alert(port="7861")])
    world.work()
    assert world.state() is S.REPAIRING
    world.later(1)
    world.work()
    assert world.state() is S.HOLDING
    assert world.remedies() == ["restart gpu01:7861"]
    assert world.spoken == [("gpu01", "7861")]
    world.later(world.policy.hold_down_s - 1)
    world.work()
    assert world.state() is S.HOLDING
    world.later(1)
    world.work()
    assert world.state() is S.RESOLVED
    assert world.messages() == ["opened open", "decided repairing", "result holding", "result resolved"]


def test_the_first_message_after_the_repair_carries_the_proof(world: World) -> None:
    world.seen["gpu01"] = down(host("7860", "7861"))
    world.heals = lambda run: world.heal(run.host)
    world.pipeline.accept([alert()])
    world.live(5, step=1)
    told = world.store.read(notifications.latest)[0].payload
    assert told["proof"]["ok"] and told["proof"]["sample_rate"] == 24000
    assert told["run"]["remedy"] == "restart" and told["run"]["state"] == "ok"
    assert told["found"]["zh"] and told["next"]["zh"] and told["mode"] == "act"


def test_a_false_alarm_is_closed_by_speech_without_touching_anything(world: World) -> None:
    world.pipeline.accept([alert()])
    world.work()
    assert world.state() is S.RESOLVED
    assert world.incident().fault == "false_alarm"
    assert world.remedies() == [] and world.spoken == [("gpu01", "7860")]
    assert world.messages() == ["opened open", "result resolved"]


def test_an_alert_that_names_no_port_makes_all_instances_prove_speech(world: World) -> None:
    world.pipeline.accept([alert(port=None)])
    world.work()
    assert world.spoken == [("gpu01", "7860"), ("gpu01", "7861")]


def test_a_healthy_host_that_cannot_speak_is_restarted_once_and_then_people_are_called(world: World) -> None:
    world.mute = {("gpu01", "7860")}
    world.pipeline.accept([alert()])
    world.live(300)
    assert world.remedies() == ["restart gpu01:7860"]
    assert world.state() is S.ESCALATED
    assert world.messages().count("escalation escalated") == 1


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


def test_an_unreachable_host_is_never_acted_on(world: World) -> None:
    world.seen["gpu01"] = None
    world.pipeline.accept([alert()])
    world.live(600)
    assert world.state() is S.ESCALATED and world.incident().fault == "unreachable"
    assert world.runs() == [] and world.spoken == []
    assert world.messages() == ["opened open", "escalation escalated"]


def test_a_host_whose_helper_talks_rubbish_is_told_as_that_and_left_alone(world: World) -> None:
    world.seen["gpu01"] = BadAnswer("gpu01", "no JSON")
    world.pipeline.accept([alert()])
    world.live(600)
    assert world.state() is S.ESCALATED and world.incident().fault == "examination_failed"
    assert world.runs() == [] and world.spoken == []
    assert world.messages() == ["opened open", "escalation escalated"]


def test_a_host_that_comes_back_is_closed_by_proof(world: World) -> None:
    world.seen["gpu01"] = None
    world.pipeline.accept([alert()])
    world.live(120)
    world.heal("gpu01")
    world.live(200)
    assert world.state() is S.RESOLVED and world.remedies() == []
    assert world.messages()[-2:] == ["result holding", "result resolved"]


def test_a_host_that_comes_back_with_a_dead_service_is_repaired(world: World) -> None:
    world.seen["gpu01"] = None
    world.pipeline.accept([alert()])
    world.live(120)
    world.seen["gpu01"] = down(host("7860", "7861", now=world.now))
    world.heals = lambda run: world.heal(run.host)
    world.live(200)
    assert world.state() is S.RESOLVED and world.remedies() == ["restart gpu01:7860"]


def test_overload_is_told_and_never_restarted(world: World) -> None:
    world.seen["gpu01"] = edit(host("7860", "7861"), "instances.7860.ready.body.reason", "full")
    world.pipeline.accept([alert("GlmttsQueueFull")])
    world.live(300)
    assert world.remedies() == [] and world.incident().fault == "overloaded"
    assert world.messages() == ["opened open", "escalation escalated"]
    world.heal("gpu01")
    world.live(200)
    assert world.state() is S.RESOLVED


def test_gpu_memory_is_cleared_first_and_the_service_restarted_only_if_that_fails(world: World) -> None:
    world.seen["gpu01"] = log(
        host("7860", "7861"), "RuntimeError: CUDA out of memory. Tried to allocate 2 GiB"
    )
    world.pipeline.accept([alert("GlmttsCudaOom")])
    world.live(120)
    assert world.remedies() == ["clear_memory gpu01:7860"]
    assert world.state() is S.RESOLVED


def test_gpu_memory_that_stays_exhausted_leads_to_a_restart_and_never_to_more(world: World) -> None:
    world.seen["gpu01"] = log(host("7860", "7861"), OOM)

    def still_broken(run: object) -> None:
        world.seen["gpu01"] = log(host("7860", "7861", now=NOW), OOM, at=world.now + timedelta(seconds=1))

    world.heals = still_broken
    world.pipeline.accept([alert("GlmttsCudaOom")])
    world.live(1200)
    assert world.remedies() == ["clear_memory gpu01:7860", "restart gpu01:7860"]


def test_a_full_disk_is_purged_and_a_service_that_died_of_it_restarted(world: World) -> None:
    world.seen["gpu01"] = edit(down(host("7860", "7861")), "disks.0.used_pct", 99.0)

    def heals(run: object) -> None:
        purged = world.remedies() == ["purge_outputs gpu01:*"]
        world.seen["gpu01"] = down(host("7860", "7861")) if purged else host("7860", "7861")

    world.heals = heals
    world.pipeline.accept([alert("GlmttsDiskFull", port=None)])
    world.live(200)
    assert world.remedies() == ["purge_outputs gpu01:*", "restart gpu01:7860"]
    assert world.state() is S.RESOLVED


def test_a_failed_run_leads_to_the_next_rung_and_then_to_people(world: World) -> None:
    world.seen["gpu01"] = down(host("7860", "7861"))
    world.start = lambda run: (
        world.started.append(run),
        world.outcomes.update({run.id: RunOutcome("failed", 2)}),
    )[0]
    world.pipeline = world.worker("w1")
    world.pipeline.accept([alert()])
    world.live(900)
    assert [run.state for run in world.runs()] == [RunState.FAILED, RunState.FAILED]
    assert world.state() is S.ESCALATED
    assert world.messages().count("escalation escalated") == 1


def test_an_abandoned_run_is_never_repeated_and_people_are_called(world: World) -> None:
    world.seen["gpu01"] = down(host("7860", "7861"))
    world.poll = lambda run: RunOutcome("abandoned")
    world.pipeline = world.worker("w1")
    world.pipeline.accept([alert()])
    world.live(900)
    assert [run.state for run in world.runs()] == [RunState.ABANDONED]
    assert world.state() is S.ESCALATED


def test_a_run_that_could_not_be_started_counts_as_failed(world: World) -> None:
    def refuse(run: object) -> None:
        raise ExecuteError("no such unit")

    world.seen["gpu01"] = down(host("7860", "7861"))
    world.start = refuse
    world.pipeline = world.worker("w1")
    world.pipeline.accept([alert()])
    world.work()
    first = world.runs()[0]
    assert first.state is RunState.FAILED and first.summary["error"] == "no such unit"


def test_the_same_alert_fifty_times_is_one_incident_and_one_run(world: World) -> None:
    world.seen["gpu01"] = down(host("7860", "7861"))
    world.heals = lambda run: world.heal(run.host)
    for _ in range(25):
        world.pipeline.accept([alert(), alert()])
        world.work()
        world.later(2)
    world.live(120)
    assert len(world.runs()) == 1
    assert len(world.store.read(incidents.latest)) == 1


def test_an_alert_that_fires_on_long_after_the_end_opens_a_new_incident(world: World) -> None:
    world.pipeline.accept([alert()])
    world.work()
    world.later(world.policy.reopen_after_s - 1)
    world.pipeline.accept([alert()])
    assert len(world.store.read(incidents.latest)) == 1
    world.later(1)
    world.pipeline.accept([alert()])
    assert len(world.store.read(incidents.latest)) == 2


def test_a_resolved_alert_closes_nothing_without_proof(world: World) -> None:
    world.seen["gpu01"] = down(host("7860", "7861"))
    world.store.write(lambda db: people.stop(db, by="ann", reason="look first", now=world.now))
    world.pipeline.accept([alert()])
    world.work()
    world.pipeline.accept([alert(status="resolved")])
    world.live(120)
    assert world.state() is S.WAITING and world.spoken == []
    world.heal("gpu01")
    world.live(120)
    assert world.state() is S.RESOLVED and world.spoken and world.remedies() == []


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


def test_what_explains_a_hang_is_kept_before_the_restart_and_spends_no_attempt(tmp_path: Path) -> None:
    world = World(tmp_path, limits=Limits(1, 100, 0, attempts_per_hour=1))
    hung = edit(host("7860", "7861"), "instances.7860.health", {"outcome": "timeout", "body": None})
    world.seen["gpu01"] = hung
    world.heals = lambda run: None if run.remedy == "capture" else world.heal(run.host)
    world.pipeline.accept([alert()])
    world.live(120)
    assert world.remedies() == ["capture gpu01:7860", "restart gpu01:7860"]
    assert world.state() is S.RESOLVED
    world.store.close()


def test_hosts_that_fail_the_same_way_at_once_are_left_alone_and_people_called_once(tmp_path: Path) -> None:
    world = World(tmp_path, limits=Limits(1, 100, shared_cause_hosts=2))
    world.finishes = False
    world.seen["gpu01"], world.seen["gpu02"] = down(host("7860", "7861")), down(host("7860"))
    world.pipeline.accept([alert(), alert(on="gpu02", fingerprint="f2")])
    world.live(5, step=1)
    world.heals = lambda run: None
    world.finishes = True
    world.live(300)
    assert {world.state("gpu01"), world.state("gpu02")} == {S.ESCALATED}
    assert len(world.started) == 1, "one had begun before the second was seen"
    assert {(world.incident(one).decided or {})["gate"] for one in ("gpu01", "gpu02")} == {"shared_cause"}
    assert world.messages().count("escalation escalated") == 1
    world.store.close()


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


def test_a_second_host_waits_while_one_is_out(world: World) -> None:
    world.finishes = False
    world.seen["gpu01"] = down(host("7860", "7861"))
    world.seen["gpu02"] = down(host("7860"))
    world.heals = lambda run: world.heal(run.host)
    world.pipeline.accept([alert(), alert(on="gpu02", fingerprint="f2")])
    world.live(20)
    assert world.remedies() == ["restart gpu01:7860"] and world.state("gpu02") is S.WAITING
    assert (world.incident("gpu02").decided or {})["gate"] == "blast_radius"
    world.finishes = True
    world.live(200)
    assert world.remedies() == ["restart gpu01:7860", "restart gpu02:7860"]
    assert world.state("gpu01") is S.RESOLVED and world.state("gpu02") is S.RESOLVED


def test_a_useless_run_is_not_repeated_beyond_the_hours_budget(tmp_path: object) -> None:
    world = World(tmp_path, limits=Limits(1, 100, 0, attempts_per_hour=1))  # type: ignore[arg-type]
    world.seen["gpu01"] = down(host("7860", "7861"))
    world.pipeline.accept([alert()])
    world.live(600)
    assert len(world.started) == 1 and (world.incident().decided or {})["gate"] == "budget"
    world.store.close()


def test_trouble_of_one_instance_that_only_people_can_mend_does_not_keep_the_other_from_repair(
    world: World,
) -> None:
    taken = {"listening": True, "owners": [{"pid": 7, "user": "bob", "cmdline": "nc", "ours": False}]}
    broken = down(down(host("7860", "7861"), "7860"), "7861")
    world.seen["gpu01"] = edit(broken, "instances.7860.port", taken)
    world.heals = lambda run: world.seen.update(
        gpu01=edit(down(host("7860", "7861")), "instances.7860.port", taken)
    )
    world.pipeline.accept([alert(port=None)])
    world.live(120)
    assert world.remedies() == ["restart gpu01:7861"]
    assert world.state() is S.ESCALATED and world.incident().fault == "port_conflict"


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


def test_trouble_during_the_hold_down_is_acted_on(world: World) -> None:
    world.seen["gpu01"] = down(host("7860", "7861"))
    world.heals = lambda run: world.heal(run.host)
    world.pipeline.accept([alert()])
    world.live(5, step=1)
    assert world.state() is S.HOLDING
    world.seen["gpu01"] = down(host("7860", "7861", now=world.now))
    world.pipeline.accept([alert(fingerprint="f2")])
    world.live(300)
    assert len(world.started) == 2 and world.state() is S.RESOLVED


def test_an_overdue_run_is_asked_to_end(world: World) -> None:
    world.seen["gpu01"] = down(host("7860", "7861"))
    world.finishes = False
    world.pipeline.accept([alert()])
    world.work()
    run = world.runs()[0]
    world.live(run.timeout_s + world.policy.overdue_s - 10, step=5)
    assert world.canceled == []
    world.live(30, step=5)
    assert set(world.canceled) == {run.id} and world.state() is S.REPAIRING


def test_a_host_that_left_the_inventory_is_neither_examined_nor_touched(world: World) -> None:
    world.pipeline.accept([alert()])
    world.inventory = type(world.inventory)({"gpu02": world.inventory.hosts["gpu02"]})
    world.seen = {}
    world.live(60)
    assert world.state() is S.ESCALATED and world.runs() == []


def test_stages_name_what_is_handed_in() -> None:
    assert set(Stages.__dataclass_fields__) == {"examine", "start", "poll", "cancel", "verify"}


def test_runs_are_named_so_that_a_unit_and_a_folder_can_carry_the_name(world: World) -> None:
    world.seen["gpu01"] = down(host("7860", "7861"))
    world.pipeline.accept([alert()])
    world.work()
    name = world.store.read(runs.latest)[0].id
    assert name.startswith("run-20261127-010000-") and name.replace("-", "").isalnum()
