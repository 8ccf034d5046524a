"""What happens by the clock, and how often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from remediator import retention
from remediator.notify import cadence
from remediator.notify.daily import explainer
from remediator.notify.outbox import Outbox
from remediator.pipeline import Pipeline
from remediator.prober import Prober
from remediator.reconcile import reconcile
from remediator.settings import Settings
from remediator.store import Store
from remediator.timers import Daily, Every

TICK_S = 1.0
RECONCILE_S = 5.0
CADENCE_S = 30.0
WARM_S = 240.0  # a shared ssh connection lives 600 s after its last use
RETENTION_S = 3600.0


@dataclass(frozen=True)
class Parts:
    """What the jobs work with; `warm` None: there are no real hosts."""

    store: Store
    pipeline: Pipeline
    outbox: Outbox
    prober: Prober
    warm: Callable[[], None] | None = None


def jobs_of(settings: Settings, parts: Parts, clock: Callable[[], datetime]) -> list[Every | Daily]:
    """Return every job of one worker."""
    store = parts.store
    jobs: list[Every | Daily] = [
        Every("reconcile", RECONCILE_S, lambda: reconcile(store, parts.pipeline.stages.poll, clock())),
        Every("outbox", TICK_S, parts.outbox.fan_out),
        Every("call the next person", CADENCE_S, lambda: _call_next(settings, store, clock())),
        Every("retention", RETENTION_S, lambda: _retain(settings, store, clock())),
    ]
    jobs += [
        Every(f"tell {one.name}", TICK_S, partial(parts.outbox.deliver, one))
        for one in parts.outbox.receivers
    ]
    if settings.probe_interval_s:
        jobs.append(Every("probe", TICK_S, parts.prober.round))
    if settings.heartbeat_interval_s:
        jobs.append(Every("heartbeat", CADENCE_S, lambda: _heartbeat(settings, store, clock())))
    if settings.digest_at:
        jobs.append(
            Daily("daily digest", settings.digest_at, settings.zone, lambda: _daily(settings, parts, clock()))
        )
    if parts.warm is not None:
        jobs.append(Every("keep connections warm", WARM_S, parts.warm))
    return jobs


def _call_next(settings: Settings, store: Store, now: datetime) -> None:
    store.write(lambda db: cadence.call_next(db, now, after_min=settings.escalate_after_min))


def _retain(settings: Settings, store: Store, now: datetime) -> None:
    retention.clean(store, settings.runs_dir, now, settings.retention_days)
    retention.clean_captures(settings.captures_dir, now, settings.retention_days)


def _heartbeat(settings: Settings, store: Store, now: datetime) -> None:
    every = settings.heartbeat_interval_s
    store.write(lambda db: cadence.heartbeat(db, now, interval_s=every, mode=settings.mode))


def _daily(settings: Settings, parts: Parts, now: datetime) -> None:
    explains = explainer(parts.pipeline.catalogue.faults.values())
    parts.store.write(lambda db: cadence.daily(db, now, mode=settings.mode, explains=explains))
