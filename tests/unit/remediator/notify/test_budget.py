"""A robot takes 20 messages a minute, whatever the burst and whoever sends; some are kept for pages."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from remediator.errors import NotifyError
from remediator.notify.budget import Budget
from remediator.notify.channel import ChannelGoneError, Limited, Pool
from remediator.notify.wording import compose
from remediator.store import open_store
from tests.unit.remediator.notify.kit import NOW, FakeChannel, MemoryStore, message, reader

LETTER = compose(message(), reader())


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def test_no_minute_ever_holds_more_than_the_limit(store: MemoryStore) -> None:
    budget, sent = Budget("robot", 20), []
    for second in range(300):
        while budget.take(store, at(second)):
            sent.append(at(second))
    for place, first in enumerate(sent[:-20]):
        assert sent[place + 20] - first >= timedelta(seconds=60)
    assert len(sent) == 100


def test_the_last_ones_are_for_pages(store: MemoryStore) -> None:
    budget = Budget("robot", 4, reserve=1)
    assert [budget.take(store, NOW) for _ in range(4)] == [True, True, True, False]
    assert budget.left(store, NOW) == 0
    assert budget.left(store, NOW, page=True) == 1
    assert budget.take(store, NOW, page=True)


def test_a_page_takes_a_slot_of_its_own_first(store: MemoryStore) -> None:
    budget = Budget("robot", 4, reserve=1)
    assert budget.take(store, NOW, page=True)
    assert budget.left(store, NOW) == 3


def test_a_robot_that_said_too_many_rests(store: MemoryStore) -> None:
    budget = Budget("robot", 20)
    budget.shut(store, at(60))
    assert budget.left(store, at(59)) == 0
    assert not budget.take(store, at(59))
    assert budget.left(store, at(60)) == 20


def test_two_robots_do_not_share_a_budget(store: MemoryStore) -> None:
    assert Budget("one", 1).take(store, NOW)
    assert Budget("two", 1).take(store, NOW)


def test_remediators_that_share_a_database_share_the_limit_even_when_they_send_at_once(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/remediator.db"
    stores = [open_store(url) for _ in range(4)]
    taken: list[bool] = []

    def send(place: int) -> None:
        taken.extend(Budget("robot", 20).take(stores[place], NOW) for _ in range(10))

    threads = [threading.Thread(target=send, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == 20
    assert len(taken) == 40
    for store in stores:
        store.close()


def pool(*channels: FakeChannel, per_min: int = 2) -> Pool:
    return Pool([Limited(one, Budget(f"robot {place}", per_min)) for place, one in enumerate(channels)])


def test_a_pool_shares_the_load_and_adds_the_limits(store: MemoryStore) -> None:
    one, two = FakeChannel(), FakeChannel()
    both = pool(one, two)
    for _ in range(4):
        both.send(store, LETTER, NOW)
    assert (len(one.got), len(two.got)) == (2, 2)
    assert both.left(store, NOW) == 0


def test_a_message_that_finds_the_limit_used_up_by_another_waits(store: MemoryStore) -> None:
    channel = FakeChannel()
    alone = pool(channel, per_min=1)
    alone.send(store, LETTER, NOW)
    with pytest.raises(NotifyError, match="limit") as caught:
        alone.send(store, LETTER, NOW)
    assert not caught.value.permanent
    assert len(channel.got) == 1


def test_a_deleted_robot_is_left_out_and_the_message_may_go_through_another(store: MemoryStore) -> None:
    gone, well = FakeChannel(plan=lambda _: ChannelGoneError("errcode 93000")), FakeChannel()
    both = pool(gone, well)
    with pytest.raises(NotifyError) as caught:
        both.send(store, LETTER, NOW)
    assert not caught.value.permanent
    both.send(store, LETTER, NOW)
    assert len(well.got) == 1


def test_when_no_robot_is_left_the_refusal_is_permanent(store: MemoryStore) -> None:
    with pytest.raises(ChannelGoneError):
        pool(FakeChannel(plan=lambda _: ChannelGoneError("errcode 93000"))).send(store, LETTER, NOW)
