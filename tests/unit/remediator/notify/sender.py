"""A process that delivers what an outbox holds, until nothing is left: `python -m ... DATABASE_URL ROBOT_URL`.

Another process ends it with SIGKILL whenever it likes.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from remediator.notify import rows
from remediator.notify.budget import Budget
from remediator.notify.channel import Limited, Pool
from remediator.notify.outbox import Outbox
from remediator.notify.receivers import Receiver
from remediator.notify.wecom import Robot
from remediator.reconcile import owner_is_alive, owner_name
from remediator.store import Store
from tests.unit.remediator.notify.kit import reader


def main(database_url: str, robot_url: str) -> None:
    store = Store(database_url)
    pool = Pool([Limited(Robot(robot_url, "robot 1"), Budget("robot", 200))])
    receiver = Receiver("wecom", pool, reader())
    outbox = Outbox(store, [receiver], lambda: datetime.now(UTC), owner=owner_name(), is_alive=owner_is_alive)
    while store.read(lambda db: rows.backlog(db)[0]):
        outbox.fan_out()
        outbox.deliver(receiver)
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
