"""Who is told: in which language, from which severity on, and when it may wait. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from remediator.notify.channel import Pool
from remediator.notify.letter import Reader
from remediator.notify.message import Message

SEVERITIES = ("info", "warning", "critical")


@dataclass(frozen=True)
class Quiet:
    """Hours (minutes after local midnight) in which only what is severe or a page is told at once."""

    start_min: int
    end_min: int

    def ends(self, local: datetime) -> datetime | None:
        """Return when the quiet around `local` ends, None when it is not quiet."""
        minute = local.hour * 60 + local.minute
        inside = (
            self.start_min <= minute < self.end_min
            if self.start_min <= self.end_min
            else minute >= self.start_min or minute < self.end_min
        )
        if not inside:
            return None
        end = local.replace(hour=self.end_min // 60, minute=self.end_min % 60, second=0, microsecond=0)
        return end if end > local else end + timedelta(days=1)


@dataclass(frozen=True)
class Receiver:
    """One place where messages arrive, each in its own order and with its own retries."""

    name: str
    pool: Pool
    reader: Reader
    least_severity: str = "info"
    only_kinds: frozenset[str] = frozenset()  # empty: all
    quiet: Quiet | None = None
    mentions: bool = False  # whether the person on duty can be called by name here
    calls: Callable[[Message], bool] | None = None  # set: one person's own, only what calls this person
    must_hear: Callable[[Message], bool] = lambda _message: False  # whatever its severity

    def not_before(self, message: Message) -> datetime | None:
        """Return when `message` may arrive here at the earliest, None when it is not for here."""
        if self.only_kinds and message.kind not in self.only_kinds:
            return None
        if self.calls is not None:
            return message.at if self.calls(message) else None
        if message.is_page or not message.incident_id:
            return message.at
        if _rank(message.severity) < _rank(self.least_severity) and not self.must_hear(message):
            return None
        if self.quiet is None or _rank(message.severity) >= _rank("critical"):
            return message.at
        return self.quiet.ends(message.at.astimezone(self.reader.zone)) or message.at


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)
