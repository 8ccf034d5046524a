"""Who is told, through which channel, in which language."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from remediator.errors import ConfigError
from remediator.notify.budget import Budget
from remediator.notify.channel import Channel, Limited, Pool
from remediator.notify.letter import Reader
from remediator.notify.mail import Mailbox, Server
from remediator.notify.message import Message
from remediator.notify.wecom import Robot
from remediator.settings import Settings

MAILS_PER_MIN = 60
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

    def not_before(self, message: Message) -> datetime | None:
        """Return when `message` may arrive here at the earliest, None when it is not for here."""
        if self.only_kinds and message.kind not in self.only_kinds:
            return None
        if message.is_page or not message.incident_id:
            return message.at
        if _rank(message.severity) < _rank(self.least_severity):
            return None
        if self.quiet is None or _rank(message.severity) >= _rank("critical"):
            return message.at
        return self.quiet.ends(message.at.astimezone(self.reader.zone)) or message.at


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)


def from_settings(settings: Settings, clock: Callable[[], datetime]) -> tuple[Receiver, ...]:
    """Return one receiver per channel that is set. Raises ConfigError."""
    reader = Reader(settings.language, settings.zone, settings.public_url, settings.runbooks_url)
    receivers = []
    if settings.wecom_robot_urls_file is not None:
        receivers += _robots(settings, reader)
    if settings.smtp_host:
        server = mail_server(settings)
        receivers += [
            Receiver(f"mail:{to}", _pool(Mailbox(server, settings.mail_from, to, clock=clock)), reader)
            for to in settings.mail_to
        ]
    return tuple(receivers)


def _robots(settings: Settings, reader: Reader) -> list[Receiver]:
    urls = secret_lines(settings.wecom_robot_urls_file, "wecom_robot_urls_file")
    budgets = [Budget(settings.wecom_rate_per_min, reserve=settings.wecom_rate_per_min // 4) for _ in urls]
    named = [(url, f"robot {place}") for place, url in enumerate(urls, start=1)]

    def pool(style: str) -> Pool:
        pairs = zip(named, budgets, strict=True)
        return Pool([Limited(Robot(url, name, style=style), budget) for (url, name), budget in pairs])

    found = [Receiver("wecom", pool(settings.wecom_format), reader, mentions=True)]
    if settings.wecom_headline_card:
        found.append(Receiver("wecom-card", pool("card"), reader, only_kinds=frozenset({"opened"})))
    return found


def _pool(channel: Channel, per_min: int = MAILS_PER_MIN) -> Pool:
    return Pool([Limited(channel, Budget(per_min, reserve=per_min // 4))])


def mail_server(settings: Settings) -> Server:
    """Return the mail server with its password. Raises ConfigError."""
    password = ""
    if settings.smtp_password_file is not None:
        password = secret_lines(settings.smtp_password_file, "smtp_password_file")[0]
    return Server(
        settings.smtp_host,
        settings.smtp_port,
        settings.smtp_security,
        settings.smtp_user,
        password,
        settings.smtp_ca_file,
    )


def secret_lines(path: Path | None, field: str) -> list[str]:
    """Return the lines of a file of secrets. Raises ConfigError, which never quotes the file."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()] if path else []
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{field}: {path} can't be read ({type(error).__name__})") from None
    kept = [line for line in lines if line and not line.startswith("#")]
    if not kept:
        raise ConfigError(f"{field}: {path} is empty; put one secret on a line")
    return kept
