"""What tests of the whole chain wait for: incidents, runs and messages of the lab's remediator."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from tests.lab.keys import lab_secrets
from tests.lab.lab import Lab
from tests.lab.status import ask

Json = dict[str, Any]
PAUSE_S = 1.0


class Chain:
    """Read what the remediator of one lab did. Every wait is bounded, and fails with what was there instead."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def status(self) -> Json:
        """Return incidents, runs and messages; all empty while the remediator doesn't answer."""
        try:
            return ask(self.lab, "/api/v1/status")
        except OSError as error:
            return {"incidents": [], "runs": [], "messages": [], "problem": str(error)}

    def incident(self, wanted: Callable[[Json], bool], timeout_s: float = 240) -> Json:
        """Return the first incident that is as wanted."""
        deadline = time.monotonic() + timeout_s
        while True:
            status = self.status()
            for incident in status["incidents"]:
                if wanted(incident):
                    return dict(incident)
            if time.monotonic() > deadline:
                raise AssertionError(f"no such incident after {timeout_s:.0f} s: {brief(status)}")
            time.sleep(PAUSE_S)

    def ended(self, host: str, fault: str, state: str = "resolved", timeout_s: float = 240) -> Json:
        """Return the incident of `host` once it has this fault and state."""
        asked = {"host": host, "fault": fault, "state": state}
        return self.incident(lambda one: asked.items() <= one.items(), timeout_s)

    def whole(self, incident_id: str) -> Json:
        """Return one incident with its alerts, decisions, runs and messages."""
        return ask(self.lab, f"/api/v1/incidents/{incident_id}")

    def runs(self, host: str) -> list[Json]:
        """Return the runs on a host, oldest first."""
        runs = [run for run in self.status()["runs"] if run["host"] == host]
        return sorted(runs, key=lambda run: str(run["created_at"]))

    def post(self, body: object, path: str = "/api/v1/alerts/alertmanager") -> int:
        """Post as Alertmanager does; return the status code."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.lab.ports()['status']}{path}")
        request.add_header("Authorization", f"Bearer {lab_secrets()['sender_token']}")
        request.add_header("Content-Type", "application/json")
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, raw, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return int(error.code)

    def told(self, what: str) -> list[Json]:
        """Return what arrived at `wecom` or `mailbox`, oldest first."""
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.lab.ports()[what]}/messages", timeout=30
        ) as answer:
            messages: list[Json] = json.load(answer)
        return messages


def brief(status: Json) -> str:
    """Return a status short enough for an error message."""
    shown = [{name: one.get(name) for name in ("host", "fault", "state")} for one in status["incidents"]]
    return json.dumps({"incidents": shown, "problem": status.get("problem")})
