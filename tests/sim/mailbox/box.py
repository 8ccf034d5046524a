"""The mails, and the SMTP side that receives them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

from ..scripted import Script

TROUBLES = {
    "temporary": "451 4.3.0 try again later",
    "greylist": "450 4.2.0 greylisted, try again in 60 seconds",
    "permanent": "550 5.1.1 no such user here",
    "full": "552 5.2.2 mailbox full",
}


@dataclass(frozen=True)
class Mail:
    """One mail as a reader sees it."""

    at: float
    sender: str
    to: list[str]
    subject: str
    message_id: str
    in_reply_to: str
    references: str
    headers: dict[str, str]
    text: str
    html: str


class Mailbox:
    """All mails, oldest first; kept in `journal` when one is given."""

    def __init__(self, journal: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self.script = Script()
        self._journal, self._clock = journal, clock
        self._lock = threading.Lock()
        self._mails = _read(journal)

    @property
    def mails(self) -> list[Mail]:
        """What arrived, oldest first."""
        with self._lock:
            return list(self._mails)

    def clear(self) -> None:
        """Throw every mail away."""
        with self._lock:
            self._mails.clear()
            if self._journal is not None:
                self._journal.unlink(missing_ok=True)

    def receive(self, sender: str, recipients: list[str], raw: bytes) -> None:
        """Keep one mail."""
        mail = _mail(self._clock(), sender, recipients, raw)
        with self._lock:
            self._mails.append(mail)
            if self._journal is not None:
                with self._journal.open("a") as journal:
                    journal.write(json.dumps(asdict(mail), ensure_ascii=False) + "\n")

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Answer aiosmtpd after DATA: scripted trouble, or the mail is kept."""
        trouble = self.script.next()
        if trouble is not None and trouble.kind in {"drop", "lost"}:
            if trouble.kind == "lost":  # the mail is kept; its sender cannot know
                self.receive(envelope.mail_from, list(envelope.rcpt_tos), envelope.content)
            server.transport.abort()
            return "421 4.4.2 connection dropped"
        if trouble is not None:
            return TROUBLES[trouble.kind]
        self.receive(envelope.mail_from, list(envelope.rcpt_tos), envelope.content)
        return "250 2.0.0 kept"


def _mail(at: float, sender: str, recipients: list[str], raw: bytes) -> Mail:
    message = cast(EmailMessage, message_from_bytes(raw, policy=policy.default))
    headers = {name: str(value) for name, value in message.items()}
    return Mail(
        at=at,
        sender=sender,
        to=recipients,
        subject=headers.get("Subject", ""),
        message_id=headers.get("Message-ID", ""),
        in_reply_to=headers.get("In-Reply-To", ""),
        references=headers.get("References", ""),
        headers=headers,
        text=_part(message, "plain"),
        html=_part(message, "html"),
    )


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if part is not None else ""


def _read(journal: Path | None) -> list[Mail]:
    if journal is None or not journal.exists():
        return []
    return [Mail(**json.loads(line)) for line in journal.read_text().splitlines()]
