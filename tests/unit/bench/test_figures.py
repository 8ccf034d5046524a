import pytest

from bench.api import ideal_waits
from bench.figures import Figure, median_ratio, quantile, table


def test_a_single_client_never_waits_for_others():
    assert ideal_waits([1.0, 2.0], clients=1, rounds=2) == [1.0, 2.0, 1.0, 2.0]


def test_with_four_clients_each_waits_for_three_others():
    assert ideal_waits([1.0], clients=4, rounds=2) == [1, 2, 3, 4, 4, 4, 4, 4]


@pytest.mark.parametrize(("value", "ok"), [(4.9, True), (5.0, True), (5.1, False)])
def test_a_figure_is_held_against_its_limit(value, ok):
    figure = Figure("overhead", value, "%", 5, "")
    assert figure.ok is ok
    assert ("✓" if ok else "✗") in table([figure])


def test_pairs_are_compared_pair_by_pair():
    assert median_ratio([2, 20, 9], [1, 10, 3]) == 2


def test_quantile_takes_a_value_that_was_seen():
    assert quantile([3, 1, 2, 4], 0.95) == 4
    assert quantile([5], 0.5) == 5
