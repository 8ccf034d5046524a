"""The words: facts in, letter out. Pure; `docs/notifications.md` shows one of each kind.

First line: host, fault, state. Then what was found, what was decided and why, what runs, how it ended, what
you do now, and where to look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from remediator.notify import phrases
from remediator.notify.letter import HEADLINE_CHARS, Letter, Line, Link, Reader
from remediator.notify.markup import cut_chars, one_line
from remediator.notify.message import Both, Message
from remediator.notify.phrases import duration, say, word

GOOD, BAD, QUIET = "good", "bad", "quiet"
TONES: Mapping[str, str] = {"resolved": GOOD, "escalated": BAD, "asking": BAD}
FINAL = frozenset({"resolved", "escalated", "held"})


def compose(message: Message, reader: Reader) -> Letter:
    """Return what `message` says to `reader`."""
    return KINDS.get(message.kind, _incident)(message, reader)


def headline(message: Message, language: str) -> str:
    """Return host, fault and state in at most 40 characters; a long host name gives way."""
    colon = "：" if language == "zh" else ": "
    fault = word(phrases.FAULTS, message.fault, language)
    rest = f" {fault}{colon}{word(phrases.STATES, message.state, language)}"
    place = cut_chars(one_line(message.place), max(8, HEADLINE_CHARS - len(rest)))
    return cut_chars(place + rest, HEADLINE_CHARS)


def _incident(message: Message, reader: Reader) -> Letter:
    language = reader.language
    fault = word(phrases.FAULTS, message.fault, language)
    return Letter(
        message_id=message.id,
        thread=message.incident_id,
        headline=headline(message, language),
        tone=BAD if message.is_page else TONES.get(message.state, QUIET),
        lines=tuple(_incident_lines(message, reader)),
        links=_links(message, reader),
        language=language,
        mentions=reader.mentions if message.is_page else (),
        subject=f"[{one_line(message.place, 60)}] {fault}",
    )


def _incident_lines(message: Message, reader: Reader) -> list[Line]:
    language = reader.language
    label = _labels(language)
    lines = []
    found = message.found.get(language)
    if found:
        lines.append(Line(label("found"), one_line(found)))
    if message.decided is not None and message.decided.verdict:
        lines.append(Line(label("decided"), _decision(message, language)))
    if message.run is not None:
        lines.append(Line(label("run"), _run(message, language)))
    if message.proof is not None or message.state in FINAL:
        lines.append(Line(label("result"), _result(message, language)))
    lines.append(Line(label("you"), one_line(message.next.get(language)) or say("nothing", language)))
    if message.approve_id:
        lines += _approval(message, reader)
    lines.append(Line(label("time"), reader.clock(message.at)))
    if message.mode:
        lines.append(Line(label("mode"), word(phrases.MODES, message.mode, language)))
    return lines


def _labels(language: str) -> Callable[[str], str]:
    return lambda name: word(phrases.LABELS, name, language)


def _decision(message: Message, language: str) -> str:
    decided = message.decided
    if decided is None:
        return ""
    verdict = word(phrases.VERDICTS, decided.verdict, language)
    why = one_line(decided.reason.get(language))
    what = f"{verdict} {decided.remedy}".strip()
    dash = "：" if language == "zh" else ": "
    return f"{what}{dash}{why}" if why else what


def _run(message: Message, language: str) -> str:
    run = message.run
    if run is None:
        return ""
    parts = [f"{run.remedy} {word(phrases.RUN_STATES, run.state, language)}"]
    if run.took_s is not None:
        parts.append(say("took", language, took=duration(run.took_s, language)))
    parts.append(run.id)
    return ("，" if language == "zh" else ", ").join(part for part in parts if part)


def _result(message: Message, language: str) -> str:
    parts = []
    if message.proof is not None:
        parts.append(_proof(message.proof, language))
    if message.opened_at is not None:
        took = duration((message.at - message.opened_at).total_seconds(), language)
        parts.append(say("since_open", language, took=took))
    state = word(phrases.STATES, message.state, language)
    return ("；" if language == "zh" else "; ").join([state, *parts])


def _proof(proof: Mapping[str, Any], language: str) -> str:
    if proof.get("ok"):
        return say("spoken", language, duration_s=f"{float(proof.get('duration_s') or 0):.1f}")
    why = Both(str(proof.get("reason_en") or ""), str(proof.get("reason_zh") or ""))
    return say("not_spoken", language, error=one_line(why.get(language) or "?", 120))


def _approval(message: Message, reader: Reader) -> list[Line]:
    label = _labels(reader.language)
    until = ""
    if message.approve_until is not None:
        until = f"{label('until')} {reader.clock(message.approve_until)}"
    return [
        Line(label("approve"), until, command=f"remediator approve {message.approve_id}"),
        Line(label("deny"), "", command=f"remediator deny {message.approve_id}"),
    ]


def _links(message: Message, reader: Reader) -> tuple[Link, ...]:
    label = _labels(reader.language)
    links = []
    if reader.public_url and message.incident_id:
        address = f"{reader.public_url.rstrip('/')}/incidents/{quote(message.incident_id, safe='')}"
        links.append(Link(label("status"), address))
    elif reader.public_url:
        links.append(Link(label("status"), reader.public_url))
    if reader.runbooks_url and message.fault:
        links.append(
            Link(label("runbook"), f"{reader.runbooks_url.rstrip('/')}/{quote(message.fault, safe='')}.md")
        )
    return tuple(links)


def _plain(message: Message, reader: Reader, first: str, lines: list[Line], tone: str) -> Letter:
    """Return a letter that belongs to no incident."""
    label = _labels(reader.language)
    tail = [Line(label("time"), reader.clock(message.at))]
    if message.mode:
        tail.append(Line(label("mode"), word(phrases.MODES, message.mode, reader.language)))
    return Letter(
        message_id=message.id,
        thread="",
        headline=cut_chars(first, HEADLINE_CHARS),
        tone=tone,
        lines=(*lines, *tail),
        links=_links(message, reader),
        language=reader.language,
        mentions=reader.mentions if message.is_page else (),
    )


def _test(message: Message, reader: Reader) -> Letter:
    return _plain(message, reader, say("test", reader.language), [], QUIET)


def _heartbeat(message: Message, reader: Reader) -> Letter:
    language = reader.language
    label = _labels(language)
    hours = f"{float(message.facts.get('interval_s', 86400)) / 3600:g}"
    lines = [
        Line(label("open"), str(message.facts.get("open", 0))),
        Line(label("you"), say("heartbeat_next", language, hours=hours)),
    ]
    return _plain(message, reader, say("heartbeat", language), lines, QUIET)


def _alarm(message: Message, reader: Reader) -> Letter:
    language = reader.language
    label = _labels(language)
    facts = {
        name: one_line(str(message.facts.get(name, "?")), 120) for name in ("receiver", "message", "error")
    }
    lines = [
        Line(label("found"), say("alarm_found", language, **facts)),
        Line(label("you"), say("alarm_next", language)),
    ]
    return _plain(message, reader, say("alarm", language, **facts), lines, BAD)


def _digest(message: Message, reader: Reader) -> Letter:
    """Name every merged incident under its fault and state; the count is exact whatever fits."""
    language = reader.language
    groups: dict[tuple[str, str], list[str]] = {}
    for item in message.facts.get("items", []):
        groups.setdefault((str(item.get("fault") or ""), str(item.get("state") or "")), []).append(
            one_line(str(item.get("place") or item.get("kind") or "?"), 60)
        )
    lines = []
    for (fault, state), places in groups.items():
        label = f"{word(phrases.FAULTS, fault, language)} {word(phrases.STATES, state, language)}"
        lines.append(Line(f"{label} ({len(places)})", " ".join(places)))
    first = say(
        "digest", language, count=message.facts.get("count", 0), incidents=len(message.facts.get("items", []))
    )
    return _plain(message, reader, first, lines, QUIET)


KINDS: dict[str, Callable[[Message, Reader], Letter]] = {
    "test": _test,
    "heartbeat": _heartbeat,
    "alarm": _alarm,
    "digest": _digest,
}
