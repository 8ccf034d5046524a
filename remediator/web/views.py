"""Rows as JSON: what the API returns and the page shows. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from remediator.store import alerts, approvals, holds, incidents, notifications, probes, records, runs
from remediator.store.incidents import Incident
from remediator.store.notifications import Notification

Json = dict[str, Any]
HIDDEN = ("claim_owner", "claim_until")
Hosts = Mapping[str, Sequence[str]]  # host -> its instances


def plain(value: Any) -> Any:
    """Return `value` as JSON values: times as ISO text, dataclasses as objects."""
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def overview(db: Connection, hosts: Hosts, limit: int, now: datetime) -> Json:
    """Return hosts, incidents (open ones always), runs, messages, open questions."""
    newest = incidents.latest(db, limit)
    known = {one.id for one in newest}
    open_ones = [one for one in incidents.open_ones(db) if one.id not in known]
    return {
        "stopped": any(hold.kind == "stop" for hold in holds.active(db, now)),
        "hosts": _hosts(db, hosts),
        "incidents": [_incident(one) for one in [*open_ones, *newest]],
        "runs": [plain(one) for one in runs.latest(db, limit)],
        "messages": messages(db, limit),
        "approvals": [plain(one) for one in approvals.open_ones(db, now)],
        "holds": [plain(one) for one in holds.active(db, now)],
    }


def _hosts(db: Connection, hosts: Hosts) -> list[Json]:
    seen = {(one.host, one.instance): one for one in probes.every(db)}
    busy = {one.host for one in runs.active(db)}
    return [
        {
            "name": host,
            "busy": host in busy,
            "instances": [_instance(port, seen.get((host, port))) for port in instances],
        }
        for host, instances in hosts.items()
    ]


def _instance(port: str, seen: probes.ProbeState | None) -> Json:
    if seen is None:
        return {"port": port, "probe": "unknown", "checked_at": None, "detail": ""}
    word = "failing" if seen.failures else "ok"
    return {"port": port, "probe": word, "checked_at": plain(seen.checked_at), "detail": seen.detail}


def _incident(one: Incident) -> Json:
    row: Json = plain(one)
    return {name: value for name, value in row.items() if name not in HIDDEN}


def messages(db: Connection, limit: int) -> list[Json]:
    """Return the newest messages; one that was split shows as its parts."""
    return [_message(row) for row in notifications.latest(db, 2 * limit) if row.state != "split"][:limit]


def _message(row: Notification) -> Json:
    found: Json = plain(row)
    found["host"] = row.payload.get("host")
    return found


def rows(db: Connection, what: str, limit: int) -> list[Json]:
    """Return the newest rows of one kind: incidents, runs, decisions or messages."""
    if what == "incidents":
        return [_incident(one) for one in incidents.latest(db, limit)]
    if what == "runs":
        return [plain(one) for one in runs.latest(db, limit)]
    if what == "decisions":
        return [plain(one) for one in records.latest_decisions(db, limit)]
    return messages(db, limit)


def incident(db: Connection, incident_id: str) -> Json:
    """Return one incident with everything that belongs to it. Raises UnknownItem."""
    found = incidents.get(db, incident_id)
    told = notifications.of_incident(db, incident_id)
    return {
        "incident": _incident(found),
        "alerts": [
            {**plain(one.alert), "hits": one.hits, "received_at": plain(one.received_at)}
            for one in alerts.of_incident(db, incident_id)
        ],
        "evidence": [plain(one) for one in records.evidence_of(db, incident_id)],
        "decisions": [plain(one) for one in records.decisions_of(db, incident_id)],
        "runs": [plain(one) for one in runs.of_incident(db, incident_id)],
        "approvals": [plain(one) for one in approvals.of_incident(db, incident_id)],
        "messages": [_message(row) for row in told if row.state != "split"],
    }
