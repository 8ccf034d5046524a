"""Messages that the clock writes: signs of life, the daily digest, a failed nightly copy, the next person to call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection

from remediator.notify import rows
from remediator.notify.daily import DAY, daily_facts
from remediator.states import IncidentState
from remediator.store import incidents, notifications
from remediator.store.incidents import Incident

CALLS_AGAIN = frozenset({IncidentState.ESCALATED, IncidentState.ASKING})
MOST_CALLS = 6  # per incident; then the daily digest and the page go on showing it
PAGES = ("escalation", "approval")


def heartbeat(db: Connection, now: datetime, *, interval_s: float, mode: str) -> bool:
    """Write a sign of life when one is due."""
    last = rows.last_created(db, "heartbeat")
    if last is not None and now - last < timedelta(seconds=interval_s):
        return False
    payload = {
        "kind": "heartbeat", "mode": mode, "at": now.isoformat(), "interval_s": interval_s,
        "open": len(incidents.open_ones(db)),
    }  # fmt: skip
    notifications.add(db, "heartbeat", payload, now)
    return True


def backup_failed(db: Connection, now: datetime, *, error: str, mode: str) -> None:
    """Say that there is no new copy of the database, and why."""
    payload = {"kind": "backup", "mode": mode, "at": now.isoformat(), "error": error}
    notifications.add(db, "backup", payload, now)


def call_next(db: Connection, now: datetime, *, after_min: float) -> list[str]:
    """Call the next person for every incident that needs people and that nobody has acknowledged."""
    unheard = [one for one in incidents.open_ones(db) if one.state in CALLS_AGAIN and one.acked_by is None]
    return [one.id for one in unheard if _call(db, one, now, timedelta(minutes=after_min))]


def _call(db: Connection, one: Incident, now: datetime, after: timedelta) -> bool:
    told = [row for row in notifications.of_incident(db, one.id) if row.created_at >= one.state_since]
    pages = [row for row in told if row.kind in PAGES or row.payload.get("approve")]
    if not pages or now - pages[-1].created_at < after:
        return False
    level = max(int(row.payload.get("level") or 0) for row in pages) + 1
    if level > MOST_CALLS:
        return False
    payload = {**pages[-1].payload, "level": level, "at": now.isoformat()}
    notifications.add(db, "escalation", payload, now, incident_id=one.id)
    return True


def daily(
    db: Connection, now: datetime, *, mode: str, explains: Callable[[str], bool] = lambda _line: False
) -> bool:
    """Write the digest of the last 24 hours, once a day. `explains` says whether the catalogue knows a log line."""
    last = rows.last_created(db, "daily")
    if last is not None and now - last < DAY / 2:
        return False
    notifications.add(db, "daily", daily_facts(db, now, mode, explains), now)
    return True
