"""The outbox's own questions to the notification table; each runs inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update

from remediator.store import notifications
from remediator.store.notifications import Notification
from remediator.store.schema import notification as table

# Two messages of one incident may carry the same time: they are told in the order in which things happen.
ORDER = {
    name: place
    for place, name in enumerate(("opened", "decided", "approval", "owner", "result", "escalation"))
}


def unsplit(db: Connection, limit: int = 500) -> list[Notification]:
    """Return messages whose receivers are not chosen yet, oldest first."""
    return _select(db, table.c.receiver == "", limit)


def waiting(db: Connection, receiver: str, limit: int = 5000) -> list[Notification]:
    """Return everything `receiver` has not got yet, in the order it must arrive, due or not."""
    return _select(db, table.c.receiver == receiver, limit)


def _select(db: Connection, where: Any, limit: int) -> list[Notification]:
    query = select(table).where(table.c.state == "due", where).order_by(table.c.created_at).limit(limit)
    found = [Notification(**row) for row in db.execute(query).mappings()]
    return sorted(found, key=lambda row: (row.created_at, ORDER.get(row.kind, len(ORDER)), row.id))


def fan_out(db: Connection, row: Notification, receivers: Mapping[str, datetime]) -> None:
    """Give `row` to each receiver, not before the time that belongs to it; the order of creation is kept."""
    made = notifications.split(db, row.id, list(receivers), row.created_at)
    for new, next_at in zip(made, receivers.values(), strict=False):
        db.execute(update(table).where(table.c.id == new).values(next_at=next_at))


def give_up(db: Connection, message_id: str, error: str) -> None:
    """Mark a message that nobody can get."""
    notifications.mark_failed(db, message_id, error=error, permanent=True)


def merge(db: Connection, ids: Iterable[str], into: str, now: datetime) -> None:
    """Mark messages whose news another message carries."""
    values = {"state": "merged", "delivered_at": now, "error": f"merged into {into}"}
    db.execute(update(table).where(table.c.id.in_(list(ids)), table.c.state == "due").values(**values))


def still_due(db: Connection, ids: Iterable[str]) -> frozenset[str]:
    """Return which of these messages nobody has delivered or given up."""
    query = select(table.c.id).where(table.c.id.in_(list(ids)), table.c.state == "due")
    return frozenset(db.execute(query).scalars())


def last_alarm(db: Connection, about: str) -> datetime | None:
    """Return when people were last told that receiver `about` does not get its messages."""
    query = select(table).where(table.c.kind == "alarm").order_by(table.c.created_at.desc()).limit(100)
    times = [
        row["created_at"] for row in db.execute(query).mappings() if row["payload"].get("receiver") == about
    ]
    return max(times, default=None)


def last_delivered(db: Connection, kind: str) -> datetime | None:
    """Return when a message of that kind last reached someone."""
    query = select(func.max(table.c.delivered_at)).where(table.c.kind == kind, table.c.state == "delivered")
    return db.execute(query).scalar()


def last_created(db: Connection, kind: str) -> datetime | None:
    """Return when a message of that kind was last written."""
    return db.execute(select(func.max(table.c.created_at)).where(table.c.kind == kind)).scalar()


def backlog(db: Connection) -> tuple[int, datetime | None]:
    """Return how many messages are not delivered and when the oldest was written."""
    query = select(func.count(), func.min(table.c.created_at)).where(table.c.state == "due")
    count, oldest = db.execute(query).one()
    return int(count), oldest
