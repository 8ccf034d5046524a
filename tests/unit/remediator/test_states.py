"""The transition tables: closed, reachable, and drawn as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediator.errors import IllegalTransition
from remediator.states import (
    ACTIVE_RUN,
    FINAL_INCIDENT,
    FINAL_RUN,
    INCIDENT_NEXT,
    RUN_NEXT,
    IncidentState,
    RunState,
    check_incident_move,
    check_run_move,
    diagram,
)

ARCHITECTURE = Path(__file__).parents[3] / "ARCHITECTURE.md"


def reachable(table: dict, start: object) -> set:
    found, todo = {start}, [start]
    while todo:
        for state in table[todo.pop()]:
            if state not in found:
                found.add(state)
                todo.append(state)
    return found


def test_every_state_has_a_row_and_can_be_reached() -> None:
    assert set(INCIDENT_NEXT) == set(IncidentState) == reachable(dict(INCIDENT_NEXT), IncidentState.OPEN)
    assert set(RUN_NEXT) == set(RunState) == reachable(dict(RUN_NEXT), RunState.QUEUED)


@pytest.mark.parametrize("state", IncidentState)
def test_every_incident_can_still_be_resolved(state: IncidentState) -> None:
    assert IncidentState.RESOLVED in reachable(dict(INCIDENT_NEXT), state)


def test_only_proof_closes_an_incident() -> None:
    closers = {state for state, after in INCIDENT_NEXT.items() if IncidentState.RESOLVED in after}
    assert closers == {IncidentState.VERIFYING, IncidentState.HOLDING}
    assert {IncidentState.RESOLVED} == FINAL_INCIDENT


def test_a_person_can_take_every_open_incident() -> None:
    assert all(
        IncidentState.HELD in INCIDENT_NEXT[state]
        for state in IncidentState
        if state not in FINAL_INCIDENT | {IncidentState.HELD}
    )


def test_a_run_that_ended_stays_ended() -> None:
    assert {RunState.OK, RunState.FAILED, RunState.CANCELED, RunState.ABANDONED} == FINAL_RUN
    assert {RunState.QUEUED, RunState.RUNNING} == ACTIVE_RUN


def test_a_move_that_the_table_lacks_is_a_bug() -> None:
    check_incident_move(IncidentState.OPEN, IncidentState.EXAMINING)
    check_run_move(RunState.QUEUED, RunState.RUNNING)
    with pytest.raises(IllegalTransition, match="open -> resolved"):
        check_incident_move(IncidentState.OPEN, IncidentState.RESOLVED)
    with pytest.raises(IllegalTransition, match="queued -> ok"):
        check_run_move(RunState.QUEUED, RunState.OK)


def test_the_picture_in_the_architecture_is_the_table() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8")
    _, _, rest = text.partition("<!-- states:begin -->")
    drawn, end, _ = rest.partition("<!-- states:end -->")
    assert end, "ARCHITECTURE.md lacks the markers"
    assert drawn.strip() == diagram().strip()
