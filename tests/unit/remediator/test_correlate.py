"""Which incident an alert belongs to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from remediator.correlate import Known, Placement, place
from tests.unit.remediator.world import NOW, alert

AFTER = timedelta(minutes=5)
NEW = Known(now=NOW, open_incident=None, same_key=False)
SEEN = replace(NEW, same_key=True, its_incident="inc-1")
CLOSED = replace(SEEN, closed_at=NOW - timedelta(minutes=4))


@pytest.mark.parametrize(
    ("known", "placement"),
    [
        pytest.param(NEW, Placement.OPEN, id="first trouble of a host"),
        pytest.param(
            replace(NEW, open_incident="inc-9"), Placement.JOIN, id="the host is in trouble already"
        ),
        pytest.param(replace(SEEN, open_incident="inc-1"), Placement.REPEAT, id="sent again"),
        pytest.param(CLOSED, Placement.REPEAT, id="sent again right after the end"),
        pytest.param(
            replace(CLOSED, closed_at=NOW - AFTER + timedelta(seconds=1)),
            Placement.REPEAT,
            id="a second early",
        ),
        pytest.param(replace(CLOSED, closed_at=NOW - AFTER), Placement.REOPEN, id="still firing long after"),
        pytest.param(
            replace(CLOSED, open_incident="inc-9"), Placement.REJOIN, id="still firing, new trouble open"
        ),
        pytest.param(replace(NEW, ended=True), Placement.NOTE, id="its end came first"),
        pytest.param(replace(SEEN, ended=True), Placement.REPEAT, id="a late repeat of what has ended"),
        pytest.param(
            replace(CLOSED, closed_at=NOW - 9 * AFTER, ended=True),
            Placement.REPEAT,
            id="ended: never reopened",
        ),
    ],
)
def test_a_firing_alert(known: Known, placement: Placement) -> None:
    assert place(alert(), known, reopen_after=AFTER) is placement


@pytest.mark.parametrize(
    ("known", "placement"),
    [
        pytest.param(NEW, Placement.NOTE, id="of nothing we know"),
        pytest.param(replace(NEW, open_incident="inc-9"), Placement.NOTE, id="not of the open incident"),
        pytest.param(replace(NEW, its_incident="inc-1"), Placement.JOIN, id="of an open incident"),
        pytest.param(replace(NEW, its_incident="inc-1", closed_at=NOW), Placement.NOTE, id="of a closed one"),
        pytest.param(SEEN, Placement.REPEAT, id="sent again"),
    ],
)
def test_a_resolved_alert(known: Known, placement: Placement) -> None:
    assert place(alert(status="resolved"), known, reopen_after=AFTER) is placement
