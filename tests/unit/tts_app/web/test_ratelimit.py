"""The token bucket, with the clock in hand."""

import pytest

from tts_app.web.ratelimit import MAX_CLIENTS, RateLimit


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_burst_then_a_steady_pace():
    clock = Clock()
    limit = RateLimit(60, clock=clock)
    assert [limit.wait_s("a") for _ in range(10)] == [0.0] * 10
    assert limit.wait_s("a") == pytest.approx(1.0)
    clock.now = 0.5
    assert limit.wait_s("a") == pytest.approx(0.5)
    clock.now = 1.0
    assert limit.wait_s("a") == 0.0


def test_clients_do_not_share():
    limit = RateLimit(6, clock=Clock())
    assert limit.wait_s("a") == 0.0
    assert limit.wait_s("a") > 0
    assert limit.wait_s("b") == 0.0


def test_a_long_absence_gives_no_more_than_a_burst():
    clock = Clock()
    limit = RateLimit(60, clock=clock)
    clock.now = 1e6
    assert [limit.wait_s("a") for _ in range(11)][-1] > 0


def test_the_number_of_remembered_clients_is_bounded():
    limit = RateLimit(6, clock=Clock())
    limit.wait_s("first")
    for number in range(MAX_CLIENTS):
        limit.wait_s(str(number))
    assert limit.wait_s("first") == 0.0  # forgotten: a new bucket
