"""Stage 2 of 7: which incident does an alert belong to? Pure.

An incident is the open trouble of one host, so a firing alert joins the host's open incident or opens one.
Senders repeat themselves: the same alert again is counted, and reopens trouble only when it goes on firing
long after the incident was closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from remediator.model import Alert


class Placement(StrEnum):
    """What becomes of an alert."""

    OPEN = "opens an incident"
    JOIN = "joins the host's open incident"
    REPEAT = "was sent before"
    REOPEN = "still fires long after its incident was closed: opens a new one"
    REJOIN = "still fires after its incident was closed: joins the host's open one"
    NOTE = "is noted; there is no incident for it"


@dataclass(frozen=True)
class Known:
    """What the store knows that matters for one alert."""

    now: datetime
    open_incident: str | None  # of the alert's host
    same_key: bool  # exactly this alert was stored before
    its_incident: str | None = None  # that the stored alert, or the firing twin of a resolved one, belongs to
    closed_at: datetime | None = None  # when that incident was closed
    ended: bool = False  # the matching resolved alert was stored before


def place(alert: Alert, known: Known, *, reopen_after: timedelta) -> Placement:
    """Return what becomes of `alert`."""
    if alert.status == "resolved":
        return _place_resolved(known)
    if known.ended:  # late or out of order: the condition is over
        return Placement.REPEAT if known.same_key else Placement.NOTE
    if not known.same_key:
        return Placement.OPEN if known.open_incident is None else Placement.JOIN
    if known.its_incident is not None and known.closed_at is None:
        return Placement.REPEAT
    if known.open_incident is not None:
        return Placement.REJOIN
    overdue = known.closed_at is None or known.now - known.closed_at >= reopen_after
    return Placement.REOPEN if overdue else Placement.REPEAT


def _place_resolved(known: Known) -> Placement:
    if known.same_key:
        return Placement.REPEAT
    still_open = known.its_incident is not None and known.closed_at is None
    return Placement.JOIN if still_open else Placement.NOTE
