"""Stops and maintenance windows: durable, named, with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select, update

from remediator.store.ids import new_id
from remediator.store.schema import hold


@dataclass(frozen=True)
class Hold:
    """One row; `host` None means the whole installation."""

    id: str
    kind: str
    host: str | None
    by: str
    reason: str
    created_at: datetime
    until: datetime | None
    lifted_at: datetime | None
    lifted_by: str | None


def stop(db: Connection, *, by: str, reason: str, now: datetime) -> str:
    """Stop every action of the whole installation until someone resumes it; return the hold's id."""
    return _add(db, "stop", None, by, reason, now, None)


def resume(db: Connection, *, by: str, now: datetime) -> int:
    """Lift every stop; return how many there were."""
    here = (hold.c.kind == "stop", hold.c.lifted_at.is_(None))
    return db.execute(update(hold).where(*here).values(lifted_at=now, lifted_by=by)).rowcount


def open_window(
    db: Connection, *, host: str | None, by: str, reason: str, now: datetime, until: datetime
) -> str:
    """Open a maintenance window for one host or (None) all; return its id."""
    return _add(db, "maintenance", host, by, reason, now, until)


def close_window(db: Connection, hold_id: str, *, by: str, now: datetime) -> bool:
    """End a window early; False when there is no such open one."""
    here = (hold.c.id == hold_id, hold.c.lifted_at.is_(None))
    return db.execute(update(hold).where(*here).values(lifted_at=now, lifted_by=by)).rowcount == 1


def active(db: Connection, now: datetime) -> list[Hold]:
    """Return every stop and window in force, oldest first."""
    in_force = (hold.c.lifted_at.is_(None), or_(hold.c.until.is_(None), hold.c.until > now))
    query = select(hold).where(*in_force).order_by(hold.c.created_at, hold.c.id)
    return [_row(row) for row in db.execute(query).mappings()]


def last_lifted(db: Connection, by: str) -> datetime | None:
    """Return when the newest lifted stop of this name was lifted."""
    here = (hold.c.kind == "stop", hold.c.by == by, hold.c.lifted_at.is_not(None))
    newest: datetime | None = db.scalar(select(func.max(hold.c.lifted_at)).where(*here))
    return newest


def _add(
    db: Connection, kind: str, host: str | None, by: str, reason: str, now: datetime, until: datetime | None
) -> str:
    new = new_id("hold", now)
    row = {
        "id": new,
        "kind": kind,
        "host": host,
        "by": by,
        "reason": reason,
        "created_at": now,
        "until": until,
    }
    db.execute(insert(hold).values(**row))
    return new


def _row(row: Mapping[Any, Any]) -> Hold:
    return Hold(**row)
