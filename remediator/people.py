"""What people decide: stop, resume, hold, release, acknowledge, approve, deny, cancel. Audited by name."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from remediator.errors import Conflict
from remediator.model import Run, Text
from remediator.states import ACTIVE_RUN, IncidentState, RunState
from remediator.store import approvals, audit, holds, incidents, runs
from remediator.store.incidents import Incident
from remediator.telling import tell

S = IncidentState


def stop(db: Connection, *, by: str, reason: str, now: datetime) -> str:
    """Start nothing new anywhere; runs in progress go on and are verified. Return the stop's id."""
    made = holds.stop(db, by=by, reason=reason, now=now)
    audit.record(db, actor=by, action="stop", subject="everything", now=now, detail={"reason": reason})
    return made


def resume(db: Connection, *, by: str, now: datetime) -> int:
    """Lift every stop; what waited is examined anew, never replayed. Return how many stops there were."""
    lifted = holds.resume(db, by=by, now=now)
    for one in incidents.open_ones(db):
        if one.state is S.WAITING:
            incidents.ring(db, one.id, now)
    audit.record(db, actor=by, action="resume", subject="everything", now=now)
    return lifted


def open_window(
    db: Connection, *, host: str | None, by: str, reason: str, now: datetime, until: datetime
) -> str:
    """Open a maintenance window for a host, or (None) for all; return its id."""
    made = holds.open_window(db, host=host, by=by, reason=reason, now=now, until=until)
    detail = {"reason": reason, "until": until.isoformat()}
    audit.record(db, actor=by, action="maintenance", subject=host or "everything", now=now, detail=detail)
    return made


def ack(db: Connection, incident_id: str, *, by: str, now: datetime) -> None:
    """Note that a person has seen the incident. Raises UnknownItem."""
    incidents.ack(db, incident_id, by)
    audit.record(db, actor=by, action="ack", subject=incident_id, now=now)


def hold(db: Connection, incident_id: str, *, by: str, reason: str, now: datetime, mode: str) -> Incident:
    """Take the incident: nothing more is done about it, and a run that has not begun is canceled.

    A run in progress goes on; whoever takes the host too uses the helper's lease there.
    Raises UnknownItem, or Conflict when it is resolved.
    """
    mine = incidents.get(db, incident_id)
    if mine.state is S.RESOLVED:
        raise Conflict(f"incident {incident_id} is resolved")
    run = runs.active_on(db, mine.host)
    if run is not None and run.incident_id == mine.id and run.state is RunState.QUEUED:
        runs.cancel_queued(db, run.id, now)
    approvals.withdraw(db, mine.id)
    why = Text(f"taken by {by}: {reason}", f"由 {by} 接管：{reason}")
    decided = {"remedy": None, "verdict": "wait", "gate": "hold", "reason": why.to_json(), "until": None}
    moved = incidents.seize(
        db, mine, S.HELD, now, wake_at=None, held_by=by, decided=decided, note=why.to_json()
    )
    tell(db, "decided", moved, now, mode=mode)
    audit.record(db, actor=by, action="hold", subject=incident_id, now=now, detail={"reason": reason})
    return moved


def release(db: Connection, incident_id: str, *, by: str, now: datetime) -> Incident:
    """Give a held incident back: the host is examined anew. Raises UnknownItem or Conflict."""
    mine = incidents.get(db, incident_id)
    if mine.state is not S.HELD:
        raise Conflict(f"incident {incident_id} is not held, it is {mine.state}")
    moved = incidents.seize(
        db, mine, S.EXAMINING, now, wake_at=now, held_by=None, note=None, decided=None, waiting_since=None
    )
    audit.record(db, actor=by, action="release", subject=incident_id, now=now)
    return moved


def decide(db: Connection, approval_id: str, *, approve: bool, by: str, now: datetime) -> str:
    """Answer a question once; return the incident's id. Raises UnknownItem or Conflict."""
    asked = approvals.decide(db, approval_id, approve=approve, by=by, now=now)
    incidents.ring(db, asked.incident_id, now)
    action = "approve" if approve else "deny"
    audit.record(db, actor=by, action=action, subject=approval_id, now=now, detail={"remedy": asked.remedy})
    return asked.incident_id


def cancel(db: Connection, run_id: str, *, by: str, now: datetime) -> Run | None:
    """Take a run back that has not begun; return one that has, whose process must be asked to end.

    Raises UnknownItem, or Conflict when it has ended.
    """
    run = runs.get(db, run_id)
    if run.state not in ACTIVE_RUN:
        raise Conflict(f"run {run_id} has ended: {run.state}")
    audit.record(db, actor=by, action="cancel", subject=run_id, now=now)
    return None if runs.cancel_queued(db, run_id, now) else run
