"""Runs: reserved before anything is done, at most one active per host (a unique index sees to it)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, or_, select, update

from remediator.breaker import Judged
from remediator.errors import UnknownItem
from remediator.model import Plan, Remedy, Run, RunOutcome
from remediator.states import ACTIVE_RUN, FINAL_RUN, RunState, check_run_move
from remediator.store.ids import new_id
from remediator.store.schema import incident, run

_FIELDS = tuple(field.name for field in fields(Run))
# What was canceled before it began never touched the host; what was cut off half-way did.
COUNTS = or_(run.c.state != RunState.CANCELED, run.c.started_at.is_not(None))


def reserve(
    db: Connection, incident_id: str, decision_id: str, plan: Plan, remedy: Remedy, now: datetime
) -> Run:
    """Insert a queued run: the attempt counts from here. Raises IntegrityError when the host has one."""
    row = {
        "id": new_id("run", now), "incident_id": incident_id, "decision_id": decision_id, "host": plan.host,
        "instance": plan.instance, "fault": plan.fault, "remedy": plan.remedy, "playbook": remedy.playbook,
        "args": dict(plan.args), "rung": plan.rung, "state": RunState.QUEUED, "timeout_s": remedy.timeout_s,
        "disruptive": remedy.disruptive, "created_at": now,
    }  # fmt: skip
    db.execute(insert(run).values(**row))
    return get(db, str(row["id"]))


def get(db: Connection, run_id: str) -> Run:
    """Return one run. Raises UnknownItem."""
    row = db.execute(select(run).where(run.c.id == run_id)).mappings().first()
    if row is None:
        raise UnknownItem(f"no run {run_id[:64]}")
    return _run(row)


def began(db: Connection, run_id: str, now: datetime) -> bool:
    """Mark a queued run as running; False when it is not queued any more."""
    return _move(db, run_id, RunState.QUEUED, RunState.RUNNING, started_at=now)


def cancel_queued(db: Connection, run_id: str, now: datetime) -> bool:
    """End a run that has not begun; False when it has."""
    return _move(db, run_id, RunState.QUEUED, RunState.CANCELED, ended_at=now)


def ended(db: Connection, run_id: str, outcome: RunOutcome, now: datetime) -> bool:
    """Record how a running run ended; False when that is recorded already."""
    return _move(
        db,
        run_id,
        RunState.RUNNING,
        RunState(outcome.state),
        ended_at=now,
        rc=outcome.rc,
        summary=dict(outcome.summary),
        failed_task=outcome.failed_task,
    )


def mark_useful(db: Connection, incident_id: str) -> None:
    """Note that speech was proved after the incident's ended runs that have no note yet."""
    here = (run.c.incident_id == incident_id, run.c.useful.is_(None), run.c.state.not_in(ACTIVE_RUN))
    db.execute(update(run).where(*here).values(useful=True))


def mark_useless(db: Connection, incident_id: str, fault: str, *, aside: Collection[str] = ()) -> None:
    """Note that the fault is still there after the incident's ended runs for it, but for remedies `aside`."""
    here = (run.c.incident_id == incident_id, run.c.fault == fault, run.c.useful.is_(None))
    mine = (run.c.state.not_in(ACTIVE_RUN), run.c.remedy.not_in(aside))
    db.execute(update(run).where(*here, *mine).values(useful=False))


def active_on(db: Connection, host: str) -> Run | None:
    """Return the host's queued or running run."""
    found = _many(db, run.c.host == host, run.c.state.in_(ACTIVE_RUN))
    return found[0] if found else None


def active(db: Connection) -> list[Run]:
    """Return every queued or running run."""
    return _many(db, run.c.state.in_(ACTIVE_RUN))


def of_incident(db: Connection, incident_id: str) -> list[Run]:
    """Return the incident's runs, oldest first."""
    return _many(db, run.c.incident_id == incident_id)


def latest(db: Connection, limit: int = 100) -> list[Run]:
    """Return the newest runs, newest first."""
    query = select(run).order_by(run.c.created_at.desc(), run.c.id.desc()).limit(limit)
    return [_run(row) for row in db.execute(query).mappings()]


def attempts(db: Connection, host: str, fault: str, since: datetime, *, aside: Collection[str] = ()) -> int:
    """Count runs on the host for this fault, but for remedies `aside`.

    Those that were canceled before they began don't count.
    """
    query = (
        select(func.count())
        .select_from(run)
        .where(run.c.host == host, run.c.fault == fault, run.c.created_at > since)
        .where(COUNTS, run.c.remedy.not_in(aside))
    )
    return int(db.execute(query).scalar_one())


def latest_of_remedy(
    db: Connection, host: str, remedy: str, limit: int = 20
) -> list[tuple[Run, bool | None]]:
    """Return the newest runs of one remedy on the host with their usefulness, newest first."""
    query = (
        select(run)
        .where(run.c.host == host, run.c.remedy == remedy, COUNTS)
        .order_by(run.c.created_at.desc())
        .limit(limit)
    )
    return [(_run(row), row["useful"]) for row in db.execute(query).mappings()]


def judged_since(db: Connection, since: datetime) -> list[Judged]:
    """Return runs that began after `since` and whose use is known by now, oldest first."""
    bad = or_(run.c.state.in_((RunState.FAILED, RunState.ABANDONED)), run.c.useful.is_(False))
    query = (
        select(run, bad.label("bad"))
        .where(run.c.started_at > since, or_(bad, run.c.useful.is_(True)))
        .order_by(run.c.created_at, run.c.id)
    )
    return [
        Judged(f"{row['remedy']} {row['host']}:{row['instance'] or '*'}", not row["bad"])
        for row in db.execute(query).mappings()
    ]


def disruptive_since(db: Connection, since: datetime) -> dict[str, datetime]:
    """Return the hosts that a disruptive run was made for after `since`, with the time of the newest."""
    query = (
        select(run.c.host, func.max(run.c.created_at).label("at"))
        .where(run.c.disruptive, COUNTS, run.c.created_at > since)
        .group_by(run.c.host)
    )
    return {str(row.host): row.at for row in db.execute(query)}


def went_wrong(db: Connection) -> frozenset[str]:
    """Return hosts whose newest run did not help and whose incident is still open: they count as out."""
    newest = (
        select(run.c.host, func.max(run.c.created_at).label("at"))
        .where(COUNTS)
        .group_by(run.c.host)
        .subquery()
    )
    bad = or_(run.c.state.in_(FINAL_RUN - {RunState.OK}), run.c.useful.is_(False))
    query = (
        select(run.c.host)
        .join(newest, (run.c.host == newest.c.host) & (run.c.created_at == newest.c.at))
        .join(incident, run.c.incident_id == incident.c.id)
        .where(bad, COUNTS, incident.c.state != "resolved")
    )
    return frozenset(str(host) for host in db.execute(query).scalars())


def _move(db: Connection, run_id: str, old: RunState, new: RunState, **values: Any) -> bool:
    check_run_move(old, new)
    here = (run.c.id == run_id, run.c.state == old)
    return db.execute(update(run).where(*here).values(state=new, **values)).rowcount == 1


def _many(db: Connection, *conditions: ColumnElement[bool]) -> list[Run]:
    query = select(run).where(*conditions).order_by(run.c.created_at, run.c.id)
    return [_run(row) for row in db.execute(query).mappings()]


def _run(row: Mapping[Any, Any]) -> Run:
    values = {name: row[name] for name in _FIELDS}
    return Run(**{**values, "state": RunState(row["state"]), "summary": row["summary"] or {}})
