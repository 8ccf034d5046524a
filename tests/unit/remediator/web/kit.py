"""A desk that remembers what it was asked, and an app around it."""

from __future__ import annotations

import re
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from remediator.errors import BadAlert, Conflict, StoreUnavailable, UnknownItem
from remediator.settings import Settings
from remediator.tokens import Holder, Role, Tokens, digest
from remediator.web.app import create_app
from remediator.web.metrics import Figures

SECRETS = {role: f"{role}-token" for role in ("sender", "viewer", "operator")}
INCIDENT = {
    "id": "inc-1", "host": "gpu01", "instance": "7860", "fault": "service_down", "state": "escalated",
    "opened_at": "2026-11-27T01:00:00+00:00", "closed_at": None, "held_by": None, "acked_by": None,
    "found": {"en": "unit failed <b>x</b>", "zh": "单元失败 <b>x</b>"}, "decided": None,
    "note": {"en": "Look at the power.", "zh": "请检查电源。"},
}  # fmt: skip


class FakeDesk:
    """Answers with fixed rows; `error` is raised by whatever is asked next."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.error: Exception | None = None
        self.stopped = False
        self.ill: list[str] = []

    def _note(self, *call: Any) -> None:
        if self.error is not None:
            raise self.error
        self.calls.append(call)

    def receive(self, sender: str, holder: Holder, payload: Any) -> list[dict[str, Any]]:
        self._note("receive", sender, holder.name, payload)
        return [{"stored": bool(one.get("ok", True))} for one in payload.get("alerts", [])]

    def overview(self, limit: int) -> dict[str, Any]:
        self._note("overview", limit)
        return {
            "mode": "act", "stopped": self.stopped, "incidents": [INCIDENT], "messages": [], "holds": [],
            "hosts": [{"name": "gpu01", "busy": False, "instances": [{"port": "7860", "probe": "failing"}]}],
            "runs": [{"id": "run-1", "created_at": "2026-11-27T01:00:00+00:00", "host": "gpu01",
                      "instance": "7860", "remedy": "restart", "state": "running"}],
            "approvals": [{"id": "ask-1", "incident_id": "inc-1", "remedy": "reboot",
                           "expires_at": "2026-11-27T01:30:00+00:00"}],
        }  # fmt: skip

    def rows(self, what: str, limit: int) -> list[dict[str, Any]]:
        self._note("rows", what, limit)
        return [INCIDENT]

    def incident(self, incident_id: str) -> dict[str, Any]:
        self._note("incident", incident_id)
        if incident_id != "inc-1":
            raise UnknownItem(f"no incident {incident_id}")
        return {"incident": INCIDENT, "decisions": [], "runs": [], "alerts": [], "messages": []}

    def figures(self) -> Figures:
        self._note("figures")
        return Figures(incidents={"resolved": 3}, runs={("restart", "ok"): 2}, heartbeat_age_s=5.0)

    def problems(self) -> list[str]:
        return self.ill

    def ack(self, *call: Any) -> None:
        self._note("ack", *call)

    def hold(self, *call: Any) -> None:
        self._note("hold", *call)

    def resume_incident(self, *call: Any) -> None:
        self._note("resume_incident", *call)

    def decide(self, *call: Any) -> None:
        self._note("decide", *call)

    def cancel(self, *call: Any) -> None:
        self._note("cancel", *call)

    def stop(self, *call: Any) -> None:
        self._note("stop", *call)

    def resume(self, *call: Any) -> None:
        self._note("resume", *call)


def tokens(**hosts: frozenset[str]) -> Tokens:
    return Tokens({digest(secret): Holder(f"a-{role}", Role(role)) for role, secret in SECRETS.items()})


def app(desk: FakeDesk) -> Flask:
    made = create_app(Settings(), tokens(), desk, secret=b"k" * 32)
    made.testing = True
    return made


def as_role(role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {SECRETS[role]}"}


def csrf_of(html: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', html)
    assert found
    return found[1]


def log_in(client: FlaskClient, role: str) -> str:
    """Log in and return the session's CSRF word."""
    word = csrf_of(client.get("/login").get_data(as_text=True))
    client.post("/login", data={"csrf": word, "token": SECRETS[role]})
    return csrf_of(client.get("/").get_data(as_text=True))


ERRORS = {
    400: BadAlert("labels.host", "is missing", "set it"),
    404: UnknownItem("no incident x"),
    409: Conflict("it is resolved"),
    503: StoreUnavailable("the database at postgresql://u:secret@h is away"),
}
