"""Everything that happens by the clock, in memory: a timer that is lost rings again soon."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

WORKERS = 16


@dataclass(frozen=True)
class Every:
    """A job that runs at once and then again and again, never twice at a time."""

    name: str
    seconds: float
    work: Callable[[], object]


@dataclass(frozen=True)
class Daily:
    """A job that runs once a day at a local time ("HH:MM")."""

    name: str
    at: str
    zone: ZoneInfo
    work: Callable[[], object]


class Timers:
    """Runs jobs until `stop`."""

    def __init__(self, jobs: list[Every | Daily]) -> None:
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(WORKERS)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )
        for job in jobs:
            at_once = {"next_run_time": datetime.now(UTC)} if isinstance(job, Every) else {}
            self._scheduler.add_job(job.work, _trigger(job), id=job.name, **at_once)

    def start(self) -> None:
        """Begin."""
        self._scheduler.start()

    def running(self) -> bool:
        """Whether jobs are run."""
        return bool(self._scheduler.running)

    def stop(self) -> None:
        """Start nothing more and wait for what runs."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)


def _trigger(job: Every | Daily) -> IntervalTrigger | CronTrigger:
    if isinstance(job, Every):
        return IntervalTrigger(seconds=job.seconds, timezone="UTC")
    hour, _, minute = job.at.partition(":")
    return CronTrigger(hour=int(hour), minute=int(minute), timezone=job.zone)
