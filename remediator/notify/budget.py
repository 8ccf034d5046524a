"""How many messages a channel may still send, counted in the database: over restarts and for every replica.

Numbered slots rather than a leaking bucket: after a full bucket of 20 a leaking one lets 20 more through
within the same minute, and the server counts minutes (error 45009).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from remediator.store import Store, send_slots
from remediator.store.send_slots import Slots

MINUTE = timedelta(seconds=60)
SHUT = -1  # the slot that holds until when nothing may be sent


@dataclass(frozen=True)
class Budget:
    """At most `limit` sends within any minute, the last `reserve` of them for pages only.

    `channel` names what the limit belongs to; it is stored, so it must hold no secret.
    """

    channel: str
    limit: int
    reserve: int = 0

    def left(self, store: Store, now: datetime, *, page: bool = False) -> int:
        """Return how many messages may be sent at `now`."""
        used = store.read(lambda db: send_slots.used(db, self.channel))
        return len(self._free(used, now, page))

    def take(self, store: Store, now: datetime, *, page: bool = False) -> bool:
        """Count one send before it is tried: the server counts failed ones too. False when none is left."""

        def work(db: Connection) -> bool:
            used = send_slots.used(db, self.channel)
            free = self._free(used, now, page)
            return any(send_slots.take(db, self.channel, slot, used.get(slot), now) for slot in free)

        return store.write(work)

    def shut(self, store: Store, until: datetime) -> None:
        """Send nothing before `until`: the server said so."""
        store.write(lambda db: send_slots.put(db, self.channel, SHUT, until))

    def _free(self, used: Slots, now: datetime, page: bool) -> list[int]:
        """Return the slots that may be taken, those kept for pages first."""
        if SHUT in used and now < used[SHUT]:
            return []
        most = self.limit if page else max(1, self.limit - self.reserve)
        return [slot for slot in reversed(range(most)) if slot not in used or now - used[slot] >= MINUTE]
