"""Who the owner of a batch is among the people of the on-call file. Pure.

The owner is a name that somebody typed. It is compared with what the file says of each person and never used as
an address; a name that fits two people fits nobody.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from remediator.notify.message import Message
from remediator.notify.oncall import Person


@dataclass(frozen=True)
class Owners:
    """The people who can be told by themselves: by a mention in chat, or by mail."""

    people: tuple[Person, ...] = ()
    by_chat: bool = False  # a receiver of ours can mention people
    by_mail: bool = False  # there is a mail server

    def find(self, name: str) -> Person | None:
        """Return the one person whom `name` names, None when nobody or more than one."""
        wanted = _plain(name)
        found = [person for person in self.people if wanted and wanted in map(_plain, _names(person))]
        return found[0] if len(found) == 1 else None

    def knows(self, name: str) -> bool:
        """Whether the owner `name` is told by themselves."""
        person = self.find(name)
        return person is not None and (self._chats(person) or self._mails(person))

    def chats(self, message: Message) -> bool:
        """Whether the message's owner is mentioned in chat."""
        person = self.find(message.owner)
        return person is not None and self._chats(person)

    def mails(self, message: Message, person: Person) -> bool:
        """Whether the message's owner is `person`."""
        return self._mails(person) and self.find(message.owner) == person

    def concerns_group(self, message: Message) -> bool:
        """Whether everybody must hear of it, since nobody knows whom it is for."""
        return message.is_personal and not self.knows(message.owner)

    def _chats(self, person: Person) -> bool:
        return self.by_chat and bool(person.wecom)

    def _mails(self, person: Person) -> bool:
        return self.by_mail and bool(person.mail)


def _names(person: Person) -> Iterable[str]:
    return (person.key, person.name, person.wecom, person.mail, *person.aliases)


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()
