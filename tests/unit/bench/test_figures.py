import pytest

from bench import api, memory
from bench.api import ideal_waits
from bench.figures import Figure, median_ratio, quantile, table
from bench.texts import TEXTS


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


def crowd(*, factor=1.0, favoured=1.0):
    """Four clients whose waits are those of the ideal queue, or worse; the first may be served before the rest."""
    waits = ideal_waits([1.0], clients=4, rounds=5)
    clients = [[wait * factor for wait in waits[n::4]] for n in range(4)]
    clients[0] = [wait * favoured for wait in clients[0]]
    return clients


@pytest.mark.parametrize(
    ("api_s", "waits", "bad"),
    [
        pytest.param(1.0, crowd(), [], id="ideal"),
        pytest.param(1.04, crowd(factor=1.2), [], id="within"),
        pytest.param(1.06, crowd(), ["API beside the bare engine"], id="a slow API"),
        pytest.param(1.0, crowd(factor=1.4), ["4 clients, p95 beside the ideal queue"], id="a slow queue"),
        pytest.param(
            1.0,
            [[10.0] * 5, *crowd()[1:]],
            ["4 clients, p95 beside the ideal queue", "4 clients, slowest one beside all"],
            id="a starved client",
        ),
    ],
)
def test_the_api_is_held_against_the_bare_engine(api_s, waits, bad):
    count = 5 * len(TEXTS)
    figures = api.figures_of(bare_s=[1.0] * count, api_s=[api_s] * count, waits_s=waits, rounds=5)
    assert [figure.name for figure in figures if not figure.ok] == bad


@pytest.mark.parametrize(
    ("sizes", "after", "bad"),
    [
        pytest.param([300.0] * 100, 150.0, 0, id="flat"),
        pytest.param([200.0, 500.0, *[300.0] * 98], 150.0, 0, id="a high start that settles"),
        pytest.param([300.0 + n for n in range(100)], 150.0, 1, id="it grows with every text"),
        pytest.param([300.0] * 100, 181.0, 1, id="clearing leaves too much"),
    ],
)
def test_memory_must_stay_flat_and_come_back(sizes, after, bad):
    figures = memory.figures_of(before_mb=100.0, sizes_mb=sizes, after_mb=after)
    assert sum(not figure.ok for figure in figures) == bad
