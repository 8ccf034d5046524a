"""What proves a fault: typed conditions over evidence. Pure.

A condition answers with a `Match`, the evidence that people read, or None. The unknown matches nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from remediator.evidence import Answer, Evidence, InstanceEvidence, LogLine
from remediator.evidence_host import Gpu, KernelLine


@dataclass(frozen=True)
class Match:
    """One proved condition: the line that proves it, and the facts a remedy may need."""

    line: str
    facts: Mapping[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """What conditions look at: the host, one instance of it (or none), and only lines that are recent."""

    host: Evidence
    instance: InstanceEvidence | None
    lines: tuple[LogLine, ...]
    kernel: tuple[KernelLine, ...]
    gpus: tuple[Gpu, ...]
    alerts: frozenset[str]


class Condition(Protocol):
    """One thing that must be so."""

    def match(self, seen: Seen) -> Match | None:
        """Return what proves it, or None."""


QUOTED = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|“[^”]*”|「[^」]*」|«[^»]*»|`[^`]*`""")
USER_TEXT = re.compile(r"\b(?:input_text|prompt_text|text|prompt|input|sentence)\s*[=:].*$", re.IGNORECASE)
NAMED_BY_USERS = re.compile(r"\bowner=.*?(?=\s(?:fault|line|name)=|\sand\s\d|$)|\bname=[^:]*(?=:)")
HARMLESS = re.compile(r"\b(?:DEBUG|INFO)\b")


def own_words(line: str) -> str:
    """Return what the program itself says in `line`: no quoted text, no user text; "" for DEBUG and INFO."""
    if HARMLESS.search(line[:60]):
        return ""
    return USER_TEXT.sub("", NAMED_BY_USERS.sub("", QUOTED.sub("''", line)))


@dataclass(frozen=True)
class Log:
    """A recent log line in which the program itself says this."""

    pattern: re.Pattern[str]

    def match(self, seen: Seen) -> Match | None:
        """Prefer the newest line."""
        for line in reversed(seen.lines):
            if self.pattern.search(own_words(line.text)):
                return Match(f"{line.source}: {line.text[:300]}")
        return None


@dataclass(frozen=True)
class Unit:
    """systemd's state of the unit; an empty set means any."""

    active: frozenset[str] = frozenset()
    sub: frozenset[str] = frozenset()
    result: frozenset[str] = frozenset()

    def match(self, seen: Seen) -> Match | None:
        """All given sets must hold the unit's word."""
        unit = seen.instance.unit if seen.instance else None
        if unit is None:
            return None
        pairs = ((self.active, unit.active), (self.sub, unit.sub), (self.result, unit.result))
        if any(allowed and word not in allowed for allowed, word in pairs):
            return None
        return Match(f"unit is {unit.active} ({unit.sub}), result {unit.result or 'unknown'}")


@dataclass(frozen=True)
class Signal:
    """The main process was ended by one of these signals and the unit has not come back."""

    numbers: frozenset[int]

    def match(self, seen: Seen) -> Match | None:
        """A unit that runs again has a new main process: the old one's end is history."""
        unit = seen.instance.unit if seen.instance else None
        if unit is None or unit.active == "active" or unit.exec_code not in ("killed", "dumped"):
            return None
        if unit.exec_status not in self.numbers:
            return None
        return Match(
            f"main process ended by signal {unit.exec_status} ({unit.exec_code}), {unit.n_restarts} restarts"
        )


@dataclass(frozen=True)
class Process:
    """Whether the unit's process exists."""

    alive: bool

    def match(self, seen: Seen) -> Match | None:
        """Compare."""
        if seen.instance is None or seen.instance.process_alive is not self.alive:
            return None
        return Match("the process is alive" if self.alive else "there is no process")


@dataclass(frozen=True)
class PortHolder:
    """Who listens on the instance's port: nobody | ours | foreign."""

    who: str

    def match(self, seen: Seen) -> Match | None:
        """Owners that are not ours are named with pid and user; a lone stray of our own is a fact to act on."""
        one = seen.instance
        if one is None or one.listening is None:
            return None
        foreign = [owner for owner in one.owners if not owner.ours]
        if self.who == "nobody":
            return None if one.listening else Match(f"nobody listens on port {one.port}")
        if self.who == "ours":
            return (
                Match(f"our own process listens on port {one.port}") if one.owners and not foreign else None
            )
        if not foreign:
            return None
        holder = foreign[0]
        line = f"port {one.port} is held by pid {holder.pid} of {holder.user}: {holder.cmdline[:120]}"
        if len(foreign) > 1 or not holder.stray:
            return Match(line)
        facts = {"stray_pid": holder.pid, "stray_start_time": holder.start_time}
        return Match(f"{line} (a stray of our own)", facts)


@dataclass(frozen=True)
class DiskUse:
    """A file system at or over this percentage of its space."""

    pct: float

    def match(self, seen: Seen) -> Match | None:
        """Name the fullest one."""
        full = [d for d in seen.host.disks if d.used_pct is not None and d.used_pct >= self.pct]
        worst = max(full, key=lambda disk: disk.used_pct or 0, default=None)
        return None if worst is None else Match(f"{worst.path}: {worst.used_pct:g} % of the space is used")


@dataclass(frozen=True)
class InodeUse:
    """A file system at or over this percentage of its inodes."""

    pct: float

    def match(self, seen: Seen) -> Match | None:
        """Name the fullest one."""
        full = [d for d in seen.host.disks if d.inodes_used_pct is not None and d.inodes_used_pct >= self.pct]
        worst = max(full, key=lambda disk: disk.inodes_used_pct or 0, default=None)
        return (
            None
            if worst is None
            else Match(f"{worst.path}: {worst.inodes_used_pct:g} % of the inodes are used")
        )


@dataclass(frozen=True)
class LogSize:
    """A log of the instance at or over this size: it grows faster than it is rotated."""

    megabytes: float

    def match(self, seen: Seen) -> Match | None:
        """Name the largest one."""
        files = seen.instance.log_files if seen.instance else ()
        worst = max(files, key=lambda one: one.size_mb, default=None)
        if worst is None or worst.size_mb < self.megabytes:
            return None
        return Match(f"{worst.name} has {worst.size_mb:.0f} MB")


@dataclass(frozen=True)
class Endpoint:
    """What /healthz or /readyz answered; an empty set means any."""

    which: str  # health | ready
    outcome: frozenset[str] = frozenset()
    reason: frozenset[str] = frozenset()

    def match(self, seen: Seen) -> Match | None:
        """All given sets must hold the answer's word."""
        answer: Answer | None = getattr(seen.instance, self.which) if seen.instance else None
        if answer is None or (self.outcome and answer.outcome not in self.outcome):
            return None
        if self.reason and answer.reason not in self.reason:
            return None
        said = f" ({answer.reason})" if answer.reason else ""
        return Match(f"{self.which}: {answer.outcome}{said}")


@dataclass(frozen=True)
class OomKill:
    """The kernel recently killed a process for want of memory."""

    def match(self, seen: Seen) -> Match | None:
        """Prefer the newest."""
        for line in reversed(seen.kernel):
            if line.kind == "oom_kill":
                return Match(f"kernel: {line.text[:300]}")
        return None


@dataclass(frozen=True)
class AlertName:
    """One of the incident's alerts has this name."""

    names: frozenset[str]

    def match(self, seen: Seen) -> Match | None:
        """Name the alert."""
        found = sorted(self.names & seen.alerts)
        return Match(f"alert {found[0]}") if found else None
