"""The API beside the bare engine: the same texts, in turn, one after the other."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import requests

from bench.figures import Figure, median_ratio, quantile
from bench.service import running
from bench.texts import TEXTS
from tts_app.engines.base import Engine, SpeechRequest

CLIENTS = 4
_HOW_IDEAL = "ideal: the single times in a first-come queue"


def timed(work: Callable[[], object]) -> float:
    """Return how long `work` took, in seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def speak(url: str, text: str) -> None:
    """Let the API speak `text`."""
    answer = requests.post(
        f"{url}/v1/audio/speech", json={"input": text, "response_format": "wav"}, timeout=600
    )
    answer.raise_for_status()


def measure(engine: Engine, rounds: int) -> list[Figure]:
    """Return overhead at one client, tail at four, and the page's first load."""
    with running(TTS_QUEUE_LIMIT=str(4 * CLIENTS)) as url:
        engine.synthesize(SpeechRequest(TEXTS[0]))
        speak(url, TEXTS[0])
        page_s = timed(lambda: requests.get(f"{url}/", timeout=60).raise_for_status())
        bare, api = _in_turn(engine, url, rounds)
        waits = _crowd(url, rounds)
    ideal_s = quantile(ideal_waits(_medians(api), CLIENTS, rounds), 0.95)
    return [
        Figure(
            "API beside the bare engine",
            100 * (median_ratio(api, bare) - 1),
            "% slower",
            5,
            f"{len(api)} pairs",
        ),
        Figure(
            "4 clients, p95 beside the ideal queue", quantile(waits, 0.95) / ideal_s, "times", 1.3, _HOW_IDEAL
        ),
        Figure(
            "4 clients, slowest one beside all",
            _starved(waits),
            "times",
            1.3,
            "mean of one beside the mean of all",
        ),
        Figure("first page load", page_s, "s", 2, "GET / of a running service"),
    ]


def _in_turn(engine: Engine, url: str, rounds: int) -> tuple[list[float], list[float]]:
    bare: list[float] = []
    api: list[float] = []
    for number in range(rounds * len(TEXTS)):
        text = TEXTS[number % len(TEXTS)]
        halves: list[tuple[list[float], Callable[[], object]]] = [
            (bare, partial(engine.synthesize, SpeechRequest(text))),
            (api, partial(speak, url, text)),
        ]
        for took, work in halves if number % 2 else reversed(halves):
            took.append(timed(work))
    return bare, api


def _crowd(url: str, rounds: int) -> list[float]:
    """Return how long each request took with CLIENTS clients that never pause, client by client."""

    def client(_: int) -> list[float]:
        return [timed(partial(speak, url, text)) for _ in range(rounds) for text in TEXTS]

    with ThreadPoolExecutor(CLIENTS) as pool:
        return [took for took_by_one in pool.map(client, range(CLIENTS)) for took in took_by_one]


def _medians(single: Sequence[float]) -> list[float]:
    """Return the median time of each text when nobody else is there."""
    return [statistics.median(single[number :: len(TEXTS)]) for number in range(len(TEXTS))]


def ideal_waits(times: Sequence[float], clients: int, rounds: int) -> list[float]:
    """Return the waits in a first-come queue without any cost of its own, for clients that never pause."""
    queue = deque((0.0, 0) for _ in range(clients))  # when a request came, and which of its client's it is
    now, waits = 0.0, []
    while queue:
        came, number = queue.popleft()
        now += times[number % len(times)]
        waits.append(now - came)
        if number + 1 < rounds * len(times):
            queue.append((now, number + 1))
    return waits


def _starved(waits: list[float]) -> float:
    share = len(waits) // CLIENTS
    means = [statistics.mean(waits[n * share : (n + 1) * share]) for n in range(CLIENTS)]
    return max(means) / statistics.mean(means)
