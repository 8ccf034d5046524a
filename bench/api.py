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
OVERHEAD_LIMIT_PCT = 5
CROWD_LIMIT = 1.3


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
    """Return the overhead at one client, and the tail and the fairness at four."""
    with running(TTS_QUEUE_LIMIT=str(4 * CLIENTS)) as url:
        engine.synthesize(SpeechRequest(TEXTS[0]))
        speak(url, TEXTS[0])
        bare, api = _in_turn(engine, url, rounds)
        waits = _crowd(url, rounds)
    return figures_of(bare_s=bare, api_s=api, waits_s=waits, rounds=rounds)


def figures_of(
    *, bare_s: Sequence[float], api_s: Sequence[float], waits_s: Sequence[Sequence[float]], rounds: int
) -> list[Figure]:
    """Return the figures of the times of one caller, bare and by the API in pairs, and of each of many clients."""
    overhead = 100 * (median_ratio(api_s, bare_s) - 1)
    everyone = [wait for client in waits_s for wait in client]
    ideal = ideal_waits(_medians(bare_s), len(waits_s), rounds)
    slowest = max(statistics.mean(client) for client in waits_s) / statistics.mean(everyone)
    clients = f"{len(waits_s)} clients"
    return [
        Figure(
            "API beside the bare engine",
            overhead,
            "% slower",
            OVERHEAD_LIMIT_PCT,
            f"{len(api_s)} pairs, median",
        ),
        Figure(
            f"{clients}, p95 beside the ideal queue",
            quantile(everyone, 0.95) / quantile(ideal, 0.95),
            "times",
            CROWD_LIMIT,
            "ideal: the bare engine's times in a first-come queue that costs nothing",
        ),
        Figure(
            f"{clients}, slowest one beside all", slowest, "times", CROWD_LIMIT, "mean of one by mean of all"
        ),
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


def _crowd(url: str, rounds: int) -> list[list[float]]:
    """Return how long each request took, client by client; none of them ever pauses."""

    def client(_: int) -> list[float]:
        return [timed(partial(speak, url, text)) for _ in range(rounds) for text in TEXTS]

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(client, range(CLIENTS)))


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
