"""A database, a clock moved by hand, and an outbox over some receivers."""

from __future__ import annotations

from collections import Counter

from remediator.notify.outbox import Outbox
from remediator.notify.receivers import Receiver
from remediator.store import notifications
from tests.unit.remediator.notify.kit import Clock, MemoryStore, payload


class World:
    """The parts joined; `deliver` is one round of the outbox."""

    def __init__(self, *receivers: Receiver, clock: Clock | None = None, chance: float = 1.0) -> None:
        self.store, self.clock, self.receivers = MemoryStore(), clock or Clock(), receivers
        self.chance = chance
        self.outbox = self.fresh()

    def fresh(self) -> Outbox:
        """Return an outbox as a restarted process has it."""
        return Outbox(self.store, self.receivers, self.clock, chance=lambda: self.chance)  # type: ignore[arg-type]

    def say(self, kind: str = "opened", incident: str = "inc-1", **changes: object) -> str:
        facts = payload(kind=kind, incident_id=incident, at=self.clock.now.isoformat(), **changes)
        facts.setdefault("state", "open")
        return self.store.write(
            lambda db: notifications.add(db, kind, facts, self.clock.now, incident_id=incident or None)
        )

    def deliver(self) -> int:
        self.outbox.fan_out()
        return sum(self.outbox.deliver(one) for one in self.receivers)

    def run(self, seconds: float, step: float = 1.0) -> None:
        for _ in range(int(seconds / step)):
            self.deliver()
            self.clock.tick(step)

    def states(self) -> Counter[str]:
        found = self.store.read(lambda db: notifications.latest(db, 100_000))
        return Counter(row.state for row in found if row.receiver)
