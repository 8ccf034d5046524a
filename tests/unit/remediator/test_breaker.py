"""The circuit breaker: when it trips, what goes on, and that only newer runs count after a person's reset."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from remediator import people
from remediator.breaker import Judged, trips
from remediator.guard import Limits
from remediator.model import RunOutcome
from remediator.states import IncidentState
from remediator.store import audit, holds, notifications
from remediator.trip import BREAKER
from tests.unit.remediator.world import World, alert, down, host

S = IncidentState


@pytest.mark.parametrize(
    ("helped", "tripped"),
    [
        pytest.param([], False, id="nothing ran"),
        pytest.param([False] * 2, False, id="one bad run too few"),
        pytest.param([False] * 3, True, id="as many as are allowed"),
        pytest.param([False] * 3 + [True] * 2, True, id="more than half"),
        pytest.param([False] * 3 + [True] * 3, False, id="exactly half helped"),
    ],
)
def test_trips(helped: list[bool], tripped: bool) -> None:
    why = trips([Judged(f"restart gpu{n}:*", one) for n, one in enumerate(helped)], most=3)
    assert (why is not None) is tripped
    assert why is None or ("restart gpu2:*" in why.en and "restart gpu2:*" in why.zh)


def failing(tmp_path: Path, most: int) -> World:
    """Return a world in which no restart helps: gpu01 is down for good."""
    world = World(tmp_path, limits=Limits(1, 100, attempts_per_hour=9, breaker_runs=most))
    world.seen["gpu01"] = down(host("7860", "7861"))
    world.pipeline.accept([alert()])
    return world


def stops(world: World) -> list[str]:
    return [one.by for one in world.store.read(lambda db: holds.active(db, world.now)) if one.kind == "stop"]


@pytest.mark.parametrize("fails", [False, True], ids=["useless", "failed"])
def test_runs_without_effect_stop_everything_and_people_are_told_how_to_go_on(
    tmp_path: Path, fails: bool
) -> None:
    world = failing(tmp_path, most=2)
    if fails:
        world.poll = lambda run: RunOutcome("failed", 2)  # type: ignore[method-assign]
        world.pipeline = world.worker("w1")
    world.live(600)
    assert len(world.started) == 2 and stops(world) == [BREAKER]
    told = [one.payload for one in world.store.read(lambda db: notifications.latest(db, 100))]
    assert sum("remediator resume" in one["next"]["en"] for one in told) == 1
    assert ("circuit breaker", "stop") in [
        (row["actor"], row["action"]) for row in world.store.read(audit.latest)
    ]
    world.seen["gpu02"] = down(host("7860", now=world.now))
    world.pipeline.accept([alert(on="gpu02", fingerprint="f2")])
    world.live(120)
    assert (world.state("gpu02"), (world.incident("gpu02").decided or {})["gate"]) == (S.WAITING, "stop")
    assert len(world.started) == 2
    world.store.close()


def test_verification_goes_on_while_it_is_tripped(tmp_path: Path) -> None:
    world = failing(tmp_path, most=2)
    world.live(600)
    world.heal("gpu01")
    world.live(300)
    assert world.state() is S.RESOLVED and stops(world) == [BREAKER]
    world.store.close()


def test_after_a_persons_reset_only_newer_runs_count_and_what_waited_is_examined_anew(tmp_path: Path) -> None:
    world = failing(tmp_path, most=2)
    world.live(600)
    world.seen["gpu02"] = down(host("7860", now=world.now))
    world.pipeline.accept([alert(on="gpu02", fingerprint="f2", starts_at=world.now)])
    world.live(60)
    world.heal("gpu01")
    world.live(300)
    world.heals = lambda run: world.heal(run.host)
    world.store.write(lambda db: people.resume(db, by="ann", now=world.now))
    world.live(200)
    assert world.remedies()[2:] == ["restart gpu02:7860"] and world.state("gpu02") is S.RESOLVED
    assert stops(world) == []
    world.store.close()


def test_what_happened_more_than_an_hour_ago_does_not_count(tmp_path: Path) -> None:
    world = failing(tmp_path, most=3)
    world.live(600)
    assert len(world.started) == 2 and stops(world) == []
    world.heal("gpu01")
    world.live(300)
    world.now += timedelta(hours=1)
    world.seen["gpu01"] = down(host("7860", "7861", now=world.now))
    world.pipeline.accept([alert(fingerprint="f3", starts_at=world.now)])
    world.live(900)
    assert len(world.started) == 4 and stops(world) == []
    world.store.close()
