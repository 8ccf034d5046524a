"""Delivery: at least once, in order per incident, marked after the server has said yes.

A kill between the server's yes and the mark sends the message again, with the same message id. Several
remediators may share one database: before each send, one takes the receiver's lease and makes sure that nobody
else has delivered the message. Only a send that outlives its lease can arrive twice, and then late, never early.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from remediator.errors import NotifyError, RemediatorError, StoreUnavailable
from remediator.notify import rows
from remediator.notify.channel import MemberGoneError
from remediator.notify.letter import Reader
from remediator.notify.message import Message, read_message
from remediator.notify.receivers import Receiver
from remediator.notify.schedule import Choice, Item, choose, pause_s
from remediator.notify.wording import compose
from remediator.store import Store, notifications, send_leases
from remediator.store.notifications import Notification

log = logging.getLogger(__name__)
DIGEST_EVERY = timedelta(seconds=10)
ALARM_EVERY = timedelta(hours=1)
LONGEST_REST_S = 30.0  # of a receiver that failed: a dead server is not asked once per message
STUCK_AFTER = timedelta(minutes=15)
LEASE = timedelta(seconds=60)  # after a power failure of the remediator that sends, another one goes on
OnCall = Callable[[Message, datetime], tuple[str, ...]]


def nobody(_message: Message, _now: datetime) -> tuple[str, ...]:
    """Return whom to mention when there is no rotation: no one by name."""
    return ()


class Outbox:
    """Delivers what the notification table holds."""

    def __init__(
        self,
        store: Store,
        receivers: Sequence[Receiver],
        clock: Callable[[], datetime],
        *,
        chance: Callable[[], float] = random.random,
        on_call: OnCall = nobody,
        owner: str = "outbox",
        is_alive: Callable[[str], bool] = lambda _owner: True,
    ) -> None:
        self._store, self.receivers, self._clock = store, tuple(receivers), clock
        self._chance, self._on_call = chance, on_call
        self._owner, self._is_alive = owner, is_alive
        self._last_digest: dict[str, datetime] = {}
        self._ill: dict[str, tuple[int, datetime]] = {}  # receiver -> failures in a row, nothing before

    def close(self) -> None:
        """Let another remediator send at once; without a database it does so when the lease is over."""
        with suppress(StoreUnavailable):
            self._store.write(lambda db: send_leases.release(db, self._owner))

    def fan_out(self) -> None:
        """Choose the receivers of new messages; every receiver gets a row of its own."""
        if self._store.read(lambda db: rows.unsplit(db, 1)):
            self._store.write(self._fan_out)

    def _fan_out(self, db: Connection) -> None:
        for row in rows.unsplit(db):
            message = _message(row)
            found = {one.name: one.not_before(message) for one in self.receivers}
            wanted = {name: when for name, when in found.items() if when is not None}
            if wanted:
                rows.fan_out(db, row, wanted)
            else:
                rows.give_up(db, row.id, "no receiver wants it; set a channel or lower least_severity")

    def deliver(self, receiver: Receiver) -> int:
        """Send what `receiver` may get now; return how many messages went out."""
        now = self._clock()
        if receiver.name in self._ill and now < self._ill[receiver.name][1]:
            return 0
        waiting = self._store.read(lambda db: rows.waiting(db, receiver.name))
        if not waiting:
            return 0
        choice = self._choose(receiver, [_item(row) for row in waiting], now)
        if choice.merge:
            self._merge(receiver, choice.merge, now)
        sent = 0
        for item in choice.send:
            if self._may_send(receiver, item):
                if not self._send(receiver, item, choice.absorbed.get(item.message.id, ())):
                    break
                sent += 1
        return sent

    def _may_send(self, receiver: Receiver, item: Item) -> bool:
        """Whether this outbox has the receiver's lease and nobody has delivered the message meanwhile."""
        return self._store.write(
            lambda db: self._lease(db, receiver) and bool(rows.still_due(db, [item.message.id]))
        )

    def _lease(self, db: Connection, receiver: Receiver) -> bool:
        now = self._clock()
        return send_leases.take(
            db, receiver.name, self._owner, now=now, until=now + LEASE, is_alive=self._is_alive
        )

    def _choose(self, receiver: Receiver, items: list[Item], now: datetime) -> Choice:
        last = self._last_digest.get(receiver.name)
        return choose(
            items,
            now,
            left=receiver.pool.left(self._store, now),
            left_for_pages=receiver.pool.left(self._store, now, page=True),
            may_merge=last is None or now - last >= DIGEST_EVERY,
        )

    def _merge(self, receiver: Receiver, items: Sequence[Item], now: datetime) -> None:
        """Put a digest in the place of `items`: one transaction, so that none is lost and none told twice."""

        def work(db: Connection) -> bool:
            if not self._lease(db, receiver):
                return False
            due = rows.still_due(db, [item.message.id for item in items])
            if messages := [item.message for item in items if item.message.id in due]:
                made = notifications.add(
                    db, "digest", digest_payload(messages, now), now, receiver=receiver.name
                )
                rows.merge(db, [message.id for message in messages], made, now)
            return True

        if self._store.write(work):
            self._last_digest[receiver.name] = now

    def _send(self, receiver: Receiver, item: Item, absorbed: Sequence[str]) -> bool:
        """Deliver one message; False when the receiver seems to be ill and the others had better wait."""
        now = self._clock()
        message = item.message
        reader = receiver.reader
        if receiver.mentions and (message.is_page or message.is_personal):
            reader = replace(reader, mentions=self._on_call(message, now))
        try:
            answer = self._say(receiver, message, reader, now)
        except NotifyError as error:
            self._failed(receiver, item, error)
            return error.permanent

        def work(db: Connection) -> None:
            notifications.mark_delivered(db, message.id, self._clock())
            rows.merge(db, absorbed, message.id, now)

        self._store.write(work)
        log.info(
            "message delivered", extra={"message_id": message.id, "receiver": receiver.name, "answer": answer}
        )
        self._ill.pop(receiver.name, None)
        return True

    def _say(self, receiver: Receiver, message: Message, reader: Reader, now: datetime) -> str:
        """Return what the server answered. Raises NotifyError."""
        try:
            return receiver.pool.send(self._store, compose(message, reader), now, page=message.is_page)
        except RemediatorError:
            raise
        except Exception as error:  # a message that can't be put into words must not hold up all others
            log.exception("message could not be made", extra={"message_id": message.id})
            raise NotifyError(f"it can't be put into words: {type(error).__name__}", permanent=True) from None

    def _failed(self, receiver: Receiver, item: Item, error: NotifyError) -> None:
        now = self._clock()
        pause = timedelta(seconds=pause_s(item.attempts, error.retry_after_s, self._chance))
        stuck = error.permanent or isinstance(error, MemberGoneError) or now - item.message.at >= STUCK_AFTER

        def work(db: Connection) -> None:
            notifications.mark_failed(
                db, item.message.id, error=str(error), permanent=error.permanent, next_at=now + pause
            )
            if stuck and item.message.kind != "alarm":
                self._alarm(db, receiver, item.message, error, now)

        self._store.write(work)
        fields = {"message_id": item.message.id, "receiver": receiver.name, "why": str(error)}
        log.warning("message not delivered", extra=fields)
        if not error.permanent:
            failures = self._ill.get(receiver.name, (0, now))[0] + 1
            rest = timedelta(seconds=min(LONGEST_REST_S, 2.0 ** min(failures, 10)))
            self._ill[receiver.name] = failures, now + rest

    def _alarm(
        self, db: Connection, receiver: Receiver, message: Message, error: NotifyError, now: datetime
    ) -> None:
        """Tell the other receivers that this one does not get its messages; at most once an hour."""
        last = rows.last_alarm(db, receiver.name)
        if last is not None and now - last < ALARM_EVERY:
            return
        payload = {
            "receiver": receiver.name, "message": message.id, "error": str(error), "mode": message.mode,
            "permanent": error.permanent, "at": now.isoformat(),
        }  # fmt: skip
        alarm = read_message("", "alarm", now, payload)
        works = isinstance(error, MemberGoneError)  # another channel of this receiver does
        for other in self.receivers:
            if (works or other.name != receiver.name) and other.not_before(alarm) is not None:
                notifications.add(db, "alarm", payload, now, receiver=other.name)


def digest_payload(messages: Sequence[Message], now: datetime) -> dict[str, Any]:
    """Return the facts of a digest: every incident once, with its latest state."""
    latest: dict[str, Message] = {message.incident_id or message.id: message for message in messages}
    return {
        "kind": "digest",
        "at": now.isoformat(),
        "mode": messages[-1].mode,
        "count": len(messages),
        "merges": [message.incident_id for message in latest.values() if message.incident_id],
        "items": [
            {"place": message.place, "fault": message.fault, "state": message.state, "kind": message.kind}
            for message in latest.values()
        ],
    }


def _item(row: Notification) -> Item:
    return Item(_message(row), row.next_at, row.attempts, tuple(row.payload.get("merges") or ()))


def _message(row: Notification) -> Message:
    return read_message(row.id, row.kind, row.created_at, {**row.payload, "incident_id": row.incident_id})
