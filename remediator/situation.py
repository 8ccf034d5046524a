"""What the guards need to know, read from the store in the transaction that acts on their answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from remediator.guard import BUDGET_WINDOW, HOSTS_WINDOW, SHARED_WINDOW, Halt, Limits, Situation
from remediator.inventory import Inventory
from remediator.model import Evidence, Mode, Plan, Run, Unreachable
from remediator.states import RunState
from remediator.store import approvals, holds, incidents, runs


@dataclass(frozen=True)
class Policy:
    """The operator's numbers. Seconds, unless the name says otherwise."""

    ceiling: Mode = Mode.OBSERVE
    limits: Limits = field(default_factory=Limits)
    hold_down_s: float = 60
    lookback_s: float = 600  # how much older than the alert a log line may be
    reopen_after_s: float = 300  # an alert that still fires so long after the end reopens the trouble
    recheck_s: float = 60  # between looks at a host that people were called for
    held_again_s: float = 30
    loading_again_s: float = 3
    load_timeout_s: float = 900  # a service that still loads after that is in trouble
    ask_again_s: float = 5  # a host that was not reached when it was to speak is asked again
    ask_tries: int = 6  # not reached so often in a row: it counts as unreachable
    poll_s: float = 1
    overdue_s: float = 120  # a run this much over its own timeout is ended from here
    claim_s: float = 300  # one step of one worker; longer than the slowest look and proof
    approval_s: float = 1800
    long_wait_s: float = 1800  # people are told once when a plan waits longer


def mode_for(modes: Mapping[str, Mode], groups: tuple[str, ...]) -> Mode:
    """Return a fault's mode on a host of these groups: the safest of the groups named, else the default."""
    named = [mode for group, mode in modes.items() if group in groups]
    return min(named, default=modes["default"])


def read(
    db: Connection,
    plan: Plan,
    *,
    now: datetime,
    mode: Mode,
    policy: Policy,
    inventory: Inventory,
    seen: Evidence | Unreachable | None,
    incident_id: str,
    aside: frozenset[str] = frozenset(),
) -> Situation:
    """Return the situation for `plan` at `now`; runs of remedies `aside` are no attempts."""
    stop, window = _halts(db, plan.host, now, seen)
    last, useless = _last(runs.latest_of_remedy(db, plan.host, plan.remedy))
    active = runs.active_on(db, plan.host)
    return Situation(
        now=now,
        ceiling=policy.ceiling,
        mode=mode,
        known=1 if plan.host in inventory.hosts else 0,
        fleet=inventory.names,
        out=frozenset(run.host for run in runs.active(db) if run.disruptive) | runs.went_wrong(db),
        worked_on=runs.disruptive_since(db, now - HOSTS_WINDOW),
        alike=incidents.hosts_with(db, plan.fault, now - SHARED_WINDOW),
        unwell=frozenset(one.host for one in incidents.open_ones(db)),
        stop=stop,
        window=window,
        lease=seen.lease if isinstance(seen, Evidence) else None,
        active_run=active.id if active else None,
        attempts=runs.attempts(db, plan.host, plan.fault, now - BUDGET_WINDOW, aside=aside),
        last_run_at=last,
        useless_runs=useless,
        approved=approval_for(db, incident_id, plan, now) is not None,
        adopted=plan.host not in inventory.hosts or inventory.hosts[plan.host].adopted,
        limits=policy.limits,
    )


def approval_for(db: Connection, incident_id: str, plan: Plan, now: datetime) -> str | None:
    """Return the id of an approval that is given for exactly this plan and not expired."""
    given = (one for one in approvals.of_incident(db, incident_id) if one.state == "approved")
    return next((one.id for one in given if one.expires_at > now and one.covers(plan)), None)


def _halts(
    db: Connection, host: str, now: datetime, seen: Evidence | Unreachable | None
) -> tuple[Halt | None, Halt | None]:
    stop = window = None
    for hold in holds.active(db, now):
        halt = Halt(hold.by, hold.reason, hold.until)
        if hold.kind == "stop":
            stop = stop or halt
        elif hold.host in (None, host):
            window = window or halt
    until = seen.maintenance_until if isinstance(seen, Evidence) else None
    if window is None and until is not None and until > now:
        window = Halt(host, "maintenance mark on the host", until)
    return stop, window


def _last(history: list[tuple[Run, bool | None]]) -> tuple[datetime | None, int]:
    useless = 0
    for run, useful in history:
        if useful is False or run.state in (RunState.FAILED, RunState.ABANDONED):
            useless += 1
        elif useful:
            break
    newest = history[0][0] if history else None
    return (newest.ended_at or newest.created_at) if newest else None, useless
