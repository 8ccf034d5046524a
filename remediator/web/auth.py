"""Who is asking: a bearer token on every API call, or the signed cookie of the status page.

The cookie holds the name and a fingerprint of the token, never the token: a token taken out of the file, or
changed, ends its sessions at once. Forms carry a CSRF word besides SameSite=Strict.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import abort, current_app, g, redirect, request, session, url_for
from werkzeug.wrappers import Response

from remediator.tokens import Holder, Role, Tokens

P = ParamSpec("P")
R = TypeVar("R")
CSRF_FIELD = "csrf"


def tokens() -> Tokens:
    """Return this app's tokens."""
    found: Tokens = current_app.extensions["tokens"]
    return found


def holder() -> Holder:
    """Return who was let in to this request."""
    found: Holder = g.holder
    return found


def bearer(role: Role) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let in only requests whose Authorization header holds a token with `role`; 401 or 403 otherwise."""

    def wrap(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            found = tokens().holder(token.strip()) if scheme.lower() == "bearer" else None
            if found is None:
                abort(401)
            if not found.may(role):
                abort(403)
            g.holder = found
            return view(*args, **kwargs)

        return guarded

    return wrap


def page(role: Role) -> Callable[[Callable[P, R]], Callable[P, R | Response]]:
    """Let in only people who logged in with a token of `role`; others see the login page."""

    def wrap(view: Callable[P, R]) -> Callable[P, R | Response]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R | Response:
            found = tokens().named(session.get("name", ""), session.get("print", ""))
            if found is None:
                session.clear()
                return redirect(url_for("pages.login"))
            if not found.may(role):
                abort(403)
            if request.method == "POST":
                check_csrf()
            g.holder = found
            return view(*args, **kwargs)

        return guarded

    return wrap


def log_in(token: str) -> bool:
    """Begin a session for who holds `token`; False when nobody does or may only send alerts."""
    found = tokens().holder(token)
    if found is None or not found.may(Role.VIEWER):
        return False
    language = session.get("lang")
    session.clear()
    session.update(name=found.name, print=tokens().fingerprint(found.name), csrf=secrets.token_urlsafe(16))
    if language:
        session["lang"] = language
    session.permanent = True
    return True


def csrf_word() -> str:
    """Return this session's CSRF word, made when there is none yet."""
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(16)
    return str(session["csrf"])


def check_csrf() -> None:
    """Refuse (400) a form that was not served to this session."""
    given, known = request.form.get(CSRF_FIELD, ""), str(session.get("csrf", ""))
    if not known or not hmac.compare_digest(given.encode(), known.encode()):
        abort(400, "This form is too old. Go back, reload the page and try again.")
