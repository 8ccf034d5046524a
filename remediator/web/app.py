"""The app factory. Tests pass their own desk and tokens; nothing is global."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from remediator.errors import BadAlert, Conflict, StoreUnavailable, UnknownItem
from remediator.receive import MAX_BODY_BYTES
from remediator.settings import Settings
from remediator.tokens import Tokens
from remediator.web import api, captures, intake, pages, probes, wecom_callback

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
FIXES = {
    400: "Send a JSON body that this route understands.",
    401: "Send `Authorization: Bearer TOKEN` with a token from the tokens file.",
    403: "This token's role or host list does not allow it; use another token.",
    404: "Look the id up with `remediator incidents --json`.",
    405: "Use the method that this route has.",
    413: f"Keep the body under {MAX_BODY_BYTES} bytes.",
    503: "Nothing was stored. Send it again.",
}


def create_app(
    settings: Settings,
    tokens: Tokens,
    desk: Any,
    *,
    secret: bytes | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Flask:
    """Wire one app around `desk`, which knows incidents, runs and messages."""
    app = Flask("remediator.web", root_path=str(Path(__file__).parent))
    app.config.update(
        SECRET_KEY=secret or secrets.token_bytes(32),
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        SESSION_COOKIE_NAME="voicekeeper",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_SECURE=settings.public_url.startswith("https://"),
        PERMANENT_SESSION_LIFETIME=timedelta(hours=12),
    )
    app.json.ensure_ascii = False  # type: ignore[attr-defined]  # the default provider has it
    app.extensions.update(settings=settings, tokens=tokens, desk=desk, clock=clock)
    for part in (intake.bp, api.bp, captures.bp, probes.bp, pages.bp, wecom_callback.bp):
        app.register_blueprint(part)
    app.after_request(_harden)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(BadAlert, _bad_alert)
    app.register_error_handler(UnknownItem, lambda error: _error(404, str(error)))
    app.register_error_handler(Conflict, lambda error: _error(409, str(error)))
    app.register_error_handler(StoreUnavailable, lambda _: _error(503, "The database did not answer."))
    return app


def cookie_secret(path: Path) -> bytes:
    """Return the key that signs cookies, made once and readable by this user only."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(secrets.token_bytes(32))
    with suppress(FileExistsError):  # another process of ours was faster: its key is the one
        path.hardlink_to(fresh)
    fresh.unlink()
    return path.read_bytes()


def _harden(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _http_error(error: HTTPException) -> tuple[Response, int] | Response:
    code = error.code or 500
    if code < 400:
        return Response(error.get_response().get_data(), code)
    return _error(code, error.description or error.name)


def _bad_alert(error: BadAlert) -> tuple[Response, int]:
    problem = {
        "code": 400,
        "field": error.field,
        "message": f"{error.field} {error.problem}",
        "fix": error.fix,
    }
    return jsonify(error=problem), 400


def _error(code: int, message: str) -> tuple[Response, int]:
    fix = FIXES.get(code, "")
    if request.path.startswith(("/api/", "/healthz", "/readyz", "/metrics")):
        answer = jsonify(error={"code": code, "message": message, "fix": fix})
        if code == 401:
            answer.headers["WWW-Authenticate"] = "Bearer"
        return answer, code
    return Response(pages.problem(code, message, fix), content_type="text/html; charset=utf-8"), code
