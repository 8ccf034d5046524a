"""The states of incidents and runs, and the only moves between them. Pure.

The names are what people read on the status page and in messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from remediator.errors import IllegalTransition


class IncidentState(StrEnum):
    """Where an incident stands."""

    OPEN = "open"  # alerts arrived, nobody has looked yet
    EXAMINING = "examining"  # looking at the host, then deciding
    WAITING = "waiting"  # a guard said wait; `wake_at` says when it is asked again
    ASKING = "asking"  # a person must approve the plan
    REPAIRING = "repairing"  # a run exists for it
    VERIFYING = "verifying"  # proving that the service speaks
    HOLDING = "holding"  # it speaks; it must stay well for the hold-down
    HELD = "held"  # a person has taken the host or the incident
    ESCALATED = "escalated"  # people were called; looked at again, closed only by proof
    RESOLVED = "resolved"  # speech proved and the hold-down passed


class RunState(StrEnum):
    """Where one execution of one remedy stands."""

    QUEUED = "queued"  # reserved in the database, not begun
    RUNNING = "running"
    OK = "ok"
    FAILED = "failed"
    CANCELED = "canceled"
    ABANDONED = "abandoned"  # its process died: nobody knows how it ended; never repeated


_I, _R = IncidentState, RunState

# A person can always step in: every state of an open incident may become HELD.
INCIDENT_NEXT: Mapping[IncidentState, frozenset[IncidentState]] = {
    _I.OPEN: frozenset({_I.EXAMINING, _I.HELD}),
    _I.EXAMINING: frozenset({_I.WAITING, _I.ASKING, _I.REPAIRING, _I.VERIFYING, _I.HELD, _I.ESCALATED}),
    _I.WAITING: frozenset({_I.EXAMINING, _I.HELD, _I.ESCALATED}),
    _I.ASKING: frozenset({_I.EXAMINING, _I.HELD, _I.ESCALATED}),
    _I.REPAIRING: frozenset({_I.VERIFYING, _I.WAITING, _I.HELD}),
    _I.VERIFYING: frozenset({_I.HOLDING, _I.RESOLVED, _I.EXAMINING, _I.HELD}),
    _I.HOLDING: frozenset({_I.RESOLVED, _I.EXAMINING, _I.HELD}),
    _I.HELD: frozenset({_I.EXAMINING}),
    _I.ESCALATED: frozenset({_I.EXAMINING, _I.VERIFYING, _I.HELD}),
    _I.RESOLVED: frozenset(),
}
RUN_NEXT: Mapping[RunState, frozenset[RunState]] = {
    _R.QUEUED: frozenset({_R.RUNNING, _R.CANCELED}),
    _R.RUNNING: frozenset({_R.OK, _R.FAILED, _R.CANCELED, _R.ABANDONED}),
    _R.OK: frozenset(),
    _R.FAILED: frozenset(),
    _R.CANCELED: frozenset(),
    _R.ABANDONED: frozenset(),
}
FINAL_INCIDENT = frozenset(state for state, after in INCIDENT_NEXT.items() if not after)
OPEN_INCIDENT = frozenset(IncidentState) - FINAL_INCIDENT
FINAL_RUN = frozenset(state for state, after in RUN_NEXT.items() if not after)
ACTIVE_RUN = frozenset(RunState) - FINAL_RUN


def check_incident_move(old: IncidentState, new: IncidentState) -> None:
    """Raise IllegalTransition unless the table allows `old` -> `new`."""
    if new not in INCIDENT_NEXT[old]:
        raise IllegalTransition(f"incident: {old} -> {new}")


def check_run_move(old: RunState, new: RunState) -> None:
    """Raise IllegalTransition unless the table allows `old` -> `new`."""
    if new not in RUN_NEXT[old]:
        raise IllegalTransition(f"run: {old} -> {new}")


def diagram() -> str:
    """Return both tables as Mermaid text, the picture in ARCHITECTURE.md."""
    incidents = _mermaid({str(k): sorted(map(str, v)) for k, v in INCIDENT_NEXT.items()}, start="open")
    runs = _mermaid({str(k): sorted(map(str, v)) for k, v in RUN_NEXT.items()}, start="queued")
    return f"Incidents:\n\n{incidents}\n\nRuns:\n\n{runs}\n"


def _mermaid(table: Mapping[str, list[str]], start: str) -> str:
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {start}"]
    for state, after in table.items():
        lines += [f"    {state} --> {name}" for name in after or ["[*]"]]
    return "\n".join([*lines, "```"])
