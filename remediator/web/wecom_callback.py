"""Buttons of WeChat Work cards come back here, signed and encrypted; there is no other token on this route."""

from __future__ import annotations

import logging
import re
from typing import Any

from flask import Blueprint, abort, current_app, request

from remediator.errors import Conflict, UnknownItem
from remediator.notify.wecom_app import AppConfig, Callback
from remediator.notify.wecom_crypto import BadCallback, open_message

log = logging.getLogger(__name__)
bp = Blueprint("wecom", __name__, url_prefix="/wecom")
LARGEST = 64 * 1024
MAX_AGE_S = 300
FIELD = r"<{0}>(?:<!\[CDATA\[)?(.*?)(?:\]\]>)?</{0}>"


@bp.get("/callback")
def prove() -> str:
    """Answer the console's question whether this address is ours."""
    return _open(request.args.get("echostr", ""))


@bp.post("/callback")
def button() -> str:
    """Take the answer of a button. Whatever became of it, WeChat Work need not ask again."""
    if (request.content_length or 0) > LARGEST:
        abort(413)
    inner = _open(_field(request.get_data(as_text=True, cache=False), "Encrypt"))
    user, key = _field(inner, "FromUserName"), _field(inner, "EventKey")
    answer, _, approval_id = key.partition(" ")
    if _field(inner, "Event") != "template_card_event" or answer not in ("approve", "deny"):
        return ""
    if user not in _callback().operators:
        log.warning("a button was pressed by someone who may not decide", extra={"user": user[:64]})
        return ""
    try:
        current_app.extensions["desk"].decide(approval_id, answer == "approve", f"wecom:{user}")
    except (Conflict, UnknownItem) as error:
        log.info("a button came too late", extra={"user": user[:64], "why": str(error)})
    return ""


def _config() -> AppConfig:
    found: AppConfig | None = current_app.extensions.get("wecom_app")
    if found is None or found.callback is None:
        abort(404)
    return found


def _callback() -> Callback:
    callback = _config().callback
    if callback is None:
        abort(404)
    return callback


def _open(encrypted: str) -> str:
    """Return what is inside; 403 when it does not come from WeChat Work or is old."""
    config, callback = _config(), _callback()
    asked: dict[str, Any] = request.args
    timestamp = asked.get("timestamp", "")
    now = current_app.extensions["clock"]().timestamp()
    if not timestamp.isdigit() or abs(now - int(timestamp[:12])) > MAX_AGE_S:
        abort(403)
    try:
        return open_message(
            callback.token,
            callback.key,
            config.corpid,
            claimed=asked.get("msg_signature", ""),
            timestamp=timestamp,
            nonce=asked.get("nonce", ""),
            encrypted=encrypted,
        )
    except BadCallback:
        abort(403)


def _field(text: str, name: str) -> str:
    found = re.search(FIELD.format(name), text, re.DOTALL)
    return found[1] if found else ""
