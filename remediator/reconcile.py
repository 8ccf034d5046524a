"""Puts things right after a crash, and every few seconds: nothing is forgotten, nothing is repeated.

Open runs are adopted from what their own processes left on disk; a run whose process died without a word is
`abandoned`. Claims of dead workers are freed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from remediator.model import Run, RunOutcome
from remediator.states import IncidentState, RunState
from remediator.store import Store, approvals, incidents, runs


@dataclass(frozen=True)
class Reconciled:
    """What one pass put right."""

    claims_freed: int = 0
    runs_ended: int = 0
    runs_canceled: int = 0
    incidents_rung: int = 0


def reconcile(
    store: Store,
    poll: Callable[[Run], RunOutcome | None],
    now: datetime,
    *,
    alive: Callable[[str], bool] | None = None,
) -> Reconciled:
    """Do one pass. `alive` tells whether a worker of this name may still work."""
    is_alive = alive or owner_is_alive
    dead = [owner for owner in store.read(incidents.claim_owners) if not is_alive(owner)]
    freed = store.write(lambda db: incidents.release_claims(db, dead)) if dead else 0
    store.write(lambda db: approvals.expire(db, now))
    settled = [_settle(store, run, poll, now) for run in store.read(runs.active)]
    rung = store.write(lambda db: _ring_the_forgotten(db, now))
    return Reconciled(freed, settled.count("ended"), settled.count("canceled"), rung)


def _settle(store: Store, run: Run, poll: Callable[[Run], RunOutcome | None], now: datetime) -> str:
    """Look after a run whose incident no longer waits for it: a person has taken the incident meanwhile."""
    state = store.read(lambda db: incidents.get(db, run.incident_id).state)
    if state is IncidentState.REPAIRING:
        return "followed by advance"
    if run.state is RunState.QUEUED:
        return "canceled" if store.write(lambda db: runs.cancel_queued(db, run.id, now)) else "moved on"
    outcome = poll(run)
    if outcome is None:
        return "running"
    return "ended" if store.write(lambda db: runs.ended(db, run.id, outcome, now)) else "moved on"


def _ring_the_forgotten(db: Connection, now: datetime) -> int:
    """An open incident without a wake-up would never move again; only a held one may sleep."""
    forgotten = [one for one in incidents.open_ones(db) if one.wake_at is None]
    for one in forgotten:
        if one.state is not IncidentState.HELD:
            incidents.ring(db, one.id, now)
    return sum(one.state is not IncidentState.HELD for one in forgotten)


def owner_name() -> str:
    """Name this process so that others can tell whether it lives: host, pid, start time."""
    return f"{os.uname().nodename}:{os.getpid()}:{_started(os.getpid())}"


def owner_is_alive(owner: str) -> bool:
    """Whether the process that `owner_name` named may live; unknown for other machines, so yes."""
    machine, _, rest = owner.partition(":")
    pid, _, started = rest.partition(":")
    if machine != os.uname().nodename or not pid.isdigit():
        return machine != os.uname().nodename
    return _started(int(pid)) == started


def _started(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return "gone"
    return stat.rpartition(")")[2].split()[19]  # field 22: start time in clock ticks after boot
