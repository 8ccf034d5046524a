"""One incident from alert to proof, stage by stage, in a world of two hosts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from remediator import people
from remediator.errors import ExecuteError
from remediator.examine import BadAnswer
from remediator.guard import Limits
from remediator.model import RunOutcome
from remediator.pipeline import Stages
from remediator.states import IncidentState, RunState
from remediator.store import incidents, notifications, runs
from tests.unit.remediator.world import NOW, World, alert, down, edit, host, log

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
