"""How the service is, from plain facts. Pure: the clock is in the facts.

Sick means only a restart or people help. Busy, full and draining are states of a healthy service.
"""

from dataclasses import dataclass
from enum import StrEnum


class Sick(StrEnum):
    """Why the service is sick; the value is what /healthz and /readyz say."""

    CONTEXT_DEAD = "context_dead"
    ENGINE_STUCK = "engine_stuck"
    LOAD_FAILED = "load_failed"


class NotReady(StrEnum):
    """Why a healthy service takes no traffic."""

    LOADING = "loading"
    FULL = "full"
    DRAINING = "draining"


@dataclass(frozen=True)
class Facts:
    """What the speech service knows about itself at one moment. Times in seconds."""

    loaded_once: bool  # the first load has ended well
    load_failed: bool
    context_dead: bool
    running_for_s: float | None  # how long the task in hand has been running
    task_limit_s: float  # above this the engine counts as stuck
    loading_for_s: float | None  # how long a load has been running
    load_limit_s: float
    queued: int
    queue_limit: int
    draining: bool
    substitute: bool = False  # another engine speaks for those who left the voice open


def sickness(facts: Facts) -> Sick | None:
    """Return why the service is sick, or None."""
    if facts.context_dead:
        return Sick.CONTEXT_DEAD
    if facts.running_for_s is not None and facts.running_for_s > facts.task_limit_s:
        return Sick.ENGINE_STUCK
    if facts.load_failed or (facts.loading_for_s is not None and facts.loading_for_s > facts.load_limit_s):
        return Sick.LOAD_FAILED
    return None


def not_ready(facts: Facts) -> Sick | NotReady | None:
    """Return why no traffic should come, or None when it may.

    While a substitute speaks, traffic may come although the service is sick.
    """
    sick = sickness(facts)
    if sick and not (sick is Sick.LOAD_FAILED and facts.substitute):
        return sick
    if not sick and (not facts.loaded_once or facts.loading_for_s is not None):
        return NotReady.LOADING
    if facts.draining:
        return NotReady.DRAINING
    if facts.queued >= facts.queue_limit:
        return NotReady.FULL
    return None
