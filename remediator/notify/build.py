"""Receivers from the settings, or from the receivers file where one is named.

receivers:
  - name: ops
    wecom_robot_urls_file: /etc/remediator/credentials/robots   # one channel each: this,
    # or mail: ops@example.com, webhook_url_file, wecom_app_file, apprise_urls_file
    language: zh               # optional, otherwise the settings'
    timezone: Asia/Shanghai
    least_severity: warning    # info, warning or critical; pages always arrive
    quiet: 23:00-07:00         # what is not critical waits until the end
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from remediator.errors import ConfigError
from remediator.notify.apprise_extra import Apprise
from remediator.notify.budget import Budget
from remediator.notify.channel import Channel, Limited, Pool
from remediator.notify.files import mail_server, secret_lines
from remediator.notify.letter import Reader
from remediator.notify.mail import Mailbox, is_address
from remediator.notify.message import Message
from remediator.notify.oncall import Person, Rotation
from remediator.notify.owners import Owners
from remediator.notify.receivers import SEVERITIES, Quiet, Receiver
from remediator.notify.webhook import Webhook
from remediator.notify.wecom import Robot
from remediator.notify.wecom_app import App, load_app
from remediator.settings import Settings

NAME_CHARS = 56  # the outbox keeps 64, a card's receiver adds to it
PER_MIN = 60  # mails, webhook calls; a robot's own limit is a setting
Clock = Callable[[], datetime]
Row = Mapping[str, Any]
CHANNELS = ("wecom_robot_urls_file", "mail", "webhook_url_file", "wecom_app_file", "apprise_urls_file")
OPTIONS = (
    "language",
    "timezone",
    "least_severity",
    "quiet",
    "format",
    "headline_card",
    "webhook_secret_file",
)
KNOWN = frozenset({"name", *OPTIONS, *CHANNELS})


def receivers_of(settings: Settings, clock: Clock, rotation: Rotation | None = None) -> tuple[Receiver, ...]:
    """Return everyone who is told. Raises ConfigError with every problem at once."""
    rows = _file_rows(settings.notify_file) if settings.notify_file else _setting_rows(settings)
    people = tuple(rotation.people.values()) if rotation is not None else ()
    chat = any(_can_mention(row, settings) for row in rows)
    maker = _Maker(settings, clock, Owners(people, by_chat=chat, by_mail=bool(settings.smtp_host)))
    problems: list[str] = []
    found: list[Receiver] = []
    for place, row in enumerate(rows, start=1):
        try:
            found += maker.make(row)
        except ConfigError as error:
            where = f"notify_file: receiver {place}: " if settings.notify_file else ""
            problems += [where + problem for problem in error.problems]
    names = [one.name for one in found]
    problems += [
        f"notify_file: the name {name} is used twice" for name in sorted(set(names)) if names.count(name) > 1
    ]
    if problems:
        raise ConfigError(problems)
    if rotation is not None and settings.smtp_host:
        found += [maker.duty(person, rotation) for person in rotation.people.values() if person.mail]
    return tuple(found)


def mentions_of(rotation: Rotation | None) -> Callable[[Message, datetime], tuple[str, ...]]:
    """Return who is mentioned in chat: for a page who is called, for a batch's fault its owner."""
    owners = Owners(tuple(rotation.people.values()) if rotation is not None else ())

    def on_call(message: Message, now: datetime) -> tuple[str, ...]:
        if message.is_personal:
            person = owners.find(message.owner)
        else:
            person = rotation.on_duty(now, message.level) if rotation is not None else None
        return (person.wecom,) if person is not None and person.wecom else ()

    return on_call


def _can_mention(row: Row, settings: Settings) -> bool:
    """Whether a message to this receiver can call somebody by name; markdown_v2 knows no mentions."""
    style = row.get("format", settings.wecom_format)
    return bool(row.get("wecom_app_file") or (row.get("wecom_robot_urls_file") and style != "markdown_v2"))


