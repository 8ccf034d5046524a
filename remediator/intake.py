"""Store alerts and open incidents: one transaction, committed before the sender is answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from remediator.correlate import Known, Placement, place
from remediator.model import Alert, Text
from remediator.situation import Policy
from remediator.store import Store, alerts, incidents
from remediator.store.incidents import Incident
from remediator.telling import tell

RACES = 3  # another process may open the same host's incident between our look and our insert


@dataclass(frozen=True)
class Accepted:
    """What became of one alert."""

    placement: Placement
    incident_id: str | None


def accept(store: Store, policy: Policy, new: Sequence[Alert], now: datetime) -> list[Accepted]:
    """Store the alerts of one payload, all or none. Raises StoreUnavailable: nothing was stored."""
    for _ in range(RACES - 1):
        try:
            return store.write(lambda db: [_one(db, policy, alert, now) for alert in new])
        except IntegrityError:
            continue
    return store.write(lambda db: [_one(db, policy, alert, now) for alert in new])


def _one(db: Connection, policy: Policy, alert: Alert, now: datetime) -> Accepted:
    current = incidents.open_for_host(db, alert.host)
    what = place(
        alert, _known(db, alert, current, now), reopen_after=timedelta(seconds=policy.reopen_after_s)
    )
    if what in (Placement.OPEN, Placement.REOPEN):
        current = _open(db, policy, alert, now)
    return _STORE[what](db, alert, current, now, what)


def _open(db: Connection, policy: Policy, alert: Alert, now: datetime) -> Incident:
    opened = incidents.open_new(
        db,
        host=alert.host,
        severity=alert.severity,
        instance=alert.instance,
        now=now,
        lookback=timedelta(seconds=policy.lookback_s),
    )
    said = alert.summary or alert.name
    found = Text(f"{alert.name}: {said}", f"{alert.name}：{said}")
    opened = incidents.move(db, opened, opened.state, now, wake_at=now, found=found.to_json())
    tell(db, "opened", opened, now, mode=policy.ceiling.word)
    return opened


def _known(db: Connection, alert: Alert, current: Incident | None, now: datetime) -> Known:
    before = alerts.by_key(db, alert.key)
    origin = before or (alerts.firing_twin(db, alert) if alert.status == "resolved" else None)
    mine = incidents.get(db, origin.incident_id) if origin and origin.incident_id else None
    return Known(
        now=now,
        open_incident=current.id if current else None,
        same_key=before is not None,
        its_incident=mine.id if mine else None,
        closed_at=mine.closed_at if mine else None,
        ended=alert.status == "firing" and alerts.resolved_twin(db, alert) is not None,
    )


def _add(db: Connection, alert: Alert, current: Incident | None, now: datetime, what: Placement) -> Accepted:
    mine = current.id if current else None
    alerts.add(db, alert, mine, now)
    if mine is not None:
        incidents.ring(db, mine, now)
    return Accepted(what, mine)


def _join(db: Connection, alert: Alert, current: Incident | None, now: datetime, what: Placement) -> Accepted:
    if alert.status == "resolved":
        twin = alerts.firing_twin(db, alert)
        current = incidents.get(db, twin.incident_id) if twin and twin.incident_id else current
    return _add(db, alert, current, now, what)


def _again(
    db: Connection, alert: Alert, current: Incident | None, now: datetime, what: Placement
) -> Accepted:
    mine = current.id if current else None
    alerts.hit(db, alert.key, now, incident_id=mine)
    if mine is not None:
        incidents.ring(db, mine, now)
    return Accepted(what, mine)


def _count(
    db: Connection, alert: Alert, current: Incident | None, now: datetime, what: Placement
) -> Accepted:
    alerts.hit(db, alert.key, now)
    before = alerts.by_key(db, alert.key)
    return Accepted(what, before.incident_id if before else None)


def _note(db: Connection, alert: Alert, current: Incident | None, now: datetime, what: Placement) -> Accepted:
    return _add(db, alert, None, now, what)


_STORE = {
    Placement.OPEN: _add,
    Placement.JOIN: _join,
    Placement.REPEAT: _count,
    Placement.REOPEN: _again,
    Placement.REJOIN: _again,
    Placement.NOTE: _note,
}
