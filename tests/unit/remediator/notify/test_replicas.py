"""Several remediators on one database: one robot budget, each message once, in order, whoever dies."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from remediator.notify.budget import Budget
from remediator.notify.channel import Limited, Pool
from remediator.notify.letter import Letter
from remediator.notify.outbox import LEASE, Outbox
from remediator.notify.receivers import Receiver
from remediator.store import Store, incidents, notifications, open_store, send_leases
from tests.unit.remediator.notify.kit import NOW, Clock, FakeChannel, payload, reader, refused
from tests.unit.remediator.world import PATIENCE_S

KINDS = ("opened", "decided", "result")


class Killed(BaseException):
    """Stands for SIGKILL: nothing after it runs."""


class Replica:
    """One remediator's outbox, with its own connection and its own channel to the same robot."""

    def __init__(self, url: str, name: str, clock: Clock, channel: FakeChannel, alive: set[str]) -> None:
        self.store = open_store(url, patience_s=PATIENCE_S)
        budget = Budget("robot", 20, reserve=5)
        self.receiver = Receiver("wecom", Pool([Limited(channel, budget)]), reader())
        self.outbox = Outbox(
            self.store, [self.receiver], clock, owner=name, is_alive=alive.__contains__, chance=lambda: 0.0
        )

    def round(self) -> int:
        self.outbox.fan_out()
        return self.outbox.deliver(self.receiver)


class Town:
    """Two replicas, the clock they share, and what the robot got from whom."""

    def __init__(self, url: str) -> None:
        self.clock, self.alive = Clock(), {"a", "b"}
        self.got: list[tuple[datetime, str, Letter]] = []
        self.lock = threading.Lock()
        self.trouble: Callable[[str, Letter], BaseException | None] = lambda _name, _letter: None
        self.one, self.two = (Replica(url, name, self.clock, self.channel(name), self.alive) for name in "ab")
        self.store = self.one.store

    def channel(self, name: str) -> FakeChannel:
        def plan(letter: Letter) -> BaseException | None:
            with self.lock:
                trouble = self.trouble(name, letter)
                if trouble is None or isinstance(trouble, Killed):
                    self.got.append((self.clock.now, name, letter))
                return trouble

        return FakeChannel(name, plan=plan)

    def open(self, count: int) -> list[str]:
        def work(db: object) -> list[str]:
            made = [
                incidents.open_new(
                    db,
                    host=f"gpu{place:02}",
                    severity="critical",
                    instance=None,
                    now=NOW,
                    lookback=timedelta(0),
                )  # type: ignore[arg-type]
                for place in range(count)
            ]
            return [one.id for one in made]

        return self.store.write(work)

    def say(self, kind: str, incident: str, store: Store | None = None) -> str:
        facts = payload(kind=kind, incident_id=incident, at=self.clock.now.isoformat())
        at = self.clock.now
        return (store or self.store).write(
            lambda db: notifications.add(db, kind, facts, at, incident_id=incident)
        )

    def both(self, pool: ThreadPoolExecutor) -> None:
        for one in [pool.submit(self.one.round), pool.submit(self.two.round)]:
            one.result()

    def rows(self) -> dict[str, notifications.Notification]:
        return {row.id: row for row in self.store.read(lambda db: notifications.latest(db, 10_000))}

    def first_arrivals(self) -> dict[str, list[str]]:
        """Return per incident the kinds in order of their first arrival, alone or in a digest."""
        rows = self.rows()
        carried: dict[str, list[str]] = {}
        for row in sorted(rows.values(), key=lambda one: one.created_at):
            if row.state == "merged" and row.error:
                carried.setdefault(row.error.removeprefix("merged into "), []).append(row.id)
        told: dict[str, list[str]] = {}
        for message_id in dict.fromkeys(letter.message_id for _, _, letter in self.got):
            for one in carried.get(message_id, [message_id]):
                told.setdefault(str(rows[one].incident_id), []).append(rows[one].kind)
        return told

    def close(self) -> None:
        self.one.store.close()
        self.two.store.close()


@pytest.fixture
def town(url: str) -> Iterator[Town]:
    made = Town(url)
    yield made
    made.close()


