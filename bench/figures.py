"""A figure: what was measured, what it should be, and whether it is."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the table. `limit` is the most `value` should be."""

    name: str
    value: float
    unit: str
    limit: float | None
    how: str

    @property
    def ok(self) -> bool:
        """Return whether the value is within its limit."""
        return self.limit is None or self.value <= self.limit


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of all values don't exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median_ratio(measured: Sequence[float], base: Sequence[float]) -> float:
    """Return the median of pairwise ratios: noise that hits both halves of a pair cancels out."""
    return statistics.median(m / b for m, b in zip(measured, base, strict=True))


def table(figures: Iterable[Figure]) -> str:
    """Return the figures as a Markdown table."""
    lines = ["| what | measured | wanted | how |", "|---|---|---|---|"]
    for figure in figures:
        wanted = "" if figure.limit is None else f"at most {figure.limit:g} {figure.unit}".strip()
        mark = "" if figure.limit is None else (" ✓" if figure.ok else " ✗")
        lines.append(f"| {figure.name} | {figure.value:.3g} {figure.unit}{mark} | {wanted} | {figure.how} |")
    return "\n".join(lines)
