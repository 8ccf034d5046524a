"""The words: facts in, letter out. Pure; `docs/notifications.md` shows one of each kind.

First line: host, fault, state. Then what was found, what was decided and why, what runs, how it ended, what
you do now, and where to look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from remediator.notify import bulletins, phrases
from remediator.notify.letter import HEADLINE_CHARS, Letter, Line, Link, Reader
from remediator.notify.markup import cut_chars, one_line
from remediator.notify.message import Both, Message
from remediator.notify.phrases import duration, say, word
from remediator.proved import NOT_BY_SPEECH

GOOD, BAD, QUIET = "good", "bad", "quiet"
TONES: Mapping[str, str] = {"resolved": GOOD, "escalated": BAD, "asking": BAD}
FINAL = frozenset({"resolved", "escalated", "held"})


def compose(message: Message, reader: Reader) -> Letter:
    """Return what `message` says to `reader`."""
    return bulletins.KINDS.get(message.kind, _incident)(message, reader)


def headline(message: Message, language: str) -> str:
    """Return host, fault and state in at most 40 characters; a long host name gives way."""
    colon = "：" if language == "zh" else ": "
    fault = word(phrases.FAULTS, message.fault, language)
    rest = f" {fault}{colon}{word(phrases.STATES, message.state, language)}"
    place = cut_chars(one_line(message.place), max(8, HEADLINE_CHARS - len(rest)))
    return cut_chars(place + rest, HEADLINE_CHARS)


def _incident(message: Message, reader: Reader) -> Letter:
    language = reader.language
    return Letter(
        message_id=message.id,
        thread=message.incident_id,
        headline=headline(message, language),
        tone=_tone(message),
        lines=tuple(_incident_lines(message, reader)),
        links=_links(message, reader),
        language=language,
        mentions=reader.mentions if message.is_page or message.is_personal else (),
        # It never changes while the incident goes on: some mail programs thread by it.
        subject=f"[{one_line(message.host, 60)}] {say('thread', language)} {message.incident_id}",
    )


def _tone(message: Message) -> str:
    if message.is_page:
        return BAD
    return QUIET if message.is_personal else TONES.get(message.state, QUIET)


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
    if message.proof is not None or (message.state in FINAL and not message.is_personal):
        lines.append(Line(label("result"), _result(message, language)))
    if message.is_personal:
        lines.append(Line(label("owner"), _owner(message, reader)))
    then = "you" if message.is_page or message.is_personal else "next"
    lines.append(Line(label(then), one_line(message.next.get(language)) or say("nothing", language)))
    if message.approve_id:
        lines += _approval(message, reader)
    lines.append(Line(label("time"), reader.clock(message.at)))
    if message.mode:
        lines.append(Line(label("mode"), word(phrases.MODES, message.mode, language)))
    return lines


def _owner(message: Message, reader: Reader) -> str:
    if not message.owner:
        return say("owner_missing", reader.language)
    if reader.knows(message.owner):
        return message.owner
    return say("owner_unknown", reader.language, owner=message.owner)


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
    if proof.get("ok") and proof.get("how") == "http":
        return Both(NOT_BY_SPEECH.en, NOT_BY_SPEECH.zh).get(language)
    if proof.get("ok"):
        return say("spoken", language, duration_s=f"{float(proof.get('duration_s') or 0):.1f}")
    why = Both(str(proof.get("reason_en") or ""), str(proof.get("reason_zh") or ""))
    return one_line(why.get(language) or "?", 120)


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
    if reader.runbooks_url and message.fault:
        links.append(
            Link(label("runbook"), f"{reader.runbooks_url.rstrip('/')}/{quote(message.fault, safe='')}.md")
        )
    return tuple(links)
