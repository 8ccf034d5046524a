"""The outbox: a row is written with the move it tells about, and marked only after delivery.

A fresh row has receiver "" ("everyone it concerns"). The outbox either delivers it as it is, or splits it
into one row per receiver with `split`, so that each receiver is retried by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from remediator.store.ids import new_id
from remediator.store.schema import notification


@dataclass(frozen=True)
class Notification:
    """One row; `payload` holds facts, never rendered text."""

    id: str
    incident_id: str | None
    kind: str
    created_at: datetime
    payload: Mapping[str, Any]
    receiver: str
    state: str
    attempts: int
    next_at: datetime
    delivered_at: datetime | None
    error: str | None


def add(
    db: Connection,
    kind: str,
    payload: Mapping[str, Any],
    now: datetime,
    *,
    incident_id: str | None = None,
    receiver: str = "",
) -> str:
    """Write a message into the outbox; return its id.

    It is never older than its incident's last one: the clocks of two remediators may differ.
    """
    created = now if receiver else _after_the_last(db, incident_id, now)
    new = new_id("msg", created)
    row = {
        "id": new, "incident_id": incident_id, "kind": kind, "created_at": created, "payload": dict(payload),
        "receiver": receiver, "state": "due", "next_at": now,
    }  # fmt: skip
    db.execute(insert(notification).values(**row))
    return new


def _after_the_last(db: Connection, incident_id: str | None, now: datetime) -> datetime:
    if incident_id is None:
        return now
    query = select(func.max(notification.c.created_at)).where(notification.c.incident_id == incident_id)
    last: datetime | None = db.execute(query).scalar()
    return now if last is None or last <= now else last + timedelta(microseconds=1)


def due(db: Connection, now: datetime, limit: int = 50) -> list[Notification]:
    """Return undelivered messages whose time has come, oldest first."""
    query = (
        select(notification)
        .where(notification.c.state == "due", notification.c.next_at <= now)
        .order_by(notification.c.created_at, notification.c.id)
        .limit(limit)
    )
    return [_row(row) for row in db.execute(query).mappings()]


def split(db: Connection, message_id: str, receivers: Sequence[str], now: datetime) -> list[str]:
    """Replace one due message by one per receiver, in one transaction; return the new ids ([] if it was)."""
    here = (notification.c.id == message_id, notification.c.state == "due", notification.c.receiver == "")
    if db.execute(update(notification).where(*here).values(state="split")).rowcount != 1:
        return []
    whole = get(db, message_id)
    return [
        add(db, whole.kind, whole.payload, now, incident_id=whole.incident_id, receiver=receiver)
        for receiver in receivers
    ]


def mark_delivered(db: Connection, message_id: str, now: datetime) -> None:
    """Record the delivery, once; what another message carries meanwhile stays as it is."""
    values = {
        "state": "delivered",
        "delivered_at": now,
        "attempts": notification.c.attempts + 1,
        "error": None,
    }
    here = (notification.c.id == message_id, notification.c.state.in_(("due", "failed")))
    db.execute(update(notification).where(*here).values(**values))


def mark_failed(
    db: Connection, message_id: str, *, error: str, permanent: bool, next_at: datetime | None = None
) -> None:
    """Record a failed attempt: given up when `permanent`, else due again at `next_at`.

    A message that another remediator has delivered meanwhile stays delivered.
    """
    values: dict[str, Any] = {"attempts": notification.c.attempts + 1, "error": error[:400]}
    if permanent:
        values["state"] = "failed"
    elif next_at is not None:
        values["next_at"] = next_at
    here = (notification.c.id == message_id, notification.c.state == "due")
    db.execute(update(notification).where(*here).values(**values))


def get(db: Connection, message_id: str) -> Notification:
    """Return one message."""
    return _row(db.execute(select(notification).where(notification.c.id == message_id)).mappings().one())


def of_incident(db: Connection, incident_id: str) -> list[Notification]:
    """Return the incident's messages, oldest first."""
    query = select(notification).where(notification.c.incident_id == incident_id)
    query = query.order_by(notification.c.created_at, notification.c.id)
    return [_row(row) for row in db.execute(query).mappings()]


def latest(db: Connection, limit: int = 100) -> list[Notification]:
    """Return the newest messages, newest first."""
    query = select(notification).order_by(notification.c.created_at.desc(), notification.c.id.desc())
    return [_row(row) for row in db.execute(query.limit(limit)).mappings()]


def _row(row: Mapping[Any, Any]) -> Notification:
    return Notification(**row)
