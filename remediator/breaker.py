"""The circuit breaker: when do our own repairs do no good? Pure.

It looks at runs whose use is known by now: failed, abandoned, or followed by the same fault, against those
that speech was proved after. When it trips, everything new is stopped until a person resumes; what runs goes
on, and verification too. After that only newer runs count, so that nothing old trips it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from remediator.model import Text

WINDOW = timedelta(hours=1)


@dataclass(frozen=True)
class Judged:
    """One run whose use is known."""

    what: str  # "restart gpu01:7860"
    helped: bool


def trips(history: Sequence[Judged], most: int) -> Text | None:
    """Return why everything must stop, or None: at least `most` bad runs, and more than half of all."""
    bad = [one.what for one in history if not one.helped]
    if len(bad) < most or 2 * len(bad) <= len(history):
        return None
    last = ", ".join(bad[-3:])
    return Text(
        f"{len(bad)} of the last {len(history)} runs did not help, lately {last}",
        f"最近 {len(history)} 次执行中有 {len(bad)} 次无效，最近的是 {last}",
    )
