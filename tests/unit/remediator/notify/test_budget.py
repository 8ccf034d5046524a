"""A robot takes 20 messages a minute, whatever the burst; some are kept for pages."""

from __future__ import annotations

from datetime import timedelta

import pytest

from remediator.errors import NotifyError
from remediator.notify.budget import Budget
from remediator.notify.channel import ChannelGoneError, Limited, Pool
from remediator.notify.wording import compose
from tests.unit.remediator.notify.kit import NOW, FakeChannel, message, reader


def at(seconds: float) -> object:
    return NOW + timedelta(seconds=seconds)


def test_no_minute_ever_holds_more_than_the_limit() -> None:
    budget, sent = Budget(20), []
    for tenth in range(3000):  # five minutes, ten tries a second
        now = NOW + timedelta(seconds=tenth / 10)
        if budget.left(now):
            budget.spend(now)
            sent.append(now)
    for place, first in enumerate(sent[:-20]):
        assert sent[place + 20] - first >= timedelta(seconds=60)
    assert len(sent) == 100


def test_the_last_ones_are_for_pages() -> None:
    budget = Budget(4, reserve=1)
    for _ in range(3):
        budget.spend(NOW)
    assert budget.left(NOW) == 0
    assert budget.left(NOW, page=True) == 1


def test_a_robot_that_said_too_many_rests() -> None:
    budget = Budget(20)
    budget.shut(NOW + timedelta(seconds=60))
    assert budget.left(NOW + timedelta(seconds=59)) == 0
    assert budget.left(NOW + timedelta(seconds=60)) == 20


def pool(*channels: FakeChannel, per_min: int = 2) -> Pool:
    return Pool([Limited(channel, Budget(per_min)) for channel in channels])


LETTER = compose(message(), reader())


def test_a_pool_shares_the_load_and_adds_the_limits() -> None:
    one, two = FakeChannel(), FakeChannel()
    both = pool(one, two)
    for _ in range(4):
        both.send(LETTER, NOW)
    assert (len(one.got), len(two.got)) == (2, 2)
    assert both.left(NOW) == 0


def test_a_deleted_robot_is_left_out_and_the_message_may_go_through_another() -> None:
    gone, well = FakeChannel(plan=lambda _: ChannelGoneError("errcode 93000")), FakeChannel()
    both = pool(gone, well)
    with pytest.raises(NotifyError) as caught:
        both.send(LETTER, NOW)
    assert not caught.value.permanent
    both.send(LETTER, NOW)
    assert len(well.got) == 1


def test_when_no_robot_is_left_the_refusal_is_permanent() -> None:
    with pytest.raises(ChannelGoneError):
        pool(FakeChannel(plan=lambda _: ChannelGoneError("errcode 93000"))).send(LETTER, NOW)
