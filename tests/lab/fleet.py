"""What tests of the whole chain ask the fleet, and how they wait for it."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from tests.lab.keys import lab_secrets
from tests.lab.lab import Lab
from tests.lab.status import Json, ask

T = TypeVar("T")
BOUND_S = 420.0  # far beyond what any machine needs; a bound, never a measure
CLOSED = frozenset({"resolved"})


@dataclass(frozen=True)
class Fleet:
    """A deployed lab, seen as an operator sees it."""

    lab: Lab

    def status(self) -> Json:
        """Return what the remediator says of everything."""
        return ask(self.lab, "/api/v1/status")

    def incidents(self, host: str) -> list[Json]:
        """Return the incidents of one host, newest first."""
        return [one for one in self.status()["incidents"] if one["host"] == host]

    def whole(self, incident_id: str) -> Json:
        """Return one incident with its alerts, decisions, runs and messages."""
        return ask(self.lab, f"/api/v1/incidents/{incident_id}")

    def next_incident(
        self, host: str, known: set[str], until: Callable[[Json], bool], what: str, bound_s: float = BOUND_S
    ) -> Json:
        """Wait for an incident of `host` that is not `known` and satisfies `until`; return it whole."""

        def look() -> Json | None:
            new = [one for one in self.incidents(host) if one["id"] not in known]
            fitting = [one for one in new if until(one)]
            return self.whole(fitting[-1]["id"]) if fitting else None

        return wait_for(look, f"an incident of {host}: {what}", lambda: self.incidents(host)[:3], bound_s)

    def ids(self) -> set[str]:
        """Return the ids of all incidents so far."""
        return {one["id"] for one in self.status()["incidents"]}

    def wait_until_calm(self) -> None:
        """Wait until no incident is open and every instance takes traffic."""
        wait_for(lambda: not self._open() or None, "no open incident", self._open)
        for host, port in INSTANCES:
            wait_for(partial(self._is_ready, host, port), f"{host}:{port} ready", lambda: None)

    def _open(self) -> list[Json]:
        return [one for one in self.status()["incidents"] if one["state"] not in CLOSED]

    def _is_ready(self, host: str, port: str) -> bool | None:
        return self.ready(host, port) or None

    def ready(self, host: str, port: str) -> bool:
        """Return whether an instance says that it may take traffic."""
        url = f"http://127.0.0.1:{port}/readyz"
        machine = self.lab.host(host)
        return machine.run(["curl", "-sf", "-m", "10", "-o", "/dev/null", url], check=False).returncode == 0

    def main_pid(self, host: str, port: str) -> str:
        """Return the main process of an instance."""
        show = ["systemctl", "show", "--property=MainPID", "--value", f"glm-tts@{port}.service"]
        return self.lab.host(host).run(show).stdout.strip()

    def post_alerts(self, body: bytes, token: str = "sender_token") -> tuple[int, Json]:
        """Post a body as Alertmanager does; return the status and the answer."""
        port = self.lab.ports()["status"]
        request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/alerts/alertmanager", body)
        request.add_header("Content-Type", "application/json")
        request.add_header("Authorization", f"Bearer {lab_secrets()[token]}")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, {"said": error.read().decode(errors="replace")}


INSTANCES = (("gpu01", "7860"), ("gpu01", "7861"), ("gpu02", "7860"))


def wait_for(
    look: Callable[[], T | None], what: str, explain: Callable[[], Any], bound_s: float = BOUND_S
) -> T:
    """Ask `look` until it gives something. Raises AssertionError that tells what was seen last."""
    deadline = time.monotonic() + bound_s
    trouble: object = None
    while time.monotonic() < deadline:
        try:
            found = look()
        except OSError as error:  # the remediator is restarting, or busy
            found, trouble = None, error
        if found is not None:
            return found
        time.sleep(1)
    seen = json.dumps(explain(), ensure_ascii=False, indent=1, default=str)
    raise AssertionError(f"waited {bound_s:.0f} s for {what}; last trouble: {trouble}; last seen: {seen}")
