"""From the alert that a rule raises to what is done: a missing file, no inodes left."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from remediator.states import IncidentState
from remediator.store import notifications, records
from tests.unit.remediator.world import World, alert, down, edit, host, log

ROOT = Path(__file__).parents[3]
RULES = (ROOT / "playbooks/roles/prometheus/templates/glmtts.rules.yml.j2").read_text()
KNOWN = set(re.findall(r"'name': '(\w+)'", RULES))
MISSING = "FileNotFoundError: [Errno 2] No such file or directory: 'ckpt/llm/config.json'"
SICK = {"outcome": "http_error", "http_status": 503, "took_s": 0.01, "body": {"reason": "load_failed"}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def told(world: World) -> list[dict[str, Any]]:
    rows = world.store.read(lambda db: notifications.of_incident(db, world.incident().id))
    return [row.payload | {"kind": row.kind} for row in rows]


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        pytest.param(
            "InstanceSick",
            log(edit(host("7860", "7861"), "instances.7860.health", SICK), MISSING),
            id="the model cannot be loaded",
        ),
        pytest.param(
            "ServiceNotRunning",
            log(down(host("7860", "7861"), result="exit-code"), f"ModuleNotFoundError: {MISSING}"),
            id="the program cannot start",
        ),
    ],
)
def test_a_missing_file_goes_to_people_with_the_file_and_nothing_is_restarted(
    world: World, name: str, seen: dict[str, Any]
) -> None:
    assert name in KNOWN, "Prometheus raises it"
    world.seen["gpu01"] = seen
    world.pipeline.accept([alert(name)])
    world.live(600)
    mine = world.incident()
    assert (mine.fault, world.state(), world.remedies()) == ("missing_file", IncidentState.ESCALATED, [])
    page = next(one for one in told(world) if one["kind"] == "escalation")
    assert "ckpt/llm/config.json" in page["found"]["en"] and "ckpt/llm/config.json" in page["found"]["zh"]
    assert "deploy.yml" in page["next"]["en"]
    (decision, *_) = world.store.read(lambda db: records.decisions_of(db, mine.id))
    assert (decision["verdict"], decision["gate"]) == ("refuse", "plan")


def test_a_missing_file_beats_the_restart_of_a_dead_service(world: World) -> None:
    world.seen["gpu01"] = log(down(host("7860", "7861"), result="exit-code"), MISSING)
    world.pipeline.accept([alert("ServiceNotRunning")])
    world.live(60)
    (decision, *_) = world.store.read(lambda db: records.decisions_of(db, world.incident().id))
    assert [one["fault"] for one in decision["findings"]][:2] == ["missing_file", "service_down"]


def test_a_disk_without_inodes_is_purged_once_and_closed_by_proof(world: World) -> None:
    assert "InodesFull" in KNOWN
    world.seen["gpu01"] = edit(host("7860", "7861"), "disks.0.inodes_used_pct", 100.0)
    world.heals = lambda run: world.heal(run.host)
    world.pipeline.accept([alert("InodesFull", port=None)])
    world.live(120)
    assert (world.incident().fault, world.state()) == ("inodes_full", IncidentState.RESOLVED)
    assert world.remedies() == ["purge_outputs gpu01:*"]
    assert world.incident().proof is not None


def test_when_purging_frees_no_inodes_people_are_told_where_to_look(world: World) -> None:
    world.seen["gpu01"] = edit(host("7860", "7861"), "disks.0.inodes_used_pct", 96.0)
    world.pipeline.accept([alert("InodesFull", port=None)])
    world.live(600)
    assert world.remedies() == ["purge_outputs gpu01:*"], "tried once, not again and again"
    assert world.state() is IncidentState.ESCALATED
    assert "du --inodes" in next(one for one in told(world) if one["kind"] == "escalation")["next"]["en"]


def test_inodes_below_the_limit_are_no_fault(world: World) -> None:
    world.seen["gpu01"] = edit(host("7860", "7861"), "disks.0.inodes_used_pct", 94.9)
    world.pipeline.accept([alert("InodesFull", port=None)])
    world.live(60)
    assert (world.incident().fault, world.remedies()) == ("false_alarm", [])
