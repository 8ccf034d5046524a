"""What monitoring asks: alive, ready, metrics."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app
from prometheus_client import CONTENT_TYPE_LATEST

from remediator.tokens import Role
from remediator.web.auth import bearer
from remediator.web.metrics import exposition

bp = Blueprint("probes", __name__)


@bp.get("/healthz")
def healthz() -> dict[str, str]:
    """Say that this process answers. The only route without a token, so it says nothing else."""
    return {"status": "ok"}


@bp.get("/readyz")
@bearer(Role.VIEWER)
def readyz() -> tuple[dict[str, Any], int]:
    """Say whether the database answers and the loops run."""
    problems = current_app.extensions["desk"].problems()
    return {"ready": not problems, "problems": problems}, 503 if problems else 200


@bp.get("/metrics")
@bearer(Role.VIEWER)
def metrics() -> Response:
    """Return the metrics, read from the tables: every replica shows the same."""
    return Response(exposition(current_app.extensions["desk"].figures()), content_type=CONTENT_TYPE_LATEST)
