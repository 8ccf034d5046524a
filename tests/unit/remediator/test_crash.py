"""Killed between any two writes, the chain goes on where it was: no second run, no lost message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remediator.model import RunOutcome
from remediator.reconcile import owner_is_alive, owner_name, reconcile
from remediator.states import IncidentState, RunState
from remediator.store import Store, incidents
from tests.unit.remediator.world import World, alert, down, host

S = IncidentState
WANTED = ["opened open", "decided repairing", "result holding", "result resolved"]


class Killed(BaseException):
    """The process is gone; nothing may catch it."""


def broken(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.seen["gpu01"] = down(host("7860", "7861"))
    world.heals = lambda run: world.heal(run.host)
    return world


def kill_at(store: Store, number: int, after: bool) -> Callable[[], int]:
    """Make the store's write number `number` the last thing this process does; count all writes."""
    count, real = [0], store.write

    def write(work: Callable[[Any], Any]) -> Any:
        count[0] += 1
        if count[0] == number and not after:
            raise Killed
        answer = real(work)
        if count[0] == number:
            raise Killed
        return answer

    store.write = write  # type: ignore[method-assign]
    return lambda: count[0]


def run_through(world: World) -> None:
    world.pipeline.accept([alert()])
    world.live(120)


def writes_of_a_whole_incident(tmp_path: Path) -> int:
    world = broken(tmp_path)
    count = kill_at(world.store, -1, after=False)
    run_through(world)
    assert world.state() is S.RESOLVED
    world.store.close()
    return count()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_around_any_write_the_incident_still_ends_well_with_one_run(
    tmp_path: Path, after: bool
) -> None:
    total = writes_of_a_whole_incident(tmp_path / "whole")
    assert total > 12
    for number in range(1, total + 1):
        folder = tmp_path / f"{number}"
        world = broken(folder)
        kill_at(world.store, number, after)
        with pytest.raises(Killed):
            run_through(world)
        world.restart()
        reconcile(world.store, world.poll, world.now, alive=lambda owner: owner == "w2")
        run_through(world)
        assert world.remedies() == ["restart gpu01:7860"], f"write {number}"
        assert [run.state for run in world.runs()] == [RunState.OK], f"write {number}"
        assert world.messages() == WANTED, f"write {number}"
        assert world.state() is S.RESOLVED, f"write {number}"
        world.store.close()


@pytest.mark.parametrize("where", ["examine", "start", "poll", "verify"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_around_what_touches_the_host(tmp_path: Path, where: str, after: bool) -> None:
    world = broken(tmp_path)
    real = getattr(world, where)

    def once(*args: Any) -> Any:
        if after:
            real(*args)
        raise Killed

    setattr(world, where, once)
    world.pipeline = world.worker("w1")
    with pytest.raises(Killed):
        run_through(world)
    setattr(world, where, real)
    world.restart()
    reconcile(world.store, world.poll, world.now, alive=lambda owner: owner == "w2")
    run_through(world)
    assert world.remedies() == ["restart gpu01:7860"] and world.messages() == WANTED
    assert world.state() is S.RESOLVED
    world.store.close()


def test_a_claim_of_a_dead_worker_is_freed_and_that_of_a_living_one_is_not(world: World) -> None:
    world.pipeline.accept([alert()])
    mine = world.incident().id
    world.store.write(lambda db: incidents.claim(db, mine, owner="dead", now=world.now, for_s=600))
    assert reconcile(world.store, world.poll, world.now, alive=lambda _: True).claims_freed == 0
    assert world.pipeline.due() == []
    assert reconcile(world.store, world.poll, world.now, alive=lambda _: False).claims_freed == 1
    assert world.pipeline.due() == [mine]


def test_a_run_that_died_with_its_process_is_abandoned_and_never_repeated(world: World) -> None:
    world.seen["gpu01"] = down(host("7860", "7861"))
    world.finishes = False
    world.pipeline.accept([alert()])
    world.work()
    world.restart()
    world.poll = lambda run: RunOutcome("abandoned")
    world.pipeline = world.worker("w3")
    world.live(900)
    assert [run.state for run in world.runs()] == [RunState.ABANDONED]
    assert len(world.started) == 1 and world.state() is S.ESCALATED


def test_a_run_whose_incident_was_taken_by_a_person_is_still_recorded(world: World) -> None:
    from remediator import people

    world.seen["gpu01"] = down(host("7860", "7861"))
    world.finishes = False
    world.pipeline.accept([alert()])
    world.work()
    mine = world.incident().id
    world.store.write(lambda db: people.hold(db, mine, by="ann", reason="mine", now=world.now, mode="act"))
    assert reconcile(world.store, world.poll, world.now).runs_ended == 0
    world.finishes = True
    assert reconcile(world.store, world.poll, world.now).runs_ended == 1
    assert [run.state for run in world.runs()] == [RunState.OK] and world.state() is S.HELD


def test_an_open_incident_that_nobody_would_wake_is_woken(world: World) -> None:
    world.pipeline.accept([alert()])
    mine = world.incident()
    world.store.write(lambda db: incidents.move(db, mine, mine.state, world.now, wake_at=None))
    assert world.pipeline.due() == []
    assert reconcile(world.store, world.poll, world.now).incidents_rung == 1
    assert world.pipeline.due() == [mine.id]


def test_a_process_is_known_by_machine_pid_and_start_time() -> None:
    me = owner_name()
    machine, pid, started = me.split(":")
    assert owner_is_alive(me)
    assert not owner_is_alive(f"{machine}:{pid}:{int(started) - 1}")
    assert not owner_is_alive(f"{machine}:999999999:{started}")
    assert not owner_is_alive(f"{machine}:nonsense")
    assert owner_is_alive(f"elsewhere:{pid}:{started}")
