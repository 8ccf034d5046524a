"""The remediator's own check of every instance: the path that needs no Prometheus.

A look every `interval_s`; after a first failure the next ones follow `retry_s` apart; `limit` failures in a
row raise an alert through the same intake as every other sender. Busy and draining are states, not failures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

import requests

from remediator.model import Alert

ALERT_NAME = "GlmttsProbeFailed"
STATES_NOT_FAILURES = frozenset({"full", "draining"})
LOAD_TIMEOUT_S = 900.0  # loading longer than this is a failure


@dataclass(frozen=True)
class Rules:
    """How often to look, and when it is enough."""

    interval_s: float = 300.0
    retry_s: float = 10.0
    limit: int = 3


@dataclass(frozen=True)
class Watch:
    """What is known of one instance."""

    host: str
    instance: str
    failures: int = 0  # in a row
    firing_since: datetime | None = None
    next_at: datetime | None = None  # None: look now
    detail: str = ""
    took_s: float | None = None


@dataclass(frozen=True)
class Reply:
    """One HTTP answer; `status` None: there was none, and `error` says why."""

    status: int | None
    body: Mapping[str, Any]
    error: str = ""


@dataclass(frozen=True)
class Target:
    """Where an instance is asked; one that others deployed says nothing of taking traffic."""

    base: str  # http://address:port
    health: str = "/healthz"
    ready: str | None = "/readyz"


Event = Literal["firing", "resolved"]


def judge(health: Reply, ready: Reply) -> str:
    """Return what is wrong, "" when nothing is. Pure."""
    if health.status != 200:
        return _wrong("/healthz", health)
    if ready.status == 200:
        return ""
    reason = ready.body.get("reason")
    if ready.status == 503 and reason in STATES_NOT_FAILURES:
        return ""
    if ready.status == 503 and reason == "loading":
        uptime = health.body.get("uptime_s")
        slow = isinstance(uptime, int | float) and uptime > LOAD_TIMEOUT_S
        return f"still loading after {uptime:.0f} s" if slow else ""
    return _wrong("/readyz", ready)


def _wrong(path: str, reply: Reply) -> str:
    if reply.status is None:
        return f"{path}: {reply.error}"
    reason = reply.body.get("reason")
    return f"{path}: HTTP {reply.status}" + (f" {str(reason)[:80]}" if reason else "")


def step(watch: Watch, wrong: str, now: datetime, rules: Rules) -> tuple[Watch, Event | None]:
    """Return what is known after one look, and whether an alert begins or ends. Pure."""
    if not wrong:
        ended: Event | None = "resolved" if watch.firing_since else None
        calm = replace(
            watch, failures=0, firing_since=None, detail="ok", next_at=now + _seconds(rules.interval_s)
        )
        return calm, ended
    failures = watch.failures + 1
    begins = failures >= rules.limit and watch.firing_since is None
    pause = rules.retry_s if failures < rules.limit else rules.interval_s
    after = replace(watch, failures=failures, detail=wrong, next_at=now + _seconds(pause))
    if begins:
        return replace(after, firing_since=now), "firing"
    # A standing failure is reported again: the intake counts it and forgets nothing.
    return after, "firing" if watch.firing_since else None


def _seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def alert(before: Watch, after: Watch, event: Event, now: datetime) -> Alert:
    """Return the alert that `event` stands for; the same trouble always has the same start. Pure."""
    starts_at = after.firing_since or before.firing_since or now
    return Alert(
        sender="probe",
        fingerprint=f"probe-{after.host}-{after.instance}",
        starts_at=starts_at,
        status=event,
        host=after.host,
        instance=after.instance,
        name=ALERT_NAME,
        severity="critical",
        summary=f"{after.failures} checks in a row failed: {after.detail}"
        if event == "firing"
        else "answers again",
        labels={},
    )


def fetch(get: Callable[..., requests.Response], url: str, timeout_s: float) -> Reply:
    """Return the answer of `url`, whatever became of it."""
    try:
        answer = get(url, timeout=timeout_s, allow_redirects=False)
    except requests.RequestException as error:
        return Reply(None, {}, type(error).__name__)
    try:
        body = answer.json()
    except ValueError:
        body = {}
    return Reply(answer.status_code, body if isinstance(body, Mapping) else {})


def look(get: Callable[..., requests.Response], target: Target, timeout_s: float) -> str:
    """Ask one instance and return what is wrong, "" when nothing is."""
    health = fetch(get, f"{target.base}{target.health}", timeout_s)
    if target.ready is None:
        good = health.status is not None and 200 <= health.status < 300
        return "" if good else _wrong(target.health, health)
    if health.status != 200:
        return judge(health, Reply(None, {}))
    return judge(health, fetch(get, f"{target.base}{target.ready}", timeout_s))