def test_two_remediators_share_one_budget_and_send_everything_once_and_in_order(town: Town) -> None:
    dice = random.Random(7)
    town.trouble = lambda _name, _letter: refused() if dice.random() < 0.2 else None
    names = town.open(12)
    with ThreadPoolExecutor(2) as pool:
        for step in range(120):
            if step < 36:
                town.say(KINDS[step // 12], names[step % 12], (town.one.store, town.two.store)[step % 2])
            town.both(pool)
            town.clock.tick(2)
    times = [when for when, _, _ in town.got]
    minute = timedelta(seconds=60)
    assert max(sum(start <= one < start + minute for one in times) for start in times) <= 20
    ids = [letter.message_id for _, _, letter in town.got]
    assert len(ids) == len(set(ids)), "nothing went out twice"
    assert town.first_arrivals() == {name: list(KINDS) for name in names}
    assert {row.state for row in town.rows().values()} == {"split", "delivered", "merged"}


def test_when_the_sender_dies_between_delivery_and_mark_the_other_repeats_it_once_its_lease_is_over(
    town: Town,
) -> None:
    (name,) = town.open(1)
    town.trouble = lambda who, _letter: Killed() if who == "a" else None
    for kind in KINDS:
        town.say(kind, name)
    with pytest.raises(Killed):
        town.one.round()
    town.clock.tick(LEASE.total_seconds() - 1)
    assert town.two.round() == 0, "the first may still be at it"
    town.clock.tick(1)
    for _ in KINDS:
        assert town.two.round() == 1
    assert [who for _, who, _ in town.got] == ["a", "b", "b", "b"]
    assert town.got[0][2].message_id == town.got[1][2].message_id
    assert town.first_arrivals() == {name: list(KINDS)}


def test_the_lease_of_a_process_known_to_be_dead_is_taken_over_at_once(town: Town) -> None:
    (name,) = town.open(1)
    town.trouble = lambda who, _letter: Killed() if who == "a" else None
    town.say("opened", name)
    with pytest.raises(Killed):
        town.one.round()
    town.alive.discard("a")
    assert town.two.round() == 1


def test_a_remediator_that_is_stopped_hands_over_at_once(town: Town) -> None:
    first, second = town.open(2)
    town.say("opened", first)
    assert town.one.round() == 1
    town.say("opened", second)
    assert town.two.round() == 0
    town.one.outbox.close()
    assert town.two.round() == 1


def test_a_stop_goes_on_although_the_database_is_away(town: Town) -> None:
    town.one.store.close()
    town.one.outbox.close()


def test_a_failure_that_is_noted_late_does_not_undo_the_others_delivery(town: Town) -> None:
    (name,) = town.open(1)
    whole = town.say("opened", name)
    copy = town.store.write(lambda db: notifications.split(db, whole, ["wecom"], NOW))[0]
    town.store.write(lambda db: notifications.mark_delivered(db, copy, NOW))
    town.two.store.write(lambda db: notifications.mark_failed(db, copy, error="HTTP 500", permanent=True))
    row = town.rows()[copy]
    assert (row.state, row.error) == ("delivered", None)


def test_a_stale_list_sends_nothing_that_the_other_has_delivered(town: Town) -> None:
    (name,) = town.open(1)
    town.say("opened", name)
    town.two.outbox.fan_out()
    seen: list[int] = []
    choose = town.two.outbox._choose

    def slow(*words: object) -> object:
        answer = choose(*words)  # type: ignore[arg-type]
        seen.append(town.one.round())
        town.alive.discard("a")
        return answer

    town.two.outbox._choose = slow  # type: ignore[method-assign,assignment]
    assert town.two.round() == 0
    assert seen == [1]
    assert [who for _, who, _ in town.got] == ["a"]


def test_of_many_that_want_a_lease_one_gets_it(url: str) -> None:
    stores = [open_store(url, patience_s=PATIENCE_S) for _ in range(4)]
    begin = threading.Barrier(8)

    def want(number: int) -> bool:
        begin.wait(PATIENCE_S)
        return stores[number % 4].write(
            lambda db: send_leases.take(
                db, "wecom", f"w{number}", now=NOW, until=NOW + LEASE, is_alive=lambda _owner: True
            )
        )

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(want, range(8))).count(True) == 1
    for store in stores:
        store.close()


def test_the_limit_of_a_robot_holds_for_all_that_send_at_once(url: str) -> None:
    stores = [open_store(url, patience_s=PATIENCE_S) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda n: Budget("robot", 20).take(stores[n % 4], NOW), range(40)))
    assert taken.count(True) == 20
    for store in stores:
        store.close()
