"""The own probe's memory per instance, so that a restart of the remediator does not start counting anew."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from remediator.store.schema import probe


@dataclass(frozen=True)
class ProbeState:
    """One row; `failures` in a row, `firing_since` set while its alert fires."""

    host: str
    instance: str
    failures: int
    firing_since: datetime | None
    checked_at: datetime
    took_s: float | None
    detail: str


def get(db: Connection, host: str, instance: str) -> ProbeState | None:
    """Return what the last probe of the instance found."""
    here = (probe.c.host == host, probe.c.instance == instance)
    row = db.execute(select(probe).where(*here)).mappings().first()
    return None if row is None else ProbeState(**row)


def every(db: Connection) -> list[ProbeState]:
    """Return the last probe of every instance."""
    query = select(probe).order_by(probe.c.host, probe.c.instance)
    return [ProbeState(**row) for row in db.execute(query).mappings()]


def put(db: Connection, state: ProbeState) -> None:
    """Replace the instance's row."""
    here = (probe.c.host == state.host, probe.c.instance == state.instance)
    db.execute(delete(probe).where(*here))
    db.execute(insert(probe).values(**vars(state) | {"detail": state.detail[:400]}))
