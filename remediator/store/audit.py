"""The append-only record of who did what, mirrored to the log as one JSON object a line."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from remediator.store.schema import audit

log = logging.getLogger("remediator.audit")


def record(
    db: Connection,
    *,
    actor: str,
    action: str,
    subject: str,
    now: datetime,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Append one line. `actor` is a token's name, or "remediator" for what it does by itself."""
    row = {
        "at": now, "actor": actor[:128], "action": action[:64], "subject": subject[:400],
        "detail": dict(detail or {}),
    }  # fmt: skip
    db.execute(insert(audit).values(**row))
    log.info("audit", extra={"audit": json.dumps(row | {"at": now.isoformat()}, ensure_ascii=False)})


def latest(db: Connection, limit: int = 100) -> list[Mapping[str, Any]]:
    """Return the newest lines, newest first."""
    query = select(audit).order_by(audit.c.id.desc()).limit(limit)
    return [dict(row) for row in db.execute(query).mappings()]
