"""Whose batch a log line speaks of. Pure.

The speech service begins such lines with `batch=ID owner=NAME`, then `file=` or `line=`. The name was typed by
somebody: it is data to look up and to show, never a place to send to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from remediator.evidence import LogLine

FACT = "batch_owner"
NAME_CHARS = 64  # as tts_app bounds it
MOST_OWNERS = 5  # of one look at one instance; the next look finds the others
STAMPED = re.compile(r"\d{4}-\d\d-\d\dT")
SAYS_WHOSE = re.compile(rf"\bbatch=\S+ owner=(.{{1,{NAME_CHARS}}}?) (?:file|line)=")


def owner_in(text: str) -> str:
    """Return the owner that `text` names, "" where it names none that can be shown."""
    found = SAYS_WHOSE.search(text)
    name = found[1].strip() if found else ""
    return name if name.isprintable() else ""


def by_owner(lines: Iterable[LogLine]) -> dict[str, tuple[LogLine, ...]]:
    """Return the lines of each owner ("": of nobody), at most MOST_OWNERS, those with the newest lines first.

    A line without a time of its own, such as a traceback's, belongs to the line above it in the same log.
    """
    groups: dict[str, list[LogLine]] = {}
    above: dict[str, str] = {}  # log -> owner of its last line
    for line in lines:
        name = owner_in(line.text)
        if not name and not STAMPED.match(line.text):
            name = above.get(line.source, "")
        above[line.source] = name
        groups[name] = [*groups.pop(name, []), line]  # the owner of the newest line comes last
    newest = list(reversed(groups))
    return {name: tuple(groups[name]) for name in newest[:MOST_OWNERS]}
