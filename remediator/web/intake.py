"""Alerts come in; the status code tells the sender what to do.

202 stored, after COMMIT; 400 this body can never work; 401, 403 token; 413 too large; 503 not stored, send
again.
Alertmanager re-sends after a 5xx and never after a 4xx (429 among them), so the two are never mixed up.
"""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, abort, current_app, request
from werkzeug.exceptions import RequestEntityTooLarge

from remediator.tokens import Role
from remediator.web.auth import bearer, holder

bp = Blueprint("intake", __name__, url_prefix="/api/v1/alerts")


@bp.post("/<any(alertmanager, grafana):sender>")
@bearer(Role.SENDER)
def alerts(sender: str) -> tuple[dict[str, Any], int]:
    """Store the alerts and answer before anything is done about them; one word per alert."""
    results = current_app.extensions["desk"].receive(sender, holder(), body())
    stored = any(result["stored"] for result in results)
    return {"alerts": results}, 202 if stored or not results else 400


def body() -> dict[str, Any]:
    """Return the JSON object that was sent; 400 when it is none."""
    try:
        data = json.loads(request.get_data(cache=False))
    except RequestEntityTooLarge:
        raise
    except (ValueError, RecursionError):
        abort(400, "The body is not JSON.")
    if not isinstance(data, dict):
        abort(400, "The body must be a JSON object.")
    return data
