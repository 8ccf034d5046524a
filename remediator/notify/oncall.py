"""Who is on duty. Pure: the rotation and the clock in, a person out.

    timezone: Asia/Shanghai
    people:
      wang: {name: 王伟, wecom: wangwei, mail: wang@example.com, language: zh}
      li: {name: Li Na, wecom: lina, mail: li@example.com, language: en, timezone: Europe/Berlin}
      zhao: {wecom: zhao, aliases: [nightly-books]}   # not on call; owns the batches of that name
    rotation:
      start: 2026-11-23 09:00      # first handover, in the time zone above
      days: 7                      # length of one turn
      order: [wang, li]
    overrides:
      - {from: 2026-12-01 09:00, to: 2026-12-02 09:00, person: li}

Turns are counted in days on the wall clock, so that a handover at 09:00 stays at 09:00 when clocks change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from remediator.errors import ConfigError

LANGUAGES = ("zh", "en")
KEY_CHARS = 56  # a receiver is named by it


@dataclass(frozen=True)
class Person:
    """Someone who can be called."""

    key: str
    name: str
    wecom: str = ""
    mail: str = ""
    language: str = ""  # empty: the installation's
    timezone: str = ""
    aliases: tuple[str, ...] = ()  # further names that this person's batches carry


@dataclass(frozen=True)
class Override:
    """A turn that somebody else takes; times are aware."""

    start: datetime
    end: datetime
    person: str


@dataclass(frozen=True)
class Rotation:
    """The people and whose turn it is when. `start` is local time without a zone."""

    zone: ZoneInfo
    people: Mapping[str, Person]
    order: Sequence[str]
    start: datetime
    days: int = 7
    overrides: tuple[Override, ...] = ()

    def on_duty(self, now: datetime, level: int = 0) -> Person:
        """Return who is called at `now`; `level` 1 is the next in order, and so on, round and round."""
        first = self._turn(now)
        order = [first, *(key for key in self._from(first) if key != first)]
        return self.people[order[level % len(order)]]

    def _turn(self, now: datetime) -> str:
        for override in self.overrides:
            if override.start <= now < override.end:
                return override.person
        local = now.astimezone(self.zone).replace(tzinfo=None)
        turns = (local - self.start) // timedelta(days=self.days)
        return self.order[turns % len(self.order)]

    def _from(self, first: str) -> Sequence[str]:
        """Return the order, beginning after `first` where `first` is part of it."""
        place = self.order.index(first) if first in self.order else -1
        return [*self.order[place + 1 :], *self.order[: place + 1]]


def load_rotation(path: Path) -> Rotation:
    """Read the rotation file. Raises ConfigError with every problem at once."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"oncall_file: {path} can't be read ({type(error).__name__})") from None
    if not isinstance(data, dict):
        raise ConfigError(f"oncall_file: {path} must hold people and rotation")
    reading = _Reading()
    made = reading.rotation(data)
    if reading.problems or made is None:
        raise ConfigError([f"oncall_file: {problem}" for problem in reading.problems])
    return made


class _Reading:
    """Collects problems while the file is read."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def rotation(self, data: Mapping[str, Any]) -> Rotation | None:
        zone = self._zone(data.get("timezone", "Asia/Shanghai"), "timezone")
        people = self._people(data.get("people"))
        turns = data.get("rotation")
        turns = turns if isinstance(turns, dict) else {}
        order = self._order(turns.get("order"), people)
        start = self._time(turns.get("start"), "rotation.start")
        days = turns.get("days", 7)
        if not isinstance(days, int) or isinstance(days, bool) or days < 1:
            self.problems.append("rotation.days: must be a whole number of at least 1")
        overrides = self._overrides(data.get("overrides") or [], people, zone)
        if self.problems or zone is None or start is None:
            return None
        return Rotation(zone, people, order, start, days, overrides)

    def _people(self, data: Any) -> dict[str, Person]:
        if not isinstance(data, dict) or not data:
            self.problems.append("people: must name at least one person")
            return {}
        found = {}
        for key, value in data.items():
            row = value if isinstance(value, dict) else {}
            texts = {
                name: str(row.get(name) or "") for name in ("name", "wecom", "mail", "language", "timezone")
            }
            if not texts["wecom"] and not texts["mail"]:
                self.problems.append(f"people.{key}: needs wecom or mail")
            if len(str(key)) > KEY_CHARS:
                self.problems.append(f"people.{key}: must have at most {KEY_CHARS} characters")
            if texts["language"] not in ("", *LANGUAGES):
                self.problems.append(f"people.{key}.language: must be zh or en")
            if texts["timezone"]:
                self._zone(texts["timezone"], f"people.{key}.timezone")
            aliases = self._aliases(str(key), row.get("aliases") or [])
            found[str(key)] = Person(str(key), texts.pop("name") or str(key), **texts, aliases=aliases)
        return found

    def _aliases(self, key: str, data: Any) -> tuple[str, ...]:
        if not isinstance(data, list) or not all(isinstance(one, str | int) and one != "" for one in data):
            self.problems.append(f"people.{key}.aliases: must be a list of names")
            return ()
        return tuple(map(str, data))

    def _order(self, data: Any, people: Mapping[str, Person]) -> list[str]:
        if not isinstance(data, list) or not data:
            self.problems.append("rotation.order: must list people")
            return []
        self.problems += [
            f"rotation.order: {name} is not among people" for name in data if str(name) not in people
        ]
        return [str(name) for name in data]

    def _overrides(
        self, data: Any, people: Mapping[str, Person], zone: ZoneInfo | None
    ) -> tuple[Override, ...]:
        found = []
        for place, value in enumerate(data if isinstance(data, list) else [None], start=1):
            row = value if isinstance(value, dict) else {}
            where = f"overrides {place}"
            start, end = (self._time(row.get(name), f"{where}.{name}") for name in ("from", "to"))
            person = str(row.get("person"))
            if person not in people:
                self.problems.append(f"{where}.person: {person} is not among people")
            if start and end and zone:
                if start >= end:
                    self.problems.append(f"{where}: from must be before to")
                found.append(Override(start.replace(tzinfo=zone), end.replace(tzinfo=zone), person))
        return tuple(found)

    def _time(self, value: Any, where: str) -> datetime | None:
        try:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        except ValueError:
            self.problems.append(f"{where}: must be a local time such as 2026-11-23 09:00")
            return None
        return moment.replace(tzinfo=None)

    def _zone(self, value: Any, where: str) -> ZoneInfo | None:
        try:
            return ZoneInfo(str(value))
        except (OSError, ValueError, KeyError):
            self.problems.append(f"{where}: must be an IANA name, for example Asia/Shanghai")
            return None
