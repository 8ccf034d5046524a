"""What the daily digest tells: incidents, time to repair, what each guard stopped, ERROR lines nothing explains."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from sqlalchemy import Connection, select

from remediator.model import Fault
from remediator.notify.phrases import GATES
from remediator.signatures import Log, own_words
from remediator.store import incidents
from remediator.store.schema import decision, evidence, incident

DAY = timedelta(days=1)
UNMATCHED_LINES = 5
LOOKS = 300  # the newest of the day are read for lines
LEVEL = re.compile(r"\S+ (?:ERROR|CRITICAL) ")
COUNTED = re.compile(r"[0-9a-f]*\d[0-9a-f]*", re.IGNORECASE)  # times, ids: the same trouble again
Explains = Callable[[str], bool]


def explainer(faults: Iterable[Fault]) -> Explains:
    """Return whether one of the catalogue's signatures knows a log line."""
    proofs = [condition for fault in faults for proof in fault.proofs for condition in proof]
    patterns = [one.pattern for one in proofs if isinstance(one, Log)]
    return lambda line: any(pattern.search(own_words(line)) for pattern in patterns)


def daily_facts(db: Connection, now: datetime, mode: str, explains: Explains) -> dict[str, Any]:
    """Return what happened in the 24 hours before `now`."""
    since = now - DAY
    query = select(incident).where(incident.c.opened_at >= since)
    recent = list(db.execute(query).mappings())
    repairs = [
        (row["closed_at"] - row["opened_at"]).total_seconds()
        for row in recent
        if row["closed_at"] and row["acted"]
    ]
    return {
        "kind": "daily", "mode": mode, "at": now.isoformat(), "since": since.isoformat(),
        "incidents": len(recent),
        "resolved": sum(row["closed_at"] is not None for row in recent),
        "open": len(incidents.open_ones(db)),
        "repair_s": {"median": median(repairs), "longest": max(repairs)} if repairs else None,
        "faults": dict(Counter(str(row["fault"] or "unknown") for row in recent).most_common()),
        "gates": _gates(db, since),
        "unmatched": _unmatched(db, since, explains),
    }  # fmt: skip


def _gates(db: Connection, since: datetime) -> dict[str, int]:
    """Return how often each guard held something back."""
    query = select(decision.c.gate).where(
        decision.c.at >= since, decision.c.verdict != "go", decision.c.gate.in_(list(GATES))
    )
    return dict(Counter(str(gate) for gate in db.execute(query).scalars()).most_common())


def _unmatched(db: Connection, since: datetime, explains: Explains) -> list[str]:
    """Return ERROR lines that no signature explains, the newest first, each kind once."""
    query = select(evidence.c.body).where(evidence.c.at >= since, evidence.c.reachable)
    found: dict[str, str] = {}
    for body in db.execute(query.order_by(evidence.c.at.desc()).limit(LOOKS)).scalars():
        for text in _error_lines(body):
            kind = COUNTED.sub("#", text)
            if kind not in found and not explains(text):
                found[kind] = text
    return list(found.values())[:UNMATCHED_LINES]


def _error_lines(body: Mapping[str, Any]) -> Iterable[str]:
    for one in (body.get("instances") or {}).values():
        for line in reversed(one.get("log_lines") or []):
            text = str(line.get("text") or "")[:200]
            if LEVEL.match(text):
                yield text
