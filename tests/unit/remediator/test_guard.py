"""Every gate, both sides of every boundary, and their order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.evidence_host import Lease
from remediator.guard import GATES, Halt, Limits, Situation, judge, judge_reserved
from remediator.model import Mode, Plan, VerdictKind
from tests.unit.remediator.world import CATALOGUE, NOW

GO, WAIT, ASK, REFUSE = VerdictKind.GO, VerdictKind.WAIT, VerdictKind.ASK, VerdictKind.REFUSE
RESTART, CLEAR = CATALOGUE.remedies["restart"], CATALOGUE.remedies["clear_memory"]
PLAN = Plan("gpu01", "7860", "service_down", "restart", 0)
FLEET = frozenset(f"gpu{n:02}" for n in range(1, 21))
FREE = Situation(
    now=NOW, ceiling=Mode.ACT, mode=Mode.ACT, known=1, fleet=FLEET,
    limits=Limits(max_hosts_out=3, max_hosts_out_pct=10, min_healthy_hosts=5, attempts_per_hour=3),
)  # fmt: skip
ORDER = (
    "mode", "stop", "maintenance", "lease", "known_host", "adopted", "running", "budget", "cooldown", "shared_cause",
    "blast_radius", "hosts_per_hour", "approval",
)  # fmt: skip


def ago(seconds: float, useless: int = 0) -> dict[str, object]:
    return {"last_run_at": NOW - timedelta(seconds=seconds), "useless_runs": useless}


def held(holder: str, seconds: float) -> dict[str, object]:
    return {"lease": Lease(holder, "work", NOW + timedelta(seconds=seconds))}


def out(*numbers: int) -> dict[str, object]:
    return {"out": frozenset(f"gpu{n:02}" for n in numbers)}


def worked_on(*numbers: int, minutes_ago: float = 30) -> dict[str, object]:
    at = NOW - timedelta(minutes=minutes_ago)
    return {"worked_on": {f"gpu{n:02}": at for n in numbers}}


def alike(*numbers: int) -> dict[str, object]:
    return {"alike": frozenset(f"gpu{n:02}" for n in numbers)}


def fleet(size: int) -> dict[str, object]:
    return {"fleet": frozenset(f"gpu{n:02}" for n in range(1, size + 1))}


@pytest.mark.parametrize(
    ("changes", "kind", "gate"),
    [
        pytest.param({}, GO, "", id="nothing speaks against it"),
        pytest.param({"ceiling": Mode.OBSERVE}, REFUSE, "mode", id="the installation only observes"),
        pytest.param({"mode": Mode.OBSERVE}, REFUSE, "mode", id="the fault is only observed"),
        pytest.param({"ceiling": Mode.PROPOSE}, ASK, "approval", id="the installation proposes"),
        pytest.param({"mode": Mode.PROPOSE}, ASK, "approval", id="the fault is proposed"),
        pytest.param({"mode": Mode.PROPOSE, "approved": True}, GO, "", id="approved"),
        pytest.param({"mode": Mode.OBSERVE, "approved": True}, REFUSE, "mode", id="observe beats approval"),
        pytest.param({"stop": Halt("ann", "storm")}, WAIT, "stop", id="stopped"),
        pytest.param(
            {"window": Halt("ann", "patching", NOW + timedelta(hours=1))},
            WAIT,
            "maintenance",
            id="window open",
        ),
        pytest.param(held("person:li", 60), WAIT, "lease", id="a person has the host"),
        pytest.param(held("run-1", 60), WAIT, "lease", id="another run has the host"),
        pytest.param(held("person:li", 0), GO, "", id="the lease ends now"),
        pytest.param({"known": 0}, REFUSE, "known_host", id="not in the inventory"),
        pytest.param({"known": 2}, REFUSE, "known_host", id="twice in the inventory"),
        pytest.param({"active_run": "run-2"}, WAIT, "running", id="a run is active"),
        pytest.param({"attempts": 2}, GO, "", id="one attempt left"),
        pytest.param({"attempts": 3}, REFUSE, "budget", id="budget spent"),
        pytest.param(ago(59), WAIT, "cooldown", id="a second too early"),
        pytest.param(ago(60), GO, "", id="exactly at the end of the cooldown"),
        pytest.param(ago(119, 1), WAIT, "cooldown", id="doubled after a useless run"),
        pytest.param(ago(120, 1), GO, "", id="end of the doubled cooldown"),
        pytest.param(ago(479, 9), WAIT, "cooldown", id="never more than eightfold"),
        pytest.param(ago(480, 9), GO, "", id="end of the longest cooldown"),
        pytest.param(out(1), GO, "", id="the host that is out may be repaired"),
        pytest.param(out(2), GO, "", id="one other of 20 out, two allowed by 10 percent"),
        pytest.param(out(2, 3), WAIT, "blast_radius", id="two others out: percent is the smaller limit"),
        pytest.param(fleet(2) | out(), WAIT, "blast_radius", id="too few healthy hosts would remain"),
        pytest.param(fleet(6), GO, "", id="exactly the minimum of healthy hosts remains"),
        pytest.param(
            fleet(6) | {"unwell": frozenset({"gpu02"})}, WAIT, "blast_radius", id="one of them is unwell"
        ),
        pytest.param(
            fleet(6) | {"unwell": frozenset({"gpu01"})}, GO, "", id="its own trouble does not count"
        ),
        pytest.param(worked_on(2, 3, 4, 5), GO, "", id="the fifth host within the hour"),
        pytest.param(worked_on(1, 2, 3, 4, 5), GO, "", id="the host itself does not count"),
        pytest.param(worked_on(2, 3, 4, 5, 6), WAIT, "hosts_per_hour", id="the sixth"),
        pytest.param(fleet(8) | worked_on(2, 3, 4), GO, "", id="the fourth of eight: half of them"),
        pytest.param(fleet(8) | worked_on(2, 3, 4, 5), WAIT, "hosts_per_hour", id="more than half of eight"),
        pytest.param(alike(1, 2), GO, "", id="two hosts fail the same way"),
        pytest.param(alike(1, 2, 3), REFUSE, "shared_cause", id="three do: one cause"),
        pytest.param(alike(2, 3), REFUSE, "shared_cause", id="three with this one, which is not decided yet"),
        pytest.param({"fleet": frozenset()}, REFUSE, "blast_radius", id="unknown size of the fleet"),
    ],
)
def test_restart(changes: dict[str, object], kind: VerdictKind, gate: str) -> None:
    verdict = judge(PLAN, RESTART, replace(FREE, **changes))
    assert (verdict.kind, verdict.gate) == (kind, gate)


@pytest.mark.parametrize("size", [1, 2, 9])
def test_a_small_fleet_may_always_repair_one_host(size: int) -> None:
    limits = Limits(max_hosts_out=5, max_hosts_out_pct=10)
    assert judge(PLAN, RESTART, replace(FREE, **fleet(size), limits=limits)).kind is GO


@pytest.mark.parametrize("size", [2, 3])
def test_in_a_small_fleet_two_hosts_may_be_repaired_within_the_hour(size: int) -> None:
    limits = Limits(max_hosts_out=1, max_hosts_out_pct=10)
    small = replace(FREE, **fleet(size), limits=limits)
    assert judge(PLAN, RESTART, replace(small, **worked_on(2))).kind is GO
    assert judge(PLAN, RESTART, replace(small, **worked_on(2, 3))).gate == "hosts_per_hour"


def test_the_wait_for_the_hour_ends_when_enough_of_it_has_passed() -> None:
    times = {f"gpu{n:02}": NOW - timedelta(minutes=n) for n in range(2, 9)}
    until = judge(PLAN, RESTART, replace(FREE, worked_on=times)).until
    assert until == NOW - timedelta(minutes=6) + timedelta(hours=1), "four others are left then"


def test_what_is_not_disruptive_does_not_count_against_the_fleet() -> None:
    crowded = replace(FREE, **out(2, 3, 4), **worked_on(2, 3, 4, 5, 6), **alike(2, 3, 4))
    assert judge(replace(PLAN, remedy="clear_memory"), CLEAR, crowded).kind is GO


def test_a_remedy_that_asks_for_approval_asks_in_every_mode() -> None:
    dangerous = replace(RESTART, approval=True)
    assert judge(PLAN, dangerous, FREE).kind is ASK
    assert judge(PLAN, dangerous, replace(FREE, approved=True)).kind is GO


def test_every_gate_is_recorded_with_its_value_and_limit_in_order() -> None:
    verdict = judge(PLAN, RESTART, replace(FREE, **out(2, 3), attempts=3))
    assert tuple(gate.name for gate in verdict.gates) == ORDER and len(ORDER) == len(GATES)
    assert all(gate.value and gate.limit and gate.reason.en and gate.reason.zh for gate in verdict.gates)
    assert verdict.gate == "budget"


def test_people_are_asked_last() -> None:
    assert judge(PLAN, RESTART, replace(FREE, mode=Mode.PROPOSE, stop=Halt("ann", "storm"))).kind is WAIT


def test_every_wait_has_a_wake_up_in_the_future() -> None:
    waits = [
        {"stop": Halt("a", "b")}, {"window": Halt("a", "b")}, held("person:li", 60), {"active_run": "r"}, ago(1),
        out(2, 3), worked_on(2, 3, 4, 5, 6),
    ]  # fmt: skip
    verdicts = [judge(PLAN, RESTART, replace(FREE, **one)) for one in waits]
    assert all(v.kind is WAIT and v.until is not None and v.until > NOW for v in verdicts)


def test_a_person_who_holds_the_host_is_named() -> None:
    assert judge(PLAN, RESTART, replace(FREE, **held("person:li", 60))).holder == "li"


def test_just_before_the_start_only_people_and_the_mode_are_asked_again() -> None:
    reserved = replace(FREE, attempts=3, active_run="run-1", **ago(1))
    assert judge_reserved(PLAN, RESTART, reserved).kind is GO
    assert judge_reserved(PLAN, RESTART, replace(reserved, stop=Halt("a", "b"))).kind is WAIT
    assert judge_reserved(PLAN, RESTART, replace(reserved, known=0)).kind is REFUSE


@given(others=st.integers(0, 19), most=st.integers(1, 10), pct=st.integers(1, 100), size=st.integers(1, 20))
def test_never_more_hosts_out_than_both_limits_allow(others: int, most: int, pct: int, size: int) -> None:
    names = [f"gpu{n:02}" for n in range(1, size + 1)]
    gone = frozenset(names[1 : 1 + others])
    situation = replace(FREE, fleet=frozenset(names), out=gone, limits=Limits(most, pct))
    if judge(PLAN, RESTART, situation).kind is GO:
        after = len(gone) + 1
        assert after == 1 or (after <= most and 100 * after <= size * pct)
