"""Incidents: rows move by conditional updates; the row count says who won."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, insert, or_, select, update

from remediator.errors import Conflict, UnknownItem
from remediator.states import OPEN_INCIDENT, IncidentState, check_incident_move
from remediator.store.ids import new_id
from remediator.store.schema import incident

# Here what was proved before is no evidence any more, but for the failed proof that just led to the examination.
PROVED_ANEW = frozenset({IncidentState.EXAMINING, IncidentState.VERIFYING})


@dataclass(frozen=True)
class Incident:
    """One row. `found`, `decided`, `proof`, `note` are JSON as the schema describes."""

    id: str
    host: str
    state: IncidentState
    version: int
    fault: str | None
    instance: str | None
    severity: str
    found: Mapping[str, str] | None
    decided: Mapping[str, Any] | None
    proof: Mapping[str, Any] | None
    note: Mapping[str, str] | None
    held_by: str | None
    acked_by: str | None
    acted: bool
    opened_at: datetime
    state_since: datetime
    evidence_since: datetime
    waiting_since: datetime | None
    wake_at: datetime | None
    closed_at: datetime | None
    claim_owner: str | None
    claim_until: datetime | None


def open_new(
    db: Connection, *, host: str, severity: str, instance: str | None, now: datetime, lookback: timedelta
) -> Incident:
    """Insert an incident for `host`. Raises IntegrityError when the host has an open one.

    What was logged before the host's last incident was closed belongs to that one: it is no evidence here.
    """
    new = new_id("inc", now)
    closed = db.scalar(select(func.max(incident.c.closed_at)).where(incident.c.host == host))
    since = max(now - lookback, closed) if closed else now - lookback
    values = {
        "id": new, "host": host, "state": IncidentState.OPEN, "severity": severity, "instance": instance,
        "opened_at": now, "state_since": now, "evidence_since": since, "wake_at": now,
    }  # fmt: skip
    db.execute(insert(incident).values(**values))
    return get(db, new)


def get(db: Connection, incident_id: str) -> Incident:
    """Return one incident. Raises UnknownItem."""
    row = db.execute(select(incident).where(incident.c.id == incident_id)).mappings().first()
    if row is None:
        raise UnknownItem(f"no incident {incident_id[:64]}")
    return _incident(row)


def open_for_host(db: Connection, host: str) -> Incident | None:
    """Return the host's open incident, if there is one."""
    found = _many(db, incident.c.host == host, incident.c.state.in_(OPEN_INCIDENT), limit=1)
    return found[0] if found else None


def open_ones(db: Connection) -> list[Incident]:
    """Return all incidents that are not resolved, oldest first."""
    return _many(db, incident.c.state.in_(OPEN_INCIDENT), order=incident.c.opened_at)


def hosts_with(db: Connection, fault: str, since: datetime) -> frozenset[str]:
    """Return the hosts with an incident of this fault that was opened after `since`, resolved or not."""
    query = select(incident.c.host).where(incident.c.fault == fault, incident.c.opened_at > since)
    return frozenset(str(host) for host in db.execute(query).scalars())


def latest(db: Connection, limit: int = 100, before: datetime | None = None) -> list[Incident]:
    """Return the newest incidents, open ones and resolved ones, newest first."""
    conditions = [] if before is None else [incident.c.opened_at < before]
    return _many(db, *conditions, order=incident.c.opened_at.desc(), limit=limit)


def due(db: Connection, now: datetime, limit: int = 100) -> list[str]:
    """Return ids of incidents that advance() has something to do for, longest waiting first."""
    free = or_(incident.c.claim_until.is_(None), incident.c.claim_until <= now)
    query = (
        select(incident.c.id)
        .where(incident.c.state.in_(OPEN_INCIDENT), incident.c.wake_at <= now, free)
        .order_by(incident.c.wake_at)
        .limit(limit)
    )
    return list(db.execute(query).scalars())


def next_wake(db: Connection) -> datetime | None:
    """Return when the next incident is due, or None when none is open."""
    query = select(func.min(incident.c.wake_at)).where(incident.c.state.in_(OPEN_INCIDENT))
    return db.execute(query).scalar()


