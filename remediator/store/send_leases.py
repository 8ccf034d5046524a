"""Who sends to a receiver: one remediator at a time, so that the order of each incident's messages holds.

A lease that is not renewed ends by itself; one of a process that is known to be dead is taken over at once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from remediator.store.schema import send_lease


def take(
    db: Connection,
    receiver: str,
    owner: str,
    *,
    now: datetime,
    until: datetime,
    is_alive: Callable[[str], bool],
) -> bool:
    """Take or renew the lease of `receiver`; False while somebody else has it."""
    held_by = db.execute(select(send_lease.c.owner).where(send_lease.c.receiver == receiver)).scalar()
    if held_by is None:
        return _first(db, receiver, owner, until)
    mine = [owner] if is_alive(held_by) else [owner, held_by]
    here = (
        send_lease.c.receiver == receiver,
        or_(send_lease.c.owner.in_(mine), send_lease.c.until <= now),
    )
    return db.execute(update(send_lease).where(*here).values(owner=owner, until=until)).rowcount == 1


def release(db: Connection, owner: str) -> int:
    """Give back everything `owner` has; return how many leases that were."""
    return db.execute(delete(send_lease).where(send_lease.c.owner == owner)).rowcount


def _first(db: Connection, receiver: str, owner: str, until: datetime) -> bool:
    try:
        with db.begin_nested():
            db.execute(insert(send_lease).values(receiver=receiver, owner=owner, until=until))
    except IntegrityError:
        return False
    return True
