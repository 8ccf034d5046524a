"""Messages that belong to no single incident: digest, daily, sign of life, alarm, backup, test. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from remediator.notify import phrases
from remediator.notify.letter import HEADLINE_CHARS, Letter, Line, Link, Reader
from remediator.notify.markup import cut_chars, one_line
from remediator.notify.message import Message
from remediator.notify.phrases import duration, say, word

PLACES_CHARS = 2500  # of one group in a digest; the count is exact whatever fits


def _bulletin(message: Message, reader: Reader, first: str, lines: list[Line], tone: str = "quiet") -> Letter:
    tail = [Line(_label("time", reader), reader.clock(message.at))]
    if message.mode:
        tail.append(Line(_label("mode", reader), word(phrases.MODES, message.mode, reader.language)))
    return Letter(
        message_id=message.id,
        thread="",
        headline=cut_chars(first, HEADLINE_CHARS),
        tone=tone,
        lines=(*lines, *tail),
        links=(Link(_label("status", reader), reader.public_url),) if reader.public_url else (),
        language=reader.language,
        mentions=reader.mentions if message.is_page else (),
    )


def _label(name: str, reader: Reader) -> str:
    return word(phrases.LABELS, name, reader.language)


def _test(message: Message, reader: Reader) -> Letter:
    return _bulletin(message, reader, say("test", reader.language), [])


def _heartbeat(message: Message, reader: Reader) -> Letter:
    language = reader.language
    hours = f"{float(message.facts.get('interval_s') or 86400) / 3600:g}"
    lines = [
        Line(_label("open", reader), str(message.facts.get("open", 0))),
        Line(_label("you", reader), say("heartbeat_next", language, hours=hours)),
    ]
    return _bulletin(message, reader, say("heartbeat", language), lines)


def _alarm(message: Message, reader: Reader) -> Letter:
    language = reader.language
    names = ("receiver", "message", "error")
    facts = {name: one_line(str(message.facts.get(name, "?")), 120) for name in names}
    told = "alarm_found" if message.facts.get("permanent", True) else "alarm_stuck"
    lines = [
        Line(_label("found", reader), say(told, language, **facts)),
        Line(_label("you", reader), say("alarm_next", language)),
    ]
    return _bulletin(message, reader, say("alarm", language, **facts), lines, "bad")


def _backup(message: Message, reader: Reader) -> Letter:
    language = reader.language
    lines = [
        Line(_label("found", reader), one_line(str(message.facts.get("error", "?")), 300)),
        Line(_label("you", reader), say("backup_next", language)),
    ]
    return _bulletin(message, reader, say("backup", language), lines, "bad")


def _digest(message: Message, reader: Reader) -> Letter:
    """Name every merged incident under its fault and state."""
    language = reader.language
    groups: dict[tuple[str, str], list[str]] = {}
    items = message.facts.get("items") or []
    for item in items:
        kind = (str(item.get("fault") or ""), str(item.get("state") or ""))
        groups.setdefault(kind, []).append(one_line(str(item.get("place") or item.get("kind") or "?"), 60))
    lines = []
    for (fault, state), places in groups.items():
        label = f"{word(phrases.FAULTS, fault, language)} {word(phrases.STATES, state, language)}"
        lines.append(Line(f"{label} ({len(places)})", cut_chars(" ".join(places), PLACES_CHARS)))
    first = say("digest", language, count=message.facts.get("count", 0), incidents=len(items))
    return _bulletin(message, reader, first, lines)


def _daily(message: Message, reader: Reader) -> Letter:
    language, facts = reader.language, message.facts
    lines = [Line(_label("incidents", reader), say("daily_counts", language, **_counts(facts)))]
    repair = facts.get("repair_s")
    if repair:
        times = {name: duration(float(repair[name]), language) for name in ("median", "longest")}
        lines.append(Line(_label("repair", reader), say("daily_repair", language, **times)))
    for name in ("faults", "gates"):
        counts = facts.get(name) or {}
        table = phrases.FAULTS if name == "faults" else phrases.GATES
        told = [f"{word(table, str(key), language)} {count}" for key, count in counts.items()]
        if told:
            lines.append(Line(_label(name, reader), ("，" if language == "zh" else ", ").join(told)))
    lines += [
        Line(_label("unmatched", reader), one_line(str(text), 200)) for text in facts.get("unmatched") or []
    ]
    day = _local_day(message.at, reader)
    return _bulletin(
        message, reader, say("daily", language, date=day, count=facts.get("incidents", 0)), lines
    )


def _counts(facts: Mapping[str, object]) -> dict[str, object]:
    return {name: facts.get(name, 0) for name in ("incidents", "resolved", "open")}


def _local_day(at: datetime, reader: Reader) -> str:
    return f"{at.astimezone(reader.zone):%m-%d}"


KINDS: Mapping[str, Callable[[Message, Reader], Letter]] = {
    "test": _test,
    "heartbeat": _heartbeat,
    "alarm": _alarm,
    "backup": _backup,
    "digest": _digest,
    "daily": _daily,
}
