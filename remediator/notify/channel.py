"""A way to reach people, and several equal ones as a pool that keeps each one's limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from remediator.errors import NotifyError
from remediator.notify.budget import Budget
from remediator.notify.letter import Letter
from remediator.store import Store

GONE_FOR = timedelta(minutes=10)


class Channel(Protocol):
    """One robot, one mailbox, one webhook."""

    name: str

    def send(self, letter: Letter) -> str:
        """Deliver `letter` and return what the server said, without secrets. Raises NotifyError."""


class ChannelGoneError(NotifyError):
    """The channel itself does not exist any more; another one may still take the message."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, permanent=True)


class MemberGoneError(NotifyError):
    """One of several equal channels does not exist any more; the message goes through another one."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, retry_after_s=1)


@dataclass(frozen=True)
class Limited:
    """A channel and what it may send."""

    channel: Channel
    budget: Budget


class Pool:
    """Equal channels, for example several robots of one group; the freest one takes the next message."""

    def __init__(self, members: Sequence[Limited]) -> None:
        self.members = tuple(members)

    def left(self, store: Store, now: datetime, *, page: bool = False) -> int:
        """Return how many messages may be sent at `now`."""
        return sum(member.budget.left(store, now, page=page) for member in self.members)

    def send(self, store: Store, letter: Letter, now: datetime, *, page: bool = False) -> str:
        """Deliver through the freest channel and return what its server said. Raises NotifyError."""
        member = self._take(store, now, page)
        try:
            return member.channel.send(letter)
        except ChannelGoneError as error:
            member.budget.shut(store, now + GONE_FOR)
            if self.left(store, now, page=True):
                raise MemberGoneError(f"{member.channel.name}: {error}") from None
            raise
        except NotifyError as error:
            if error.retry_after_s is not None:
                member.budget.shut(store, now + timedelta(seconds=error.retry_after_s))
            raise

    def _take(self, store: Store, now: datetime, page: bool) -> Limited:
        """Take one send of the freest member. Raises NotifyError when somebody else took the last."""
        by_room = sorted(self.members, key=lambda one: one.budget.left(store, now, page=True), reverse=True)
        for member in by_room:
            if member.budget.take(store, now, page=page):
                return member
        raise NotifyError("the limit of messages per minute is reached", retry_after_s=5)
