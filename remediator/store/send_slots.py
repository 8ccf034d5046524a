"""Who sent how much: a channel has numbered slots, and each send takes one for a while.

Slots live in the database, so that the count holds over restarts and for all remediators that share it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from remediator.store.schema import send_slot

Slots = dict[int, datetime]  # slot -> when it was last taken; a slot that was never taken is missing


def used(db: Connection, channel: str) -> Slots:
    """Return the slots of a channel."""
    query = select(send_slot.c.slot, send_slot.c.used_at).where(send_slot.c.channel == channel)
    return {row.slot: row.used_at for row in db.execute(query)}


def take(db: Connection, channel: str, slot: int, seen: datetime | None, at: datetime) -> bool:
    """Take a slot that was last taken at `seen`; False when somebody else was quicker."""
    if seen is None:
        try:
            with db.begin_nested():
                db.execute(insert(send_slot).values(channel=channel, slot=slot, used_at=at))
        except IntegrityError:
            return False
        return True
    here = (send_slot.c.channel == channel, send_slot.c.slot == slot, send_slot.c.used_at == seen)
    return db.execute(update(send_slot).where(*here).values(used_at=at)).rowcount == 1


def put(db: Connection, channel: str, slot: int, at: datetime) -> None:
    """Set a slot, whatever it was."""
    here = (send_slot.c.channel == channel, send_slot.c.slot == slot)
    if db.execute(update(send_slot).where(*here).values(used_at=at)).rowcount == 0:
        take(db, channel, slot, None, at)
