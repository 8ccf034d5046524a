"""Recorded alerts give decisions and touch nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from remediator.guard import Limits
from remediator.model import Mode
from remediator.replay import Replay
from remediator.situation import Policy
from tests.unit.remediator.world import CATALOGUE, INVENTORY

SAMPLES = (
    (Path(__file__).parents[2] / "samples" / "alertmanager.jsonl").read_text(encoding="utf-8").splitlines()
)
ACT = Policy(ceiling=Mode.ACT, limits=Limits(1, 100))


def replay(lines: list[str], policy: Policy = ACT) -> list[dict[str, Any]]:
    return [one.to_json() for one in Replay(CATALOGUE, INVENTORY, policy).run(lines)]


def summary(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [
        (row["line"], row["host"], row["fault"], row["remedy"], row["verdict"], row["gate"]) for row in rows
    ]


def test_the_recorded_alerts_lead_to_these_decisions() -> None:
    assert summary(replay(SAMPLES)) == [
        (1, "gpu01", "service_down", "restart", "go", ""),
        (2, "gpu01", "service_down", "restart", "wait", "cooldown"),
        (3, "gpu02", "disk_full", "purge_outputs", "go", ""),
        (4, "gpu02", "overloaded", None, None, None),
        (5, None, None, None, None, None),
        (7, "gpu01", None, None, None, None),
    ]


def test_a_refused_alert_is_told_with_its_field() -> None:
    assert "labels.host" in replay([SAMPLES[4]])[0]["text"]["en"]


def test_observe_mode_decides_to_do_nothing() -> None:
    assert summary(replay(SAMPLES[:1], Policy(ceiling=Mode.OBSERVE)))[0][-2:] == ("refuse", "mode")


def test_the_instance_that_the_evidence_names_is_the_one_restarted() -> None:
    assert replay(SAMPLES[:1])[0]["instance"] == "7861"


@pytest.mark.parametrize("line", ["{", "[]", "17", '{"t": "soon", "body": {}}', '{"t": 1e99, "body": {}}',
                                  json.dumps({"t": 1, "path": "x", "body": {"version": "4"}})])  # fmt: skip
def test_a_line_that_is_no_record_is_refused_and_the_next_goes_on(line: str) -> None:
    rows = replay([line, "", SAMPLES[0]])
    assert [row["line"] for row in rows] == [1, 3] and rows[0]["text"]["en"].startswith("refused")
