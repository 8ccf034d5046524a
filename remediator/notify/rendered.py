"""Renders every sample for every channel and language: the golden files and docs/notifications.md. Pure."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from remediator.notify import mail
from remediator.notify.letter import Letter, Reader
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
    ),
    "en": Reader(
        "en",
        ZoneInfo("UTC"),
        "https://voicekeeper.example",
        "https://voicekeeper.example/runbooks",
        ("wangwei",),
    ),
}
HEAD = """# Messages

One of each kind, as people get it. Made by `python -m remediator.notify.rendered`; a test keeps it true.
The first line has at most 40 characters: host, fault, state. `remediator notify test` sends them all.
"""


def letters(language: str) -> dict[str, Letter]:
    """Return the letter of every sample."""
    return {name: compose(message, READERS[language]) for name, message in samples(NOW).items()}


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
