"""Several workers on one database: every step happens once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from remediator.states import IncidentState, RunState
from remediator.store import Store, incidents
from tests.unit.remediator.world import PATIENCE_S, World, alert, down, host


def test_four_workers_that_advance_at_once_do_everything_once(tmp_path: Path, url: str) -> None:
    world = World(tmp_path, url=url)
    world.seen["gpu01"] = down(host("7860", "7861"))
    world.heals = lambda run: world.heal(run.host)
    second = Store(world.url, patience_s=PATIENCE_S)
    workers = [world.worker(f"w{n}", store=(world.store, second)[n % 2]) for n in range(4)]
    world.pipeline.accept([alert()])
    mine = world.incident().id
    with ThreadPoolExecutor(4) as pool:
        for _ in range(60):
            list(pool.map(lambda worker: worker.advance(mine), workers))
            world.later(2)
    assert world.state() is IncidentState.RESOLVED
    assert [run.state for run in world.runs()] == [RunState.OK]
    assert world.remedies() == ["restart gpu01:7860"]
    assert world.messages() == ["opened open", "decided repairing", "result holding", "result resolved"]
    second.close()
    world.store.close()


def test_the_same_alert_from_many_senders_at_once_is_one_incident(tmp_path: Path, url: str) -> None:
    world = World(tmp_path, url=url)
    second = Store(world.url, patience_s=PATIENCE_S)
    workers = [world.worker(f"w{n}", store=(world.store, second)[n % 2]) for n in range(4)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: workers[n % 4].accept([alert(), alert(on="gpu02")]), range(50)))
    assert len({one.incident_id for answer in answers for one in answer}) == 2
    found = world.store.read(incidents.latest)
    assert sorted(one.host for one in found) == ["gpu01", "gpu02"]
    second.close()
    world.store.close()
