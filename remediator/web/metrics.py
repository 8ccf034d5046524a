"""Figures as Prometheus text. Pure: a fresh registry per scrape, filled from what the tables say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from remediator.states import IncidentState

PREFIX = "remediator_"


@dataclass(frozen=True)
class Figures:
    """What is counted. Ages are in seconds; None: never happened."""

    incidents: Mapping[str, int] = field(default_factory=dict)  # state -> how many
    runs: Mapping[tuple[str, str], int] = field(default_factory=dict)  # (remedy, state) -> how many
    repair_s_sum: float = 0.0  # of resolved incidents, from opened to closed
    repair_count: int = 0
    outbox_due: int = 0
    outbox_age_s: float = 0.0  # of the oldest message that is not delivered
    heartbeat_age_s: float | None = None
    stopped: bool = False


def exposition(figures: Figures) -> bytes:
    """Return `figures` in the Prometheus text format."""
    registry = CollectorRegistry()
    incidents = _gauge(registry, "incidents", "Incidents by state.", "state")
    for state in IncidentState:  # all of them from the start: a series that appears is no increase
        incidents.labels(state).set(figures.incidents.get(state, 0))
    runs = _gauge(registry, "runs", "Runs by remedy and state.", "remedy", "state")
    for (remedy, ended), count in figures.runs.items():
        runs.labels(remedy, ended).set(count)
    plain = {
        "repair_seconds_sum": ("Seconds from opened to resolved, summed.", figures.repair_s_sum),
        "repair_seconds_count": ("Resolved incidents.", figures.repair_count),
        "outbox_due": ("Messages that are not delivered yet.", figures.outbox_due),
        "outbox_age_seconds": ("Age of the oldest message that is not delivered yet.", figures.outbox_age_s),
        "stopped": ("1 while a person has stopped everything.", int(figures.stopped)),
    }
    for name, (meaning, value) in plain.items():
        _gauge(registry, name, meaning).set(value)
    if figures.heartbeat_age_s is not None:
        _gauge(registry, "heartbeat_age_seconds", "Age of the last delivered heartbeat.").set(
            figures.heartbeat_age_s
        )
    return generate_latest(registry)


def _gauge(registry: CollectorRegistry, name: str, meaning: str, *labels: str) -> Gauge:
    return Gauge(PREFIX + name, meaning, labels, registry=registry)
