"""What one receiver gets next. Pure: rows, budget and clock in, a choice out.

Messages of one incident arrive in order. A page (a person must act) goes first and alone. When more plain
messages wait than people can read, they become one digest that names what it merges; a message to the owner of a
batch stays itself, and only a page overtakes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from remediator.notify.message import Message

MERGE_FROM = 6  # so many plain messages at once are a storm
MERGE_BYTES = 1200  # more names don't fit into the smallest kind of message, 2,048 bytes with all else
GROUP_BYTES = 60  # the words above a group of names
LONGEST_PAUSE_S = 600.0
Absorbed = dict[str, tuple[str, ...]]  # a page -> older messages it replaces


@dataclass(frozen=True)
class Item:
    """One message of one receiver that is not delivered yet."""

    message: Message
    next_at: datetime
    attempts: int = 0
    merges: tuple[str, ...] = ()  # a digest's incidents

    @property
    def threads(self) -> frozenset[str]:
        """The incidents it tells about."""
        return frozenset(self.merges or ([self.message.incident_id] if self.message.incident_id else []))


@dataclass(frozen=True)
class Choice:
    """What to do now: send these one by one, and make one digest of those."""

    send: tuple[Item, ...] = ()
    merge: tuple[Item, ...] = ()
    absorbed: Absorbed = field(default_factory=dict)


def choose(
    items: Sequence[Item], now: datetime, *, left: int, left_for_pages: int, may_merge: bool
) -> Choice:
    """Return what to send at `now`. `items` are in order of arrival; the budgets count messages."""
    storm = sum(_is_plain(one) and one.next_at <= now for one in items) >= MERGE_FROM
    pages, absorbed = _pages(items, now, storm=storm)
    pages = pages[:left_for_pages]
    absorbed = {page.message.id: absorbed[page.message.id] for page in pages if absorbed.get(page.message.id)}
    gone = {message_id for ids in absorbed.values() for message_id in ids}
    rest = [item for item in items if not item.message.is_page and item.message.id not in gone]
    room = max(0, min(left, left_for_pages - len(pages)))
    if storm:
        merge = _mergeable(rest, now) if may_merge and room else []
        begun = [item for item in _heads(rest, now) if not _is_plain(item)]
        return Choice((*pages, *begun[:room]), tuple(merge), absorbed)
    return Choice((*pages, *_heads(rest, now)[:room]), (), absorbed)


def _is_plain(item: Item) -> bool:
    """Whether the news may be told in a digest.

    A message that was tried may have arrived although its answer was lost: it goes out again as itself.
    """
    message = item.message
    return not (message.is_page or message.is_personal or item.merges or item.attempts)


def _heads(items: Sequence[Item], now: datetime) -> list[Item]:
    """Return due items that no older item of the same incident stands before."""
    before: set[str] = set()
    heads = []
    for item in items:
        if item.next_at <= now and not item.threads & before:
            heads.append(item)
        before |= item.threads
    return heads


def _pages(items: Sequence[Item], now: datetime, *, storm: bool) -> tuple[list[Item], Absorbed]:
    """Return due pages, and which older messages each replaces because they would hold it up."""
    older: dict[str, list[Item]] = {}
    pages: list[Item] = []
    absorbed: Absorbed = {}
    for item in items:
        thread = item.message.incident_id
        waiting = older.setdefault(thread, []) if thread else []
        if item.message.is_page and item.next_at <= now:
            stuck = [one for one in waiting if not one.message.is_page]
            behind_page = len(stuck) < len(waiting)
            late = storm or any(one.next_at > now or one.attempts for one in stuck)
            if not behind_page and (not stuck or late):
                pages.append(item)
                absorbed[item.message.id] = tuple(
                    one.message.id for one in stuck if not one.message.is_personal
                )
        if not item.merges:
            waiting.append(item)
    return pages, absorbed


def _mergeable(items: Sequence[Item], now: datetime) -> list[Item]:
    """Return due plain messages; none whose incident has an older message that has to wait."""
    held: set[str] = set()
    merge: list[Item] = []
    named: set[tuple[str, ...]] = set()
    room = MERGE_BYTES
    for item in items:
        costs = _costs(item.message, named)
        if _is_plain(item) and item.next_at <= now and not item.threads & held and costs <= room:
            merge.append(item)
            named |= _names(item.message)
            room -= costs
        else:
            held |= item.threads
    return merge


def _names(message: Message) -> set[tuple[str, ...]]:
    """Return what a digest has to name for this message."""
    place = message.incident_id or message.id
    return {(message.fault, message.state), (place, message.fault, message.state)}


def _costs(message: Message, named: set[tuple[str, ...]]) -> int:
    """Return bytes that the message's names add to a digest."""
    new = _names(message) - named
    place = len((message.place or message.kind).encode()) + 1
    return sum(GROUP_BYTES if len(name) == 2 else place for name in new)


def pause_s(attempts: int, retry_after_s: float | None, chance: Callable[[], float]) -> float:
    """Return seconds to the next try: doubled each time, at most ten minutes, jitter from `chance` (0..1)."""
    if retry_after_s is not None:
        return retry_after_s * (1.0 + 0.1 * chance())
    return min(LONGEST_PAUSE_S, 2.0 ** min(attempts, 16)) * (0.5 + 0.5 * chance())
