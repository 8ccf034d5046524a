"""Stage 6 of 7: may this plan run now? Pure; only this stage may say no.

Every gate is asked and recorded with its value and its limit. The first one, in order, that does not say go
gives the verdict. Asked when a plan is made and again in the very transaction that reserves the run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from remediator.evidence_host import Lease
from remediator.model import Gate, Mode, Plan, Remedy, Text, Verdict, VerdictKind

GO, WAIT, ASK, REFUSE = VerdictKind.GO, VerdictKind.WAIT, VerdictKind.ASK, VerdictKind.REFUSE
ASK_AGAIN = timedelta(seconds=30)  # when a wait has no time of its own
BUSY_AGAIN = timedelta(seconds=5)
SHARED_WINDOW = timedelta(minutes=10)  # hosts that fail the same way within it may have one cause
HOSTS_WINDOW = timedelta(hours=1)
HOSTS_FLOOR = 2  # in any fleet two hosts may be repaired within that window
MAX_BACKOFF = 8  # times the remedy's cooldown
BUDGET_WINDOW = timedelta(hours=1)
OK = Text("allowed", "允许")


@dataclass(frozen=True)
class Limits:
    """What an operator sets about how much may happen."""

    max_hosts_out: int = 1
    max_hosts_out_pct: int = 10
    min_healthy_hosts: int = 0
    attempts_per_hour: int = 3
    max_hosts_per_hour: int = 5
    max_hosts_per_hour_pct: int = 50
    shared_cause_hosts: int = 3
    breaker_runs: int = 5


@dataclass(frozen=True)
class Halt:
    """A stop or a maintenance window in force."""

    by: str
    reason: str
    until: datetime | None = None


@dataclass(frozen=True)
class Situation:
    """Everything the gates look at, read in one transaction."""

    now: datetime
    ceiling: Mode  # of the installation
    mode: Mode  # of this fault on this host's groups
    known: int  # hosts of the inventory with this very name
    fleet: frozenset[str]  # every host that may be touched
    out: frozenset[str] = frozenset()  # hosts being worked on, or whose last run went wrong
    unwell: frozenset[str] = frozenset()  # hosts with an open incident
    worked_on: Mapping[str, datetime] = field(default_factory=dict)  # newest disruptive run within the hour
    alike: frozenset[str] = frozenset()  # hosts that had the same fault within the last minutes
    stop: Halt | None = None
    window: Halt | None = None
    lease: Lease | None = None
    active_run: str | None = None
    attempts: int = 0  # runs for this host and fault within the last hour
    last_run_at: datetime | None = None  # end of the last run of this remedy on this host
    useless_runs: int = 0  # of the same, in a row and not followed by proved speech
    approved: bool = False
    adopted: bool = False  # a service of this host was deployed by somebody else
    limits: Limits = field(default_factory=Limits)


def judge(plan: Plan, remedy: Remedy, now: Situation) -> Verdict:
    """Return the verdict with every gate."""
    return _verdict(tuple(gate(plan, remedy, now) for gate in GATES))


def judge_reserved(plan: Plan, remedy: Remedy, now: Situation) -> Verdict:
    """Ask again, just before the start, what may have changed since the run was reserved."""
    return _verdict(tuple(gate(plan, remedy, now) for gate in ASKED_AGAIN))


def _verdict(gates: tuple[Gate, ...]) -> Verdict:
    first = next((gate for gate in gates if gate.kind is not GO), None)
    if first is None:
        return Verdict(GO, "", "every gate is open", "所有检查均通过", None, gates)
    return Verdict(
        first.kind, first.name, first.reason.en, first.reason.zh, first.until, gates, holder=first.holder
    )


def _mode(plan: Plan, remedy: Remedy, now: Situation) -> Gate:
    value = min(now.ceiling, now.mode)
    limit = f"installation {now.ceiling.word}, fault {now.mode.word}"
    if value is Mode.OBSERVE:
        whose = ("the installation", "整个系统") if now.ceiling is Mode.OBSERVE else ("this fault", "该故障")
        reason = Text(f"observe mode of {whose[0]}: nothing is done", f"{whose[1]}处于观察模式：不执行操作")
        return Gate("mode", REFUSE, value.word, limit, reason)
    return Gate("mode", GO, value.word, limit, OK)


def _stop(plan: Plan, remedy: Remedy, now: Situation) -> Gate:
    if now.stop is None:
        return Gate("stop", GO, "no stop", "none may be in force", OK)
    why = f"{now.stop.by}: {now.stop.reason}"
    reason = Text(f"everything is stopped by {why}", f"全局停止（{why}）")
    return Gate("stop", WAIT, why, "none may be in force", reason, now.now + ASK_AGAIN)


def _maintenance(plan: Plan, remedy: Remedy, now: Situation) -> Gate:
    window = now.window
    if window is None:
        return Gate("maintenance", GO, "no window", "none may be open", OK)
    why = f"{window.by}: {window.reason}"
    until = window.until or now.now + ASK_AGAIN
    reason = Text(f"maintenance window of {why}", f"维护窗口（{why}）")
    return Gate(
        "maintenance", WAIT, f"{why}, until {until:%Y-%m-%dT%H:%M:%SZ}", "none may be open", reason, until
    )


def _lease(plan: Plan, remedy: Remedy, now: Situation) -> Gate:
    lease, limit = now.lease, "nobody else may hold the host"
    if lease is None or (lease.expires_at is not None and lease.expires_at <= now.now):
        return Gate("lease", GO, "free", limit, OK)
    soon = now.now + ASK_AGAIN
    until = soon if lease.expires_at is None else min(soon, lease.expires_at)
    who = lease.person or lease.holder
    reason = Text(f"held by {who}: {lease.purpose}", f"主机由 {who} 占用：{lease.purpose}")
    return Gate("lease", WAIT, lease.holder, limit, reason, until, holder=who)


def _known_host(plan: Plan, remedy: Remedy, now: Situation) -> Gate:
    value, limit = f"{now.known} hosts named {plan.host}", "exactly one"
    if now.known == 1:
        return Gate("known_host", GO, value, limit, OK)
    reason = Text(
        f"{plan.host} is not exactly one host of the inventory", f"{plan.host} 不是清单中唯一的主机"
    )
    return Gate("known_host", REFUSE, value, limit, reason)


def _adopted(plan: Plan, remedy: Remedy, now: Situation) -> Gate:
    limit = "of others' services only what is made for them"
    if not now.adopted:
        return Gate("adopted", GO, "our own service", limit, OK)
    if remedy.on_adopted:
        return Gate("adopted", GO, f"{remedy.name} is offered", limit, OK)
    reason = Text(
        f"the service was deployed by others: {remedy.name} is not offered for it",
        f"该服务由他人部署：不提供 {remedy.name}",
    )
    return Gate("adopted", REFUSE, "adopted", limit, reason)


def _running(plan: Plan, remedy: Remedy, now: Situation) -> Gate:
    if now.active_run is None:
        return Gate("running", GO, "no run", "one run per host", OK)
    reason = Text(f"{now.active_run} is still running on this host", f"该主机上 {now.active_run} 仍在执行")
    return Gate("running", WAIT, now.active_run, "one run per host", reason, now.now + BUSY_AGAIN)


def _budget(plan: Plan, remedy: Remedy, now: Situation) -> Gate:
    allowed = now.limits.attempts_per_hour
    value, limit = f"{now.attempts} in the last hour", f"fewer than {allowed}"
    if now.attempts < allowed:
        return Gate("budget", GO, value, limit, OK)
    reason = Text(
        f"{now.attempts} attempts at {plan.fault} within an hour: more of the same does not help",
        f"一小时内针对 {plan.fault} 已尝试 {now.attempts} 次：继续重复没有意义",
    )
    return Gate("budget", REFUSE, value, limit, reason)


def _cooldown(plan: Plan, remedy: Remedy, now: Situation) -> Gate:
    wait = timedelta(seconds=remedy.cooldown_s) * min(2**now.useless_runs, MAX_BACKOFF)
    limit = f"{wait.total_seconds():g} s after the last {remedy.name}"
    if now.last_run_at is None:
        return Gate("cooldown", GO, "never ran here", limit, OK)
    until = now.last_run_at + wait
    value = f"{(now.now - now.last_run_at).total_seconds():.0f} s ago, {now.useless_runs} without effect"
    if now.now >= until:
        return Gate("cooldown", GO, value, limit, OK)
    reason = Text(f"{remedy.name} ran here too recently", f"{remedy.name} 刚在该主机上执行过")
    return Gate("cooldown", WAIT, value, limit, reason, until)


def _blast_radius(plan: Plan, remedy: Remedy, now: Situation) -> Gate:
    if not remedy.disruptive:
        return Gate("blast_radius", GO, "not disruptive", "disruptive remedies only", OK)
    size, others = len(now.fleet), now.out - {plan.host}
    allowed = max(1, min(now.limits.max_hosts_out, size * now.limits.max_hosts_out_pct // 100))
    healthy = len(now.fleet - now.out - now.unwell - {plan.host})
    value = f"{len(others)} of {size} hosts out, {healthy} others healthy"
    limit = f"at most {allowed} out with this one, at least {now.limits.min_healthy_hosts} others healthy"
    if size == 0:
        reason = Text("the size of the fleet is unknown", "集群规模未知")
        return Gate("blast_radius", REFUSE, value, limit, reason)
    if len(others) < allowed and healthy >= now.limits.min_healthy_hosts:
        return Gate("blast_radius", GO, value, limit, OK)
    reason = Text("too many other hosts are out of service", "其他停止服务的主机过多")
    return Gate("blast_radius", WAIT, value, limit, reason, now.now + ASK_AGAIN)


def _hosts_per_hour(plan: Plan, remedy: Remedy, now: Situation) -> Gate:
    if not remedy.disruptive:
        return Gate("hosts_per_hour", GO, "not disruptive", "disruptive remedies only", OK)
    others = sorted(at for host, at in now.worked_on.items() if host != plan.host)
    percent = len(now.fleet) * now.limits.max_hosts_per_hour_pct // 100
    allowed = max(HOSTS_FLOOR, min(now.limits.max_hosts_per_hour, percent))
    value = f"{len(others)} other hosts within the hour"
    limit = f"at most {allowed} of {len(now.fleet)} with this one"
    if len(others) < allowed:
        return Gate("hosts_per_hour", GO, value, limit, OK)
    reason = Text("too many hosts were worked on within the hour", "一小时内已操作的主机过多")
    until = max(others[len(others) - allowed] + HOSTS_WINDOW, now.now + BUSY_AGAIN)
    return Gate("hosts_per_hour", WAIT, value, limit, reason, until)


def _shared_cause(plan: Plan, remedy: Remedy, now: Situation) -> Gate:
    if not remedy.disruptive:
        return Gate("shared_cause", GO, "not disruptive", "disruptive remedies only", OK)
    alike = sorted(now.alike | {plan.host})
    value = f"{len(alike)} hosts with {plan.fault} within {SHARED_WINDOW.seconds // 60} min"
    limit = f"fewer than {now.limits.shared_cause_hosts}"
    if len(alike) < now.limits.shared_cause_hosts:
        return Gate("shared_cause", GO, value, limit, OK)
    names = ", ".join(alike[:5])
    reason = Text(
        f"{len(alike)} hosts fail the same way ({names}): look for one cause, repairing each does not help",
        f"{len(alike)} 台主机出现相同故障（{names}）：请查找共同原因，逐台修复没有意义",
    )
    return Gate("shared_cause", REFUSE, value, limit, reason)


def _approval(plan: Plan, remedy: Remedy, now: Situation) -> Gate:
    proposes = min(now.ceiling, now.mode) is Mode.PROPOSE
    if not (proposes or remedy.approval):
        return Gate("approval", GO, "not needed", "propose mode or a remedy that asks for it", OK)
    if now.approved:
        return Gate("approval", GO, "given", "one person", OK)
    reason = Text(f"{remedy.name} needs a person's approval", f"{remedy.name} 需要人工批准")
    return Gate("approval", ASK, "not given", "one person", reason)


# Order is precedence: the first gate that does not say go gives the verdict.
GATES: tuple[Callable[[Plan, Remedy, Situation], Gate], ...] = (
    _mode,
    _stop,
    _maintenance,
    _lease,
    _known_host,
    _adopted,
    _running,
    _budget,
    _cooldown,
    _shared_cause,  # before those that wait for other hosts, or its page would wait as long
    _blast_radius,
    _hosts_per_hour,
    _approval,
)
# What may have changed between the reservation and the start.
ASKED_AGAIN = (_mode, _stop, _maintenance, _known_host, _adopted)
