"""`make observe`: the remediator alone, on recorded alerts, in observe mode."""

from __future__ import annotations


def observe() -> int:
    """Placeholder."""
    return 0
