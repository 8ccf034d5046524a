"""Forgets closed incidents after their time; the audit and open incidents stay."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, select

from remediator.store.schema import alert, approval, decision, evidence, incident, notification, run

# Children first: every table points to the ones after it.
TABLES = (notification, approval, run, decision, evidence, alert)


def forget(db: Connection, before: datetime, limit: int = 200) -> int:
    """Delete up to `limit` incidents closed before `before`, with all that belongs to them; return how many.

    A message that is still to be delivered keeps its incident.
    """
    waiting = select(notification.c.incident_id).where(
        notification.c.state == "due", notification.c.incident_id.is_not(None)
    )
    query = (
        select(incident.c.id)
        .where(incident.c.state == "resolved", incident.c.closed_at < before, incident.c.id.not_in(waiting))
        .order_by(incident.c.closed_at)
        .limit(limit)
    )
    old = list(db.execute(query).scalars())
    for table in TABLES:
        db.execute(delete(table).where(table.c.incident_id.in_(old)))
    db.execute(delete(incident).where(incident.c.id.in_(old)))
    db.execute(delete(alert).where(alert.c.incident_id.is_(None), alert.c.last_seen_at < before))
    return len(old)
