"""Whatever the remediator can say has words in both languages."""

from __future__ import annotations

from remediator import guard
from remediator.catalogue import load
from remediator.model import VerdictKind
from remediator.notify import phrases
from remediator.states import IncidentState, RunState


def test_every_fault_has_a_short_name() -> None:
    assert sorted(set(load().faults) - set(phrases.FAULTS)) == []


def test_every_guard_has_a_name() -> None:
    gates = {gate.__name__.removeprefix("_") for gate in guard.GATES}
    assert "blast_radius" in gates
    assert sorted(gates - set(phrases.GATES)) == []


def test_every_state_and_verdict_has_a_word() -> None:
    assert sorted(set(IncidentState) - set(phrases.STATES)) == []
    assert sorted(set(RunState) - set(phrases.RUN_STATES)) == []
    assert sorted(set(VerdictKind) - set(phrases.VERDICTS)) == []