def _file_rows(path: Path) -> list[Row]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"notify_file: {path} can't be read ({type(error).__name__})") from None
    rows = data.get("receivers") if isinstance(data, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConfigError(f"notify_file: {path} must hold a list under `receivers:`")
    return rows


def _setting_rows(settings: Settings) -> list[Row]:
    """Return one row per channel that the settings name."""
    rows: list[Row] = []
    if settings.wecom_robot_urls_file:
        row = {
            "wecom_robot_urls_file": settings.wecom_robot_urls_file,
            "headline_card": settings.wecom_headline_card,
        }
        rows.append({"name": "wecom", **row})
    if settings.smtp_host:
        rows += [{"name": _mail_name(to), "mail": to} for to in settings.mail_to]
    for name, field in (
        ("webhook", "webhook_url_file"),
        ("wecom-app", "wecom_app_file"),
        ("apprise", "apprise_urls_file"),
    ):
        if getattr(settings, field):
            rows.append({"name": name, field: getattr(settings, field)})
    return rows


def _mail_name(to: str) -> str:
    """Return the receiver's name; a very long address is cut, and told from others by its digest."""
    name = f"mail:{to}"
    if len(name) <= NAME_CHARS:
        return name
    return f"{name[: NAME_CHARS - 9]}~{hashlib.sha256(to.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class _Maker:
    settings: Settings
    clock: Clock
    owners: Owners

    def make(self, row: Row) -> list[Receiver]:
        """Return the receiver that `row` describes (two with a headline card)."""
        channels = [name for name in CHANNELS if row.get(name)]
        wrong = [f"{name}: no such field" for name in row if name not in KNOWN]
        if not row.get("name"):
            wrong.append("name: is missing")
        if len(str(row.get("name"))) > NAME_CHARS:
            wrong.append(f"name: must have at most {NAME_CHARS} characters")
        if len(channels) != 1:
            wrong.append(f"needs exactly one of {', '.join(CHANNELS)}")
        if wrong:
            raise ConfigError(wrong)
        reader, common = self._reader(row), self._common(row)
        name = str(row["name"])
        if channels == ["wecom_robot_urls_file"]:
            return self._robots(name, row, reader, common)
        if channels == ["apprise_urls_file"]:
            urls = secret_lines(Path(row["apprise_urls_file"]), "apprise_urls_file")
            many = enumerate(urls, start=1)
            return [
                Receiver(
                    f"{name}:{place}", _pool(f"{name}:{place}", Apprise(url, str(place))), reader, **common
                )
                for place, url in many
            ]
        return [Receiver(name, _pool(name, self._channel(channels[0], row)), reader, **common)]

    def duty(self, person: Person, rotation: Rotation) -> Receiver:
        """Return the person's own mailbox: pages while that person is called, and faults of their batches."""

        def called(message: Message) -> bool:
            if message.is_page:
                return rotation.on_duty(message.at, message.level).key == person.key
            return message.is_personal and self.owners.mails(message, person)

        reader = self._reader({"language": person.language, "timezone": person.timezone})
        box = self._channel("mail", {"mail": person.mail})
        name = f"duty:{person.key}"
        return Receiver(name, _pool(name, box), reader, calls=called)

    def _channel(self, kind: str, row: Row) -> Channel:
        if kind == "mail":
            if not self.settings.smtp_host:
                raise ConfigError("mail: needs the setting smtp_host")
            to, sender = str(row["mail"]), self.settings.mail_from
            wrong = [
                f"{name}: {address} is no mail address"
                for name, address in (("mail", to), ("mail_from", sender))
                if not is_address(address)
            ]
            if wrong:
                raise ConfigError(wrong)
            return Mailbox(mail_server(self.settings), sender, to, clock=self.clock)
        if kind == "webhook_url_file":
            url = secret_lines(Path(row[kind]), kind)[0]
            key_file = row.get("webhook_secret_file") or self.settings.webhook_secret_file
            return Webhook(
                url, secret_lines(key_file and Path(key_file), "webhook_secret_file")[0], clock=self.clock
            )
        return App(load_app(Path(row[kind])), clock=self.clock)

    def _robots(self, name: str, row: Row, reader: Reader, common: dict[str, Any]) -> list[Receiver]:
        style = row.get("format", self.settings.wecom_format)
        if style not in ("markdown", "markdown_v2", "text"):
            raise ConfigError("format: must be markdown, markdown_v2 or text")
        urls = secret_lines(Path(row["wecom_robot_urls_file"]), "wecom_robot_urls_file")
        limit = self.settings.wecom_rate_per_min
        found = [Receiver(name, _robot_pool(urls, limit, style), reader, **common)]
        if row.get("headline_card"):
            cards = _robot_pool(urls, limit, "card")
            found.append(Receiver(f"{name}-card", cards, reader, only_kinds=frozenset({"opened"}), **common))
        return found

    def _reader(self, row: Row) -> Reader:
        language = row.get("language") or self.settings.language
        if language not in ("zh", "en"):
            raise ConfigError("language: must be zh or en")
        try:
            zone = ZoneInfo(str(row.get("timezone") or self.settings.timezone))
        except (OSError, ValueError, KeyError):
            raise ConfigError("timezone: must be an IANA name, for example Asia/Shanghai") from None
        settings = self.settings
        return Reader(language, zone, settings.public_url, settings.runbooks_url, knows=self.owners.knows)

    def _common(self, row: Row) -> dict[str, Any]:
        severity = row.get("least_severity", "info")
        if severity not in SEVERITIES:
            raise ConfigError(f"least_severity: must be one of {', '.join(SEVERITIES)}")
        quiet, mentions = row.get("quiet"), _can_mention(row, self.settings)

        def must_hear(message: Message) -> bool:
            return self.owners.concerns_group(message) or (mentions and self.owners.chats(message))

        return {
            "least_severity": severity,
            "quiet": parse_quiet(str(quiet)) if quiet else None,
            "mentions": mentions,
            "must_hear": must_hear,
        }


def parse_quiet(text: str) -> Quiet:
    """Return quiet hours written as HH:MM-HH:MM. Raises ConfigError."""
    minutes = []
    for part in text.split("-"):
        hour, _, minute = part.strip().partition(":")
        if not (hour.isdigit() and minute.isdigit() and int(hour) < 24 and int(minute) < 60):
            raise ConfigError("quiet: must be HH:MM-HH:MM, for example 23:00-07:00")
        minutes.append(int(hour) * 60 + int(minute))
    if len(minutes) != 2 or minutes[0] == minutes[1]:
        raise ConfigError("quiet: must be HH:MM-HH:MM, for example 23:00-07:00")
    return Quiet(*minutes)


def _robot_pool(urls: list[str], limit: int, style: str) -> Pool:
    """Return the robots of a receiver; a robot has one budget, whoever sends through it and in which style."""
    return Pool(
        [
            Limited(Robot(url, f"robot {place}", style=style), _budget("robot", url, limit))
            for place, url in enumerate(urls, start=1)
        ]
    )


def _pool(name: str, channel: Channel) -> Pool:
    return Pool([Limited(channel, _budget("receiver", name, PER_MIN))])


def _budget(kind: str, secret: str, limit: int) -> Budget:
    """Name the budget by a digest: a robot's address is its password."""
    return Budget(f"{kind}:{hashlib.sha256(secret.encode()).hexdigest()[:32]}", limit, reserve=limit // 4)
