"""The facts of a message, written in the same transaction as the move that it tells about.

Texts are rendered later, per channel and language; here are only facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from remediator.model import Run, Text
from remediator.states import IncidentState
from remediator.store import incidents, notifications
from remediator.store.incidents import Incident

NEXT: Mapping[IncidentState, Text] = {
    IncidentState.OPEN: Text("The host is being examined.", "正在检查主机。"),
    IncidentState.EXAMINING: Text("The host is being examined.", "正在检查主机。"),
    IncidentState.WAITING: Text("It will be decided again by itself.", "稍后会自动重新判断。"),
    IncidentState.ASKING: Text(
        "A person must approve; without an answer nothing is done.", "需要人工批准；未答复则不执行。"
    ),
    IncidentState.REPAIRING: Text(
        "Afterwards the service must prove that it speaks.", "完成后将用实际语音验证。"
    ),
    IncidentState.VERIFYING: Text("The service must prove that it speaks.", "正在用实际语音验证。"),
    IncidentState.HOLDING: Text(
        "It is watched for a while before this is closed.", "观察一段时间后关闭事件。"
    ),
    IncidentState.HELD: Text("Nothing is done while a person has it.", "由人工处理期间不做任何操作。"),
    IncidentState.ESCALATED: Text("People are needed.", "需要人工处理。"),
    IncidentState.RESOLVED: Text("Nothing more to do.", "无需再处理。"),
}


def tell(
    db: Connection,
    kind: str,
    incident: Incident,
    now: datetime,
    *,
    mode: str,
    run: Run | None = None,
    then: Text | None = None,
    approve: tuple[str, datetime] | None = None,
    owner: str | None = None,
) -> None:
    """Write one message about `incident` as it is now; `then` says what happens next.

    `owner` is whom a message of kind "owner" is for, as the log names them; "" where it names nobody.
    """
    payload = {
        "kind": kind,
        "incident_id": incident.id,
        "host": incident.host,
        "instance": incident.instance,
        "fault": incident.fault,
        "state": str(incident.state),
        "severity": incident.severity,
        "mode": mode,
        "found": incident.found,
        "decided": incident.decided,
        "run": _run(run, now),
        "proof": incident.proof,
        "next": (then or NEXT[incident.state]).to_json(),
        "note": incident.note,
        "held_by": incident.held_by,
        "opened_at": incident.opened_at.isoformat(),
        "at": now.isoformat(),
        "approve": {"id": approve[0], "expires_at": approve[1].isoformat()} if approve else None,
        "owner": owner,
    }
    notifications.add(db, kind, payload, now, incident_id=incident.id)
    if kind == "escalation" or approve is not None:
        incidents.forget_ack(db, incident.id)


def told_before(db: Connection, kind: str, incident: Incident) -> bool:
    """Whether the newest message of this kind already said the same about the same fault and instance."""
    mine = [one.payload for one in notifications.of_incident(db, incident.id) if one.kind == kind]
    if not mine:
        return False
    before, decided = mine[-1], incident.decided or {}
    old = before.get("decided") or {}
    same_fault = (before["fault"], before["instance"]) == (incident.fault, incident.instance)
    return same_fault and (old.get("gate"), old.get("remedy")) == (decided.get("gate"), decided.get("remedy"))


def _run(run: Run | None, now: datetime) -> dict[str, Any] | None:
    if run is None:
        return None
    ended = run.ended_at or now
    took = (ended - run.started_at).total_seconds() if run.started_at else None
    return {
        "id": run.id, "remedy": run.remedy, "instance": run.instance, "state": str(run.state),
        "took_s": took, "failed_task": run.failed_task, "summary": dict(run.summary),
    }  # fmt: skip
