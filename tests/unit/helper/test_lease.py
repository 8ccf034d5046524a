"""One holder at a time, until it ends, gives back, or a person takes over."""

from pathlib import Path

import pytest
from glmtts_remedy.errors import LeaseProblem, UsageProblem
from glmtts_remedy.lease import LeaseFile


class Clock:
    """A clock that only moves when told."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def leases(tmp_path: Path, clock: Clock) -> LeaseFile:
    return LeaseFile(str(tmp_path / "run"), clock)


def test_a_free_host_is_leased_to_the_first_who_asks(leases):
    lease, already = leases.take("run-1", 60, "restart")
    assert (lease.holder, lease.purpose, already) == ("run-1", "restart", False)
    assert leases.show() == lease


def test_a_second_run_is_turned_away_with_the_name_of_the_first(leases):
    leases.take("run-1", 60)
    with pytest.raises(LeaseProblem, match="held by run-1 until"):
        leases.take("run-2", 60)


def test_the_holder_may_renew_and_learns_that_it_held_already(leases, clock):
    leases.take("run-1", 60)
    clock.now += 30
    lease, already = leases.take("run-1", 60)
    assert already
    assert lease.expires == clock.now + 60


@pytest.mark.parametrize(
    ("later_s", "free"),
    [
        pytest.param(59, False, id="one second before the end it is held"),
        pytest.param(60, True, id="at its end it is free"),
    ],
)
def test_a_lease_ends_by_itself(leases, clock, later_s, free):
    leases.take("run-1", 60)
    clock.now += later_s
    assert (leases.show() is None) is free


def test_after_its_end_the_old_holder_may_change_nothing(leases, clock):
    leases.take("run-1", 60)
    clock.now += 61
    with pytest.raises(LeaseProblem, match="nobody does"):
        leases.require("run-1")


def test_a_person_wins_and_the_old_run_is_refused_from_then_on(leases):
    leases.take("run-1", 60)
    lease, ended = leases.take_over("li.wei", 600)
    assert lease.holder == "person:li.wei"
    assert ended is not None and ended.holder == "run-1"
    with pytest.raises(LeaseProblem, match="held by person:li"):
        leases.require("run-1")


def test_a_person_may_take_over_a_free_host(leases):
    lease, ended = leases.take_over("li.wei", 600)
    assert (lease.holder, ended) == ("person:li.wei", None)


def test_giving_back_what_another_holds_is_refused(leases):
    leases.take("run-1", 60)
    with pytest.raises(LeaseProblem):
        leases.release("run-2")
    assert leases.show() is not None


def test_giving_back_frees_the_host_and_may_be_repeated(leases):
    leases.take("run-1", 60)
    assert leases.release("run-1")
    assert not leases.release("run-1")
    assert leases.show() is None


@pytest.mark.parametrize("holder", ["", "a b", "x\n", "-run", "a" * 121, "run/../x"])
def test_a_name_that_is_no_run_id_is_refused(leases, holder):
    with pytest.raises(UsageProblem):
        leases.take(holder, 60)


@pytest.mark.parametrize("ttl_s", [0, -1, 6 * 3600 + 1])
def test_a_lease_without_end_is_refused(leases, ttl_s):
    with pytest.raises(UsageProblem):
        leases.take("run-1", ttl_s)


def test_a_damaged_file_counts_as_no_lease(leases, tmp_path):
    leases.take("run-1", 60)
    (tmp_path / "run/lease.json").write_text("{")
    assert leases.show() is None


def test_changing_asks_for_the_lease_again_once_it_is_its_turn(leases):
    leases.take("run-1", 60)
    with leases.changing("run-1"):
        pass
    leases.take_over("li.wei", 60)
    with pytest.raises(LeaseProblem), leases.changing("run-1"):
        pytest.fail("the verb must not run")


def test_only_one_verb_changes_the_host_at_a_time(leases, monkeypatch):
    monkeypatch.setattr("glmtts_remedy.lease.VERB_WAIT_S", 0.0)
    leases.take("run-1", 60)
    second = leases.changing("run-1")
    with leases.changing("run-1"), pytest.raises(LeaseProblem, match="another verb"):
        second.__enter__()


def test_changing_without_a_run_id_is_refused(leases):
    with pytest.raises(LeaseProblem, match="--run"):
        leases.require(None)
