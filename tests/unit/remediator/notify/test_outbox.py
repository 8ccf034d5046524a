"""Delivery against faults: nothing lost, order kept, duplicates recognizable, people always reached."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from remediator.errors import StoreUnavailable
from remediator.notify import rows
from remediator.notify.budget import Budget
from remediator.notify.channel import ChannelGoneError, Limited, Pool
from remediator.notify.letter import Letter
from remediator.notify.outbox import Outbox
from remediator.notify.receivers import Quiet, Receiver
from remediator.notify.wecom import BODIES
from remediator.store import notifications
from tests.unit.remediator.notify.kit import NOW, FakeChannel, reader, receiver, refused
from tests.unit.remediator.notify.world import World


class Killed(BaseException):
    """Stands for SIGKILL: nothing after it runs."""


def test_every_receiver_gets_its_own_copy_and_its_own_retries() -> None:
    well, ill = FakeChannel("well"), FakeChannel("ill", plan=lambda _: refused())
    world = World(receiver(well), receiver(ill))
    world.say()
    world.run(30)
    assert len(well.got) == 1
    assert world.states() == {"delivered": 1, "due": 1}


def test_messages_of_one_incident_arrive_in_order_although_the_first_fails_at_first() -> None:
    dice = random.Random(1)
    channel = FakeChannel(plan=lambda _: refused() if dice.random() < 0.5 else None)
    world = World(receiver(channel))
    for kind in ("opened", "decided", "result"):
        world.say(kind)
        world.clock.tick(0.001)
    world.run(600, step=6)
    assert [letter.message_id[:3] for letter in channel.got] == ["msg"] * 3
    delivered = world.store.read(lambda db: rows.waiting(db, "fake"))
    assert delivered == []
    kinds = {row.id: row.kind for row in world.store.read(notifications.latest)}
    assert [kinds[letter.message_id] for letter in channel.got] == ["opened", "decided", "result"]


def test_two_messages_with_the_same_time_are_told_in_the_order_of_things() -> None:
    channel = FakeChannel()
    world = World(receiver(channel))
    for kind in ("result", "decided", "opened"):
        world.say(kind)
    world.run(5)
    kinds = {row.id: row.kind for row in world.store.read(notifications.latest)}
    assert [kinds[letter.message_id] for letter in channel.got] == ["opened", "decided", "result"]


def test_a_kill_between_delivery_and_mark_repeats_the_message_with_the_same_id() -> None:
    seen: list[str] = []

    def plan(letter: Letter) -> BaseException | None:
        seen.append(letter.message_id)
        return Killed() if len(seen) == 1 else None

    world = World(receiver(FakeChannel(plan=plan)))
    world.say()
    with pytest.raises(Killed):
        world.deliver()
    world.outbox = world.fresh()
    world.run(3)
    assert len(seen) == 2
    assert seen[0] == seen[1]


def test_a_permanent_refusal_is_given_up_and_the_other_channel_hears_of_it() -> None:
    dead, well = FakeChannel("dead", plan=lambda _: refused(permanent=True)), FakeChannel("well")
    world = World(receiver(dead), receiver(well))
    world.say()
    world.run(3)
    assert world.states() == {"failed": 1, "delivered": 2}
    assert any("dead" in letter.headline for letter in well.got)


def test_a_dead_channel_is_reported_once_an_hour_and_never_about_an_alarm() -> None:
    one = FakeChannel("one", plan=lambda _: refused(permanent=True))
    two = FakeChannel("two", plan=lambda _: refused(permanent=True))
    world = World(receiver(one), receiver(two))
    for place in range(5):
        world.say(incident=f"inc-{place}")
    world.run(60)
    found = world.store.read(lambda db: notifications.latest(db, 1000))
    assert sum(row.kind == "alarm" for row in found) == 2


def test_a_message_that_is_stuck_for_long_is_reported_and_still_delivered_later() -> None:
    broken = True
    ill = FakeChannel("ill", plan=lambda _: refused() if broken else None)
    well = FakeChannel("well")
    world = World(receiver(ill), receiver(well))
    world.say()
    world.run(3600, step=30)
    assert sum("ill" in letter.headline for letter in well.got) == 1
    broken = False
    world.run(1200, step=30)
    assert len(ill.got) == 1


def test_without_a_receiver_a_message_says_why_nobody_got_it() -> None:
    world = World()
    new = world.say()
    world.deliver()
    assert world.store.read(lambda db: notifications.get(db, new)).state == "failed"


def test_quiet_hours_hold_back_what_is_not_severe() -> None:
    channel = FakeChannel()
    quiet = Quiet(start_min=9 * 60, end_min=10 * 60)  # it is 09:02 in Shanghai
    world = World(receiver(channel, quiet=quiet))
    world.say(severity="warning")
    world.say(incident="inc-2", severity="critical")
    world.run(60)
    assert len(channel.got) == 1
    world.run(3600, step=30)
    assert len(channel.got) == 2


def test_quiet_hours_over_midnight_end_in_the_morning() -> None:
    quiet = Quiet(start_min=23 * 60, end_min=7 * 60)
    assert quiet.ends(NOW.replace(hour=23, minute=30)) == NOW.replace(day=28, hour=7, minute=0, second=0)
    assert quiet.ends(NOW.replace(hour=12)) is None


def test_a_receiver_gets_only_what_is_severe_enough_but_every_page() -> None:
    channel = FakeChannel()
    world = World(receiver(channel, least_severity="critical"))
    world.say(severity="info")
    world.say("escalation", incident="inc-2", severity="info", state="escalated")
    world.run(3)
    assert len(channel.got) == 1


def test_the_person_on_duty_is_mentioned_in_pages_only() -> None:
    channel = FakeChannel()
    world = World(receiver(channel, mentions=True))
    world.outbox = Outbox(world.store, world.receivers, world.clock, on_call=lambda _m, _n: ("wang",))  # type: ignore[arg-type]
    world.say()
    world.say("escalation", incident="inc-2", state="escalated")
    world.run(3)
    assert {letter.mentions for letter in channel.got} == {(), ("wang",)}


@pytest.mark.parametrize("hosts", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_storm_is_told_within_the_limit_and_every_incident_is_accounted_for(hosts: int) -> None:
    """Every host fails within one minute; a person is needed in the middle of it."""
    channel = FakeChannel()
    world = World(receiver(channel, per_min=20))
    sent: list[float] = []
    first_page = None
    names = [f"a-long-name-of-gpu{place:04}" for place in range(hosts)]
    for second in range(420):
        for place in range(hosts * second // 60, min(hosts, hosts * (second + 1) // 60)):
            world.say(incident=f"inc-{place}", host=names[place])
        if second == 30:
            world.say("escalation", incident="inc-page", state="escalated")
        before = len(channel.got)
        world.deliver()
        sent += [float(second)] * (len(channel.got) - before)
        if first_page is None and any(letter.thread == "inc-page" for letter in channel.got):
            first_page = second
        world.clock.tick(1)
    assert sent[0] <= 5
    assert all(sum(start <= one < start + 60 for one in sent) <= 20 for start in range(420))
    assert first_page is not None
    assert first_page <= 32
    assert set(world.states()) == {"delivered", "merged"}
    for style in ("markdown", "text"):
        shown = "\n".join(BODIES[style](letter)[style]["content"] for letter in channel.got)
        assert [name for name in names if name not in shown] == [], "every host can be read"


def test_a_restart_in_a_storm_does_not_grant_another_bucket() -> None:
    channel = FakeChannel()
    world = World(receiver(channel, per_min=4))
    for place in range(12):
        world.say("escalation", incident=f"inc-{place}", state="escalated")
    for _ in range(3):
        world.deliver()
        world.outbox = world.fresh()
        world.clock.tick(10)
    assert len(channel.got) == 4


def pooled(*channels: FakeChannel, name: str) -> Receiver:
    members = [Limited(one, Budget(one.name, 1000)) for one in channels]
    return Receiver(name, Pool(members), reader())


def test_a_robot_that_is_gone_is_reported_although_another_of_its_pool_takes_the_message() -> None:
    gone = FakeChannel("robot 1", plan=lambda _: ChannelGoneError("errcode 93000: no such robot"))
    well, mail = FakeChannel("robot 2"), FakeChannel("mail")
    world = World(pooled(gone, well, name="wecom"), receiver(mail))
    world.say()
    world.run(10)
    for channel in (well, mail):
        told = [line.text for letter in channel.got for line in letter.lines]
        assert any("robot 1: errcode 93000" in text for text in told)
    assert world.states() == {"delivered": 4}


def test_an_alarm_wakes_nobody_who_is_not_on_call() -> None:
    dead = FakeChannel("dead", plan=lambda _: refused(permanent=True))
    on_duty, off_duty = FakeChannel("on"), FakeChannel("off")
    world = World(
        receiver(dead),
        receiver(on_duty, calls=lambda message: message.is_page),
        receiver(off_duty, calls=lambda _message: False),
    )
    world.say()
    world.run(3)
    assert (len(on_duty.got), len(off_duty.got)) == (1, 0)


def test_a_message_that_can_not_be_put_into_words_is_given_up_and_holds_up_nobody() -> None:
    channel, well = FakeChannel("channel"), FakeChannel("well")
    world = World(receiver(channel), receiver(well))
    world.say(run={"id": "r", "remedy": "restart", "state": "ok", "took_s": float("inf")})
    world.say(incident="inc-2")
    world.run(5)
    assert [letter.thread for letter in channel.got if letter.thread] == ["inc-2"]
    assert world.states()["failed"] == 2


def test_a_database_that_is_away_gives_nothing_up() -> None:
    channel = FakeChannel(plan=lambda _: StoreUnavailable("away"))
    world = World(receiver(channel))
    world.say()
    with pytest.raises(StoreUnavailable):
        world.deliver()
    assert world.states() == {"due": 1}


def test_an_alarm_waits_no_longer_than_an_hour_for_the_next() -> None:
    dead, well = FakeChannel("dead", plan=lambda _: refused(permanent=True)), FakeChannel("well")
    world = World(receiver(dead), receiver(well))
    world.say()
    world.run(2)
    world.clock.tick(timedelta(hours=1).total_seconds())
    world.say(incident="inc-2")
    world.run(2)
    assert sum("dead" in letter.headline for letter in well.got) == 2
