"""Alerts come in; the status code tells the sender what to do.

202 stored, after COMMIT; 400 this body can never work; 401, 403 token; 413 too large; 503 not stored, send
again.
Alertmanager re-sends after a 5xx and never after a 4xx (429 among them), so the two are never mixed up.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, request

from remediator.receive import receive
from remediator.tokens import Role
from remediator.web.auth import bearer, holder

bp = Blueprint("intake", __name__, url_prefix="/api/v1/alerts")


@bp.post("/<any(alertmanager, grafana):sender>")
@bearer(Role.SENDER)
def alerts(sender: str) -> tuple[dict[str, Any], int]:
    """Store the alerts and answer before anything is done about them; one word per alert."""
    results = current_app.extensions["desk"].receive(sender, holder(), receive(request.get_data(cache=False)))
    stored = any(result["stored"] for result in results)
    return {"alerts": results}, 202 if stored or not results else 400
