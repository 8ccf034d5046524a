"""The JSON API: what the page shows, and what an operator decides. Every decision is audited by name."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, current_app, request

from remediator.receive import receive
from remediator.tokens import Role
from remediator.web.auth import bearer, holder

bp = Blueprint("api", __name__, url_prefix="/api/v1")
MOST = 1000
Json = dict[str, Any]


def desk() -> Any:
    """Return the desk of this app."""
    return current_app.extensions["desk"]


def limit() -> int:
    """Return how many rows were asked for."""
    text = request.args.get("limit", "100")
    if not text.isdigit() or not 1 <= int(text) <= MOST:
        abort(400, f"limit must be a number from 1 to {MOST}.")
    return int(text)


def reason() -> str:
    """Return the reason given in the body, "" when there is none."""
    if not request.content_length:
        return ""
    text = receive(request.get_data(cache=False)).get("reason", "")
    if not isinstance(text, str) or len(text) > 500:
        abort(400, "reason must be text of at most 500 characters.")
    return text


@bp.get("/status")
@bearer(Role.VIEWER)
def status() -> Json:
    """Return hosts, incidents, runs and messages in one document."""
    answer: Json = desk().overview(limit())
    return answer


@bp.get("/<any(incidents, runs, decisions, messages):what>")
@bearer(Role.VIEWER)
def rows(what: str) -> Json:
    """Return the newest rows of one kind."""
    return {what: desk().rows(what, limit())}


@bp.get("/incidents/<incident_id>")
@bearer(Role.VIEWER)
def incident(incident_id: str) -> Json:
    """Return one incident with its alerts, decisions, runs and messages."""
    answer: Json = desk().incident(incident_id)
    return answer


@bp.post("/incidents/<incident_id>/ack")
@bearer(Role.OPERATOR)
def ack(incident_id: str) -> Json:
    """Say that a person has seen it: nobody else is called."""
    desk().ack(incident_id, holder().name)
    return {"incident": incident_id, "acked_by": holder().name}


@bp.post("/incidents/<incident_id>/hold")
@bearer(Role.OPERATOR)
def hold(incident_id: str) -> Json:
    """Take the incident: nothing more is done about it by itself."""
    desk().hold(incident_id, holder().name, reason())
    return {"incident": incident_id, "held_by": holder().name}


@bp.post("/incidents/<incident_id>/resume")
@bearer(Role.OPERATOR)
def resume_incident(incident_id: str) -> Json:
    """Give a held incident back."""
    desk().resume_incident(incident_id, holder().name)
    return {"incident": incident_id, "resumed_by": holder().name}


@bp.post("/approvals/<approval_id>/<any(approve, deny):answer>")
@bearer(Role.OPERATOR)
def decide(approval_id: str, answer: str) -> Json:
    """Answer what was asked; works once, until it expires."""
    desk().decide(approval_id, answer == "approve", holder().name)
    return {"approval": approval_id, "answer": answer, "by": holder().name}


@bp.post("/runs/<run_id>/cancel")
@bearer(Role.OPERATOR)
def cancel(run_id: str) -> Json:
    """End a run that is in progress."""
    desk().cancel(run_id, holder().name)
    return {"run": run_id, "canceled_by": holder().name}


@bp.post("/stop")
@bearer(Role.OPERATOR)
def stop() -> Json:
    """Start nothing new anywhere; what runs goes on and is verified."""
    desk().stop(holder().name, reason())
    return {"stopped": True, "by": holder().name}


@bp.post("/resume")
@bearer(Role.OPERATOR)
def resume() -> Json:
    """Lift the stop."""
    desk().resume(holder().name)
    return {"stopped": False, "by": holder().name}
