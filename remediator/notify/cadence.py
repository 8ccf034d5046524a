"""Messages that the clock writes: signs of life, the daily digest, and the next person when nobody answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from sqlalchemy import Connection, select

from remediator.notify import rows
from remediator.states import IncidentState
from remediator.store import incidents, notifications
from remediator.store.incidents import Incident
from remediator.store.schema import decision, evidence, incident

DAY = timedelta(days=1)
CALLS_AGAIN = frozenset({IncidentState.ESCALATED, IncidentState.ASKING})
MOST_CALLS = 6  # per incident; then the daily digest and the page go on showing it
PAGES = ("escalation", "approval")
UNMATCHED_LINES = 5


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


def daily(db: Connection, now: datetime, *, mode: str) -> bool:
    """Write the digest of the last 24 hours, once a day."""
    last = rows.last_created(db, "daily")
    if last is not None and now - last < DAY / 2:
        return False
    notifications.add(db, "daily", daily_facts(db, now, mode), now)
    return True


def daily_facts(db: Connection, now: datetime, mode: str) -> dict[str, Any]:
    """Return what happened in the 24 hours before `now`."""
    since = now - DAY
    query = select(incident).where(incident.c.opened_at >= since)
    recent = list(db.execute(query).mappings())
    repairs = [
        (row["closed_at"] - row["opened_at"]).total_seconds()
        for row in recent
        if row["closed_at"] and row["acted"]
    ]
    return {
        "kind": "daily", "mode": mode, "at": now.isoformat(), "since": since.isoformat(),
        "incidents": len(recent),
        "resolved": sum(row["closed_at"] is not None for row in recent),
        "open": len(incidents.open_ones(db)),
        "repair_s": {"median": median(repairs), "longest": max(repairs)} if repairs else None,
        "faults": dict(Counter(str(row["fault"] or "unknown") for row in recent).most_common()),
        "gates": _gates(db, since),
        "unmatched": _unmatched(db, recent),
    }  # fmt: skip


def _gates(db: Connection, since: datetime) -> dict[str, int]:
    """Return how often each guard held something back."""
    query = select(decision.c.gate).where(
        decision.c.at >= since, decision.c.verdict != "go", decision.c.gate != ""
    )
    return dict(Counter(str(gate) for gate in db.execute(query).scalars()).most_common())


def _unmatched(db: Connection, recent: list[Any]) -> list[str]:
    """Return ERROR lines of incidents that no signature explains, each once."""
    unknown = [row["id"] for row in recent if row["fault"] == "unknown"]
    if not unknown:
        return []
    query = select(evidence.c.body).where(evidence.c.incident_id.in_(unknown[:100]))
    lines: dict[str, None] = {}
    for body in db.execute(query).scalars():
        for one in (body.get("instances") or {}).values():
            lines |= {text: None for line in one.get("log_lines") or [] if "ERROR" in (text := _text(line))}
    return list(lines)[:UNMATCHED_LINES]


def _text(line: Mapping[str, Any]) -> str:
    return str(line.get("text") or "")[:200]
