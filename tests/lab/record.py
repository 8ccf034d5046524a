"""Write a lab's incidents as recorded requests, for `remediator replay` and `make observe`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.lab.lab import Lab
from tests.lab.status import ask

Json = dict[str, Any]
LOG_LINES = 20  # of each instance; the rest adds nothing to a demonstration


def record(lab: Lab, path: Path) -> int:
    """Write one line per incident with evidence, oldest first; return how many there were."""
    newest_first = ask(lab, "/api/v1/status")["incidents"]
    wholes = [ask(lab, f"/api/v1/incidents/{one['id']}", timeout_s=60) for one in reversed(newest_first)]
    lines = [json.dumps(line, ensure_ascii=False) for whole in wholes for line in recorded(whole)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return len(lines)


def recorded(whole: Json) -> Iterator[Json]:
    """Turn one incident into the request that reported it, with the first evidence that was taken."""
    alerts = [alert for alert in whole["alerts"] if alert["sender"] == "alertmanager"]
    evidence = [one for one in whole["evidence"] if one["reachable"]]
    if not alerts or not evidence:
        return
    first = min(evidence, key=lambda one: str(one["at"]))
    yield {
        "t": first["at"],
        "path": "/api/v1/alerts/alertmanager",
        "body": {"version": "4", "status": "firing", "receiver": "remediator", "alerts": _alerts(alerts)},
        "evidence": {first["host"]: _short(first["body"])},
    }


def _alerts(alerts: list[Json]) -> list[Json]:
    firing = {alert["fingerprint"]: alert for alert in alerts if alert["status"] == "firing"}
    return [
        {
            "status": "firing",
            "labels": alert["labels"],
            "annotations": {"summary": alert["summary"]},
            "startsAt": alert["starts_at"],
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": alert["fingerprint"],
        }
        for alert in firing.values()
    ]


def _short(evidence: Json) -> Json:
    for instance in evidence.get("instances", {}).values():
        instance["log_lines"] = (instance.get("log_lines") or [])[-LOG_LINES:]
    return evidence
