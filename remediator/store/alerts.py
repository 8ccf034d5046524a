"""Alerts as they came, one row per idempotency key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, insert, select, update

from remediator.model import Alert
from remediator.store.schema import alert


@dataclass(frozen=True)
class StoredAlert:
    """One row."""

    id: int
    incident_id: str | None
    hits: int
    received_at: datetime
    last_seen_at: datetime
    alert: Alert


def by_key(db: Connection, key: str) -> StoredAlert | None:
    """Return the alert with this idempotency key."""
    row = db.execute(select(alert).where(alert.c.key == key)).mappings().first()
    return None if row is None else _stored(row)


def add(db: Connection, new: Alert, incident_id: str | None, now: datetime) -> None:
    """Insert an alert. Raises IntegrityError when its key exists."""
    row = {**asdict(new), "labels": dict(new.labels), "key": new.key, "incident_id": incident_id}
    db.execute(insert(alert).values(**row, received_at=now, last_seen_at=now))


def hit(db: Connection, key: str, now: datetime, incident_id: str | None = None) -> None:
    """Count that the sender sent it again; with `incident_id`, attach it to that incident from now on."""
    values: dict[str, Any] = {"hits": alert.c.hits + 1, "last_seen_at": now}
    if incident_id is not None:
        values["incident_id"] = incident_id
    db.execute(update(alert).where(alert.c.key == key).values(**values))


def firing_twin(db: Connection, resolved: Alert) -> StoredAlert | None:
    """Return the firing alert that `resolved` ends."""
    return _twin(db, resolved, "firing")


def resolved_twin(db: Connection, firing: Alert) -> StoredAlert | None:
    """Return the resolved alert that ended `firing`."""
    return _twin(db, firing, "resolved")


def of_incident(db: Connection, incident_id: str) -> list[StoredAlert]:
    """Return the incident's alerts, oldest first."""
    query = select(alert).where(alert.c.incident_id == incident_id).order_by(alert.c.id)
    return [_stored(row) for row in db.execute(query).mappings()]


def firing_ids(db: Connection, incident_id: str) -> frozenset[int]:
    """Return the rows of the incident's firing alerts, ended or not."""
    query = select(alert.c.id).where(alert.c.incident_id == incident_id, alert.c.status == "firing")
    return frozenset(db.execute(query).scalars())


def _twin(db: Connection, one: Alert, status: str) -> StoredAlert | None:
    same = and_(
        alert.c.sender == one.sender,
        alert.c.host == one.host,
        alert.c.fingerprint == one.fingerprint,
        alert.c.starts_at == one.starts_at,
        alert.c.status == status,
    )
    row = db.execute(select(alert).where(same)).mappings().first()
    return None if row is None else _stored(row)


def _stored(row: Mapping[Any, Any]) -> StoredAlert:
    names = (
        "sender",
        "fingerprint",
        "starts_at",
        "status",
        "host",
        "instance",
        "name",
        "severity",
        "summary",
    )
    value = Alert(**{name: row[name] for name in names}, labels=row["labels"])
    return StoredAlert(
        row["id"], row["incident_id"], row["hits"], row["received_at"], row["last_seen_at"], value
    )