def claim(db: Connection, incident_id: str, *, owner: str, now: datetime, for_s: float) -> Incident | None:
    """Take the incident for one step, or return None when another worker has it or nothing is due."""
    free = or_(incident.c.claim_until.is_(None), incident.c.claim_until <= now)
    changed = db.execute(
        update(incident)
        .where(incident.c.id == incident_id, incident.c.state.in_(OPEN_INCIDENT))
        .where(incident.c.wake_at <= now, free)
        .values(claim_owner=owner, claim_until=now + timedelta(seconds=for_s))
    ).rowcount
    return get(db, incident_id) if changed else None


def unclaim(db: Connection, incident_id: str, owner: str) -> None:
    """Give a claim back without having moved the incident."""
    here = (incident.c.id == incident_id, incident.c.claim_owner == owner)
    db.execute(update(incident).where(*here).values(claim_owner=None, claim_until=None))


def release_claims(db: Connection, owners: Sequence[str]) -> int:
    """Free what dead workers had claimed; return how many incidents that were."""
    values = {"claim_owner": None, "claim_until": None}
    return db.execute(update(incident).where(incident.c.claim_owner.in_(owners)).values(**values)).rowcount


def claim_owners(db: Connection) -> list[str]:
    """Return every worker that holds a claim."""
    query = select(incident.c.claim_owner).where(incident.c.claim_owner.is_not(None)).distinct()
    return [str(owner) for owner in db.execute(query).scalars()]


def move(
    db: Connection,
    old: Incident,
    state: IncidentState,
    now: datetime,
    *,
    wake_at: datetime | None,
    **values: Any,
) -> Incident:
    """Move `old` to `state` and end the claim. Raises Conflict when it has moved on meanwhile.

    `values` are further columns. The claim's owner must still be the one that `old` shows.
    """
    if state is not old.state:
        check_incident_move(old.state, state)
        values["state_since"] = now
        if state in PROVED_ANEW:
            values.setdefault("proof", None)
    values |= {
        "state": state, "wake_at": wake_at, "version": old.version + 1,
        "claim_owner": None, "claim_until": None,
    }  # fmt: skip
    same_owner = (
        incident.c.claim_owner.is_(None)
        if old.claim_owner is None
        else incident.c.claim_owner == old.claim_owner
    )
    here = and_(
        incident.c.id == old.id, incident.c.state == old.state, incident.c.version == old.version, same_owner
    )
    if db.execute(update(incident).where(here).values(**values)).rowcount != 1:
        raise Conflict(f"incident {old.id} is no longer {old.state}")
    return get(db, old.id)


def seize(db: Connection, old: Incident, state: IncidentState, now: datetime, **values: Any) -> Incident:
    """Move for a person: as `move`, but whoever works on it loses its claim and its next write."""
    db.execute(update(incident).where(incident.c.id == old.id).values(claim_owner=None, claim_until=None))
    return move(db, get(db, old.id), state, now, **values)


def ring(db: Connection, incident_id: str, now: datetime) -> None:
    """Make an open incident due now (new alert, approval given): advance() will look at it."""
    earlier = or_(incident.c.wake_at.is_(None), incident.c.wake_at > now)
    here = and_(incident.c.id == incident_id, incident.c.state.in_(OPEN_INCIDENT), earlier)
    db.execute(update(incident).where(here).values(wake_at=now))


def ack(db: Connection, incident_id: str, by: str) -> None:
    """Note who has seen it. Raises UnknownItem."""
    if db.execute(update(incident).where(incident.c.id == incident_id).values(acked_by=by)).rowcount != 1:
        raise UnknownItem(f"no incident {incident_id[:64]}")


def forget_ack(db: Connection, incident_id: str) -> None:
    """People are called anew: who had seen what was before need not know of it."""
    db.execute(update(incident).where(incident.c.id == incident_id).values(acked_by=None))


def set_severity(db: Connection, incident_id: str, severity: str) -> None:
    """Raise or lower the severity people see."""
    db.execute(update(incident).where(incident.c.id == incident_id).values(severity=severity))


def _many(
    db: Connection, *conditions: ColumnElement[bool], order: Any = None, limit: int = 10_000
) -> list[Incident]:
    query = select(incident).where(*conditions).limit(limit)
    if order is not None:
        query = query.order_by(order)
    return [_incident(row) for row in db.execute(query).mappings()]


def _incident(row: Mapping[Any, Any]) -> Incident:
    return Incident(**{**row, "state": IncidentState(row["state"])})
