"""What a message says to one reader, before a channel gives it its form. Pure.

Texts in a letter may quote logs; a channel quotes every `text` in its own way, never trusting one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

HEADLINE_CHARS = 40


def nobody_known(_owner: str) -> bool:
    """Know no owner of batches."""
    return False


@dataclass(frozen=True)
class Reader:
    """How one receiver reads: language ("zh" or "en"), time zone, where the page and the runbooks are."""

    language: str
    zone: ZoneInfo
    public_url: str = ""
    runbooks_url: str = ""
    mentions: tuple[str, ...] = ()
    knows: Callable[[str], bool] = nobody_known  # whether the owner of a batch is told by themselves

    def clock(self, when: datetime) -> str:
        """Return `when` as this reader's local time, the zone named."""
        return f"{when.astimezone(self.zone):%Y-%m-%d %H:%M:%S} {self.zone.key}"


@dataclass(frozen=True)
class Line:
    """One labelled line; `command` is shown to be copied."""

    label: str
    text: str
    command: str = ""

    @property
    def plain(self) -> str:
        """Text and command after each other."""
        return " ".join(part for part in (self.text, self.command) if part)


@dataclass(frozen=True)
class Link:
    """A named address of ours."""

    name: str
    url: str


@dataclass(frozen=True)
class Letter:
    """A finished message. `tone` is good, bad or quiet; `thread` groups the letters of one incident."""

    message_id: str
    thread: str
    headline: str
    tone: str
    lines: tuple[Line, ...]
    links: tuple[Link, ...] = ()
    language: str = "zh"
    mentions: tuple[str, ...] = ()
    subject: str = ""  # the same for all letters of a thread; empty: the headline
