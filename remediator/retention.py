"""Old incidents go, with everything that belongs to them, and old captures; open ones and the audit stay."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, delete, select

from remediator.store import Store
from remediator.store.schema import alert, approval, decision, evidence, incident, notification, run

AT_ONCE = 100  # incidents per transaction, so that nobody waits long for the writer
CHILDREN = (notification, approval, run, decision, evidence, alert)  # an order that foreign keys allow


def clean(store: Store, runs_dir: Path, now: datetime, keep_days: int) -> int:
    """Delete what was closed more than `keep_days` ago; return how many incidents that were."""
    before = now - timedelta(days=keep_days)
    total = 0
    while True:
        gone, run_ids = store.write(lambda db: _some(db, before))
        for run_id in run_ids:
            shutil.rmtree(runs_dir / run_id, ignore_errors=True)
        total += gone
        if gone < AT_ONCE:
            store.write(lambda db: _messages(db, before))
            return total


def clean_captures(captures_dir: Path, now: datetime, keep_days: int) -> int:
    """Delete what was captured more than `keep_days` ago; return how many archives that were."""
    before = (now - timedelta(days=keep_days)).timestamp()
    old = [path for path in captures_dir.glob("*.tar.gz") if path.lstat().st_mtime < before]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def _some(db: Connection, before: datetime) -> tuple[int, list[str]]:
    query = select(incident.c.id).where(incident.c.closed_at < before).limit(AT_ONCE)
    ids = list(db.execute(query).scalars())
    run_ids = list(db.execute(select(run.c.id).where(run.c.incident_id.in_(ids))).scalars())
    for table in CHILDREN:
        db.execute(delete(table).where(table.c.incident_id.in_(ids)))
    db.execute(delete(incident).where(incident.c.id.in_(ids)))
    return len(ids), run_ids


def _messages(db: Connection, before: datetime) -> None:
    """Delete old messages that belong to no incident: signs of life, digests, alarms."""
    old = (
        notification.c.incident_id.is_(None),
        notification.c.created_at < before,
        notification.c.state != "due",
    )
    db.execute(delete(notification).where(*old))
