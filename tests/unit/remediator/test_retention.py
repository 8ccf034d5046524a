"""Old closed incidents are forgotten whole; open ones, untold ones and the audit stay."""

from __future__ import annotations

from datetime import timedelta

from remediator import people
from remediator.store import audit, incidents, notifications, retention
from tests.unit.remediator.world import World, alert, down, host


def deliver_all(world: World) -> None:
    for one in world.store.read(lambda db: notifications.due(db, world.now, 1000)):
        world.store.write(lambda db, mine=one.id: notifications.mark_delivered(db, mine, world.now))


def test_only_incidents_closed_before_the_day_go_and_all_of_them_goes(world: World) -> None:
    world.seen["gpu01"] = down(host("7860", "7861"))
    world.heals = lambda run: world.heal(run.host)
    world.seen["gpu02"] = None
    world.pipeline.accept([alert(), alert(on="gpu02", fingerprint="f2")])
    world.live(120)
    closed, still_open = world.incident("gpu01"), world.incident("gpu02")
    world.store.write(lambda db: people.ack(db, closed.id, by="ann", now=world.now))
    deliver_all(world)
    assert closed.closed_at is not None
    assert world.store.write(lambda db: retention.forget(db, closed.closed_at)) == 0
    day_after = closed.closed_at + timedelta(days=1)
    assert world.store.write(lambda db: retention.forget(db, day_after)) == 1
    assert [one.id for one in world.store.read(incidents.latest)] == [still_open.id]
    assert world.runs() == []
    assert len(world.store.read(audit.latest)) == 1


def test_a_message_that_waits_for_delivery_keeps_its_incident(world: World) -> None:
    world.pipeline.accept([alert()])
    world.work()
    later = world.now + timedelta(days=1)
    assert world.store.write(lambda db: retention.forget(db, later)) == 0
    deliver_all(world)
    assert world.store.write(lambda db: retention.forget(db, later)) == 1
