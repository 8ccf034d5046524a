"""Renders every sample for every channel and language: the golden files and docs/notifications.md. Pure."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from remediator.notify import mail
from remediator.notify.letter import Letter, Reader
from remediator.notify.message import Message
from remediator.notify.samples import samples
from remediator.notify.webhook import to_json
from remediator.notify.wecom import BODIES
from remediator.notify.wording import compose

NOW = datetime(2026, 11, 27, 1, 2, 3, tzinfo=UTC)
READERS = {
    "zh": Reader(
        "zh",
        ZoneInfo("Asia/Shanghai"),
        "https://voicekeeper.example",
        "https://voicekeeper.example/runbooks",
        ("wangwei",),
        {"wangwei"}.__contains__,
    ),
    "en": Reader(
        "en",
        ZoneInfo("UTC"),
        "https://voicekeeper.example",
        "https://voicekeeper.example/runbooks",
        ("wangwei",),
        {"wangwei"}.__contains__,
    ),
}
HEAD = """# Messages

One of each kind, as people get it. Made by `python -m remediator.notify.rendered`; a test keeps it true.
The first line has at most 40 characters: host, fault, state. `remediator notify test` sends them all.

## What is promised

- A message is written with the move it reports, in one transaction, and marked after the server has said yes: it
  arrives at least once. The messages of an incident arrive in their order; only a page may overtake others, and
  then carries their news. A message that comes twice has the same id.
- Several remediators may share one PostgreSQL (`postgresql+psycopg://`, `remediator/requirements-postgresql.txt`).
  One of them sends to a receiver at a time; when it is gone, another goes on within a minute, on the same machine
  at once. A message that was on the wire just then can come twice, late, with its id. The limit of messages per
  minute is one for all of them: sends are counted in the database. Their clocks may differ by a few seconds; when
  the robot says that it was too much (errcode 45009), all of them pause. This is about messages: a run of a remedy
  is followed by the machine that began it, so a second machine is a stand-by, to be started when the first one is
  down.
- What this rests on, in `make test-all`: 10,000 random faults of the robot's stand-in and 10,000 of a real SMTP
  server (20 parts of 500 each), 1,000 incidents within a minute, a sender killed ten times just before it hears
  the answer, and two senders on a real PostgreSQL.
- What is refused for good (errcode 93000 and 40058, SMTP 5xx) is told on the other channels, at most once an hour;
  so is what is stuck for 15 minutes. A login that is refused is stuck, not given up: the mail goes out when the
  password is right again. With one channel only, `/metrics` and the status page are what is left to watch.
- A fault of a batch goes to its owner, the name after `owner=` in the log. It is looked up in the on-call file (a
  person's key, name, WeChat Work id, address or `aliases`) and never used as an address. Known: a mention in chat,
  and a mail to that person. Unknown, or the name of two people: the group is asked to pass it on.
- Apprise says only yes or no: a message it refused for good is tried again and again, and some of its plugins say
  yes to what the server refused.
- Log lines, command lines and alert texts lose what looks like a password, token or key before they are stored.
  Archives of `capture` never go to chat: who may look gets them from the status page or `/api/v1/captures`.
"""


def letters(language: str) -> dict[str, Letter]:
    """Return the letter of every sample."""
    reader = READERS[language]
    return {
        name: compose(message, replace(reader, mentions=()) if _nobodys(message, reader) else reader)
        for name, message in samples(NOW).items()
    }


def _nobodys(message: Message, reader: Reader) -> bool:
    """Whether the outbox finds nobody to mention."""
    return message.is_personal and not reader.knows(message.owner)


def golden(letter: Letter) -> str:
    """Return one letter in all its forms, as text that can be compared."""
    parts = {
        "markdown": BODIES["markdown"](letter)["markdown"]["content"],
        "markdown_v2": BODIES["markdown_v2"](letter)["markdown_v2"]["content"],
        "text": json.dumps(BODIES["text"](letter)["text"], ensure_ascii=False, indent=1),
        "card": json.dumps(BODIES["card"](letter)["template_card"], ensure_ascii=False, indent=1),
        "mail subject": letter.subject or letter.headline,
        "mail": mail.text(letter).rstrip(),
        "webhook": json.dumps(to_json(letter), ensure_ascii=False, indent=1),
    }
    return "\n\n".join(f"== {name}\n{text}" for name, text in parts.items()) + "\n"


def document() -> str:
    """Return docs/notifications.md."""
    chapters = [HEAD]
    tongues = {language: letters(language) for language in READERS}
    for name in tongues["zh"]:
        chapters.append(f"## {name}\n")
        chapters += [f"```text\n{mail.text(tongues[language][name]).rstrip()}\n```\n" for language in READERS]
    return "\n".join(chapters)


if __name__ == "__main__":
    print(document(), end="")
