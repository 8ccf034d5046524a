"""Trips the circuit breaker in the very transaction that records a bad run, and tells people."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from remediator import people
from remediator.breaker import WINDOW, trips
from remediator.model import Text
from remediator.store import holds, runs
from remediator.store.incidents import Incident
from remediator.telling import tell

BREAKER = "circuit breaker"


def trip(db: Connection, mine: Incident, now: datetime, *, most: int, mode: str) -> bool:
    """Stop everything new when too many runs did no good; return whether that happened now."""
    if any(one.kind == "stop" and one.by == BREAKER for one in holds.active(db, now)):
        return False
    reset_at = holds.last_lifted(db, BREAKER)
    since = max(now - WINDOW, reset_at) if reset_at else now - WINDOW
    why = trips(runs.judged_since(db, since), most)
    if why is None:
        return False
    people.stop(db, by=BREAKER, reason=why.en, now=now)
    then = Text(
        f"{why.en}. Nothing new is started until a person runs `remediator resume`.",
        f"{why.zh}。在执行 `remediator resume` 之前不再启动任何新操作。",
    )
    tell(db, "escalation", mine, now, mode=mode, then=then)
    return True
