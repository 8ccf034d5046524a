"""Approvals: asked once, used once, expire to deny."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from remediator.errors import Conflict, UnknownItem
from remediator.model import Plan
from remediator.store.ids import new_id
from remediator.store.schema import approval


@dataclass(frozen=True)
class Approval:
    """One row; state is open, approved, denied, expired or used."""

    id: str
    incident_id: str
    decision_id: str
    host: str
    instance: str | None
    fault: str
    remedy: str
    args: Mapping[str, Any]
    state: str
    created_at: datetime
    expires_at: datetime
    decided_at: datetime | None
    decided_by: str | None

    def covers(self, plan: Plan) -> bool:
        """Whether it was asked for exactly this plan."""
        mine = (self.host, self.instance, self.fault, self.remedy, dict(self.args))
        return mine == (plan.host, plan.instance, plan.fault, plan.remedy, dict(plan.args))


def ask(
    db: Connection, incident_id: str, decision_id: str, plan: Plan, *, now: datetime, expires_at: datetime
) -> str:
    """Open a question to people; return its id."""
    new = new_id("ask", now)
    row = {
        "id": new, "incident_id": incident_id, "decision_id": decision_id, "host": plan.host,
        "instance": plan.instance, "fault": plan.fault, "remedy": plan.remedy, "args": dict(plan.args),
        "state": "open", "created_at": now, "expires_at": expires_at,
    }  # fmt: skip
    db.execute(insert(approval).values(**row))
    return new


def get(db: Connection, approval_id: str) -> Approval:
    """Return one approval. Raises UnknownItem."""
    row = db.execute(select(approval).where(approval.c.id == approval_id)).mappings().first()
    if row is None:
        raise UnknownItem(f"no approval {approval_id[:64]}")
    return Approval(**row)


def decide(db: Connection, approval_id: str, *, approve: bool, by: str, now: datetime) -> Approval:
    """Answer an open question. Raises Conflict when it was answered, has expired or was taken back."""
    asked = get(db, approval_id)
    here = (approval.c.id == approval_id, approval.c.state == "open", approval.c.expires_at > now)
    values = {"state": "approved" if approve else "denied", "decided_at": now, "decided_by": by}
    if db.execute(update(approval).where(*here).values(**values)).rowcount != 1:
        why = "has expired" if asked.state == "open" else f"is already {asked.state}"
        raise Conflict(f"approval {approval_id} {why}")
    return get(db, approval_id)


def use(db: Connection, approval_id: str, now: datetime) -> bool:
    """Spend an approval that is given and not expired; False when it cannot be spent (any more)."""
    here = (approval.c.id == approval_id, approval.c.state == "approved", approval.c.expires_at > now)
    return db.execute(update(approval).where(*here).values(state="used")).rowcount == 1


def expire(db: Connection, now: datetime) -> int:
    """Turn overdue questions and unused approvals into denials; return how many."""
    here = (approval.c.state.in_(("open", "approved")), approval.c.expires_at <= now)
    return db.execute(update(approval).where(*here).values(state="expired")).rowcount


def withdraw(db: Connection, incident_id: str) -> None:
    """End the incident's open questions: the plan they were about is gone."""
    here = (approval.c.incident_id == incident_id, approval.c.state.in_(("open", "approved")))
    db.execute(update(approval).where(*here).values(state="expired"))


def of_incident(db: Connection, incident_id: str) -> list[Approval]:
    """Return the incident's approvals, oldest first."""
    query = select(approval).where(approval.c.incident_id == incident_id).order_by(approval.c.created_at)
    return [Approval(**row) for row in db.execute(query).mappings()]


def open_ones(db: Connection, now: datetime) -> list[Approval]:
    """Return every question that waits for an answer."""
    here = (approval.c.state == "open", approval.c.expires_at > now)
    query = select(approval).where(*here).order_by(approval.c.created_at)
    return [Approval(**row) for row in db.execute(query).mappings()]
