"""Counting for /metrics: a few grouped questions over the tables."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select

from remediator.notify import rows
from remediator.store import holds
from remediator.store.schema import incident, run
from remediator.web.metrics import Figures


def count(db: Connection, now: datetime) -> Figures:
    """Return the figures at `now`."""
    due, oldest = rows.backlog(db)
    heartbeat = rows.last_delivered(db, "heartbeat")
    repair = [(closed - opened).total_seconds() for opened, closed in _repairs(db)]
    return Figures(
        incidents=_incidents(db),
        runs=_runs(db),
        repair_s_sum=sum(repair),
        repair_count=len(repair),
        outbox_due=due,
        outbox_age_s=0.0 if oldest is None else max(0.0, (now - oldest).total_seconds()),
        heartbeat_age_s=None if heartbeat is None else (now - heartbeat).total_seconds(),
        stopped=any(hold.kind == "stop" for hold in holds.active(db, now)),
    )


def _incidents(db: Connection) -> dict[str, int]:
    query = select(incident.c.state, func.count()).group_by(incident.c.state)
    return {str(state): int(number) for state, number in db.execute(query)}


def _runs(db: Connection) -> dict[tuple[str, str], int]:
    query = select(run.c.remedy, run.c.state, func.count()).group_by(run.c.remedy, run.c.state)
    return {(str(remedy), str(state)): int(number) for remedy, state, number in db.execute(query)}


def _repairs(db: Connection) -> list[tuple[datetime, datetime]]:
    """Return when each incident that a remedy ran for was opened and closed."""
    query = select(incident.c.opened_at, incident.c.closed_at)
    query = query.where(incident.c.closed_at.is_not(None), incident.c.acted)
    return [(opened, closed) for opened, closed in db.execute(query)]
