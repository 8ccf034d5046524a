"""The status page: plain HTML in Chinese or English, readable on a phone, nothing loaded from elsewhere.

A link only shows; acting is a POST with a CSRF word.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, current_app, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from remediator.notify import phrases
from remediator.proved import proved
from remediator.tokens import Role
from remediator.web.auth import check_csrf, csrf_word, holder, log_in, page
from remediator.web.words import WORDS

bp = Blueprint("pages", __name__)
ROWS = 50


def language() -> str:
    """Return "zh" or "en": chosen on the page, else what the browser prefers, else the setting."""
    chosen = session.get("lang")
    if chosen in ("zh", "en"):
        return str(chosen)
    default: str = current_app.extensions["settings"].language
    return request.accept_languages.best_match(["zh", "en"], default) or default


def show(template: str, **values: Any) -> str:
    """Render `template` with the words of the reader's language."""
    lang = language()
    zone = current_app.extensions["settings"].zone
    return render_template(
        template,
        lang=lang,
        t=lambda name: phrases.word(WORDS, name, lang),
        fault=lambda name: phrases.word(phrases.FAULTS, name or "", lang),
        state=lambda name: phrases.word({**phrases.RUN_STATES, **phrases.STATES}, name or "", lang),
        both=lambda text: (text or {}).get(lang, "") if isinstance(text, dict) else str(text or ""),
        proved=lambda proof: proved(proof).to_json()[lang],
        clock=lambda when: _clock(when, zone),
        csrf=csrf_word(),
        **values,
    )


def _clock(when: str | datetime | None, zone: Any) -> str:
    if not when:
        return ""
    moment = datetime.fromisoformat(when) if isinstance(when, str) else when
    return f"{moment.astimezone(zone):%m-%d %H:%M:%S}"


def problem(code: int, message: str, fix: str) -> str:
    """Return the page that explains an error."""
    return show("problem.html", code=code, message=message, fix=fix)


def desk() -> Any:
    """Return the desk of this app."""
    return current_app.extensions["desk"]


@bp.get("/login")
def login() -> str:
    """Ask for a token."""
    return show("login.html", wrong=False)


@bp.post("/login")
def check_login() -> tuple[str, int] | Response:
    """Begin a session when the token is known."""
    check_csrf()
    if not log_in(request.form.get("token", "").strip()):
        return show("login.html", wrong=True), 401
    return redirect(url_for("pages.overview"), 303)


@bp.post("/logout")
def logout() -> Response:
    """End the session."""
    check_csrf()
    session.clear()
    return redirect(url_for("pages.login"), 303)


@bp.post("/language/<any(zh, en):lang>")
def choose_language(lang: str) -> Response:
    """Remember the language for this session."""
    check_csrf()
    session["lang"] = lang
    return redirect(url_for("pages.overview"), 303)


@bp.get("/")
@page(Role.VIEWER)
def overview() -> str:
    """Show hosts, open incidents with what to do, runs and messages."""
    return show("overview.html", seen=desk().overview(ROWS), me=holder())


@bp.get("/incidents/<incident_id>")
@page(Role.VIEWER)
def incident(incident_id: str) -> str:
    """Show one incident with everything that led to its state."""
    return show("incident.html", seen=desk().incident(incident_id), me=holder())


@bp.post("/incidents/<incident_id>/<any(ack, hold, resume):what>")
@page(Role.OPERATOR)
def act_on_incident(incident_id: str, what: str) -> Response:
    """Acknowledge, take over or give back."""
    by = holder().name
    if what == "ack":
        desk().ack(incident_id, by)
    elif what == "hold":
        desk().hold(incident_id, by, request.form.get("reason", "")[:500])
    else:
        desk().resume_incident(incident_id, by)
    return redirect(url_for("pages.incident", incident_id=incident_id), 303)


@bp.post("/approvals/<approval_id>/<any(approve, deny):answer>")
@page(Role.OPERATOR)
def decide(approval_id: str, answer: str) -> Response:
    """Answer what was asked."""
    desk().decide(approval_id, answer == "approve", holder().name)
    return redirect(url_for("pages.overview"), 303)


@bp.post("/runs/<run_id>/cancel")
@page(Role.OPERATOR)
def cancel(run_id: str) -> Response:
    """End a run."""
    desk().cancel(run_id, holder().name)
    return redirect(url_for("pages.overview"), 303)


@bp.post("/<any(stop, resume):what>")
@page(Role.OPERATOR)
def stop_or_resume(what: str) -> Response:
    """Stop everything new, or lift the stop."""
    if what == "stop":
        desk().stop(holder().name, request.form.get("reason", "")[:500])
    else:
        desk().resume(holder().name)
    return redirect(url_for("pages.overview"), 303)
