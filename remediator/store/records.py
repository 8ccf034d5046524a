"""What was seen and what was decided: evidence and decisions, never changed afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from remediator.model import Evidence, Finding, Gate, Plan, Unreachable, Verdict
from remediator.store.ids import new_id
from remediator.store.schema import decision, evidence

Row = Mapping[str, Any]


def add_evidence(
    db: Connection, incident_id: str, host: str, seen: Evidence | Unreachable, now: datetime
) -> str:
    """Store what one look found; return its id."""
    new = new_id("ev", now)
    reachable = isinstance(seen, Evidence)
    body = dict(seen.raw) if isinstance(seen, Evidence) else {"unreachable": seen.reason}
    row = {
        "id": new,
        "incident_id": incident_id,
        "host": host,
        "at": now,
        "reachable": reachable,
        "body": body,
    }
    db.execute(insert(evidence).values(**row))
    return new


def evidence_of(db: Connection, incident_id: str) -> list[Row]:
    """Return every look at the host for this incident, oldest first."""
    query = (
        select(evidence).where(evidence.c.incident_id == incident_id).order_by(evidence.c.at, evidence.c.id)
    )
    return [dict(row) for row in db.execute(query).mappings()]


def add_decision(
    db: Connection,
    incident_id: str,
    *,
    host: str,
    evidence_id: str | None,
    findings: Sequence[Finding],
    plan: Plan | None,
    verdict: Verdict,
    now: datetime,
) -> str:
    """Store a decision with every match and every gate; return its id."""
    new = new_id("dec", now)
    first = findings[0]
    row = {
        "id": new, "incident_id": incident_id, "at": now, "evidence_id": evidence_id, "host": host,
        "instance": plan.instance if plan else first.instance, "fault": first.fault,
        "remedy": plan.remedy if plan else None, "rung": plan.rung if plan else None,
        "args": dict(plan.args) if plan else None, "verdict": verdict.kind, "gate": verdict.gate,
        "reason": {"en": verdict.reason_en, "zh": verdict.reason_zh}, "until": verdict.until,
        "findings": [asdict(one) for one in findings], "gates": [gate_json(one) for one in verdict.gates],
    }  # fmt: skip
    db.execute(insert(decision).values(**row))
    return new


def decisions_of(db: Connection, incident_id: str) -> list[Row]:
    """Return the incident's decisions, oldest first."""
    query = (
        select(decision).where(decision.c.incident_id == incident_id).order_by(decision.c.at, decision.c.id)
    )
    return [dict(row) for row in db.execute(query).mappings()]


def latest_decisions(db: Connection, limit: int = 100) -> list[Row]:
    """Return the newest decisions, newest first."""
    query = select(decision).order_by(decision.c.at.desc(), decision.c.id.desc()).limit(limit)
    return [dict(row) for row in db.execute(query).mappings()]


def gate_json(gate: Gate) -> dict[str, Any]:
    """Return a gate as JSON values."""
    return {
        "name": gate.name, "kind": str(gate.kind), "value": gate.value, "limit": gate.limit,
        "reason": gate.reason.to_json(), "until": gate.until.isoformat() if gate.until else None,
    }  # fmt: skip
