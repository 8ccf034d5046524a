"""Signs of life, the next person, the daily digest; and old things that go."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from remediator.catalogue import load
from remediator.notify import cadence
from remediator.notify.daily import explainer
from remediator.retention import clean
from remediator.states import IncidentState
from remediator.store import incidents, notifications
from remediator.store.schema import decision, evidence, incident, run
from tests.unit.remediator.notify.kit import NOW, MemoryStore, payload


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def minutes(count: float) -> datetime:
    return NOW + timedelta(minutes=count)


def opened(store: MemoryStore, name: str, state: IncidentState, at: datetime = NOW, **values: object) -> None:
    row = {
        "id": name, "host": name, "state": state, "severity": "critical", "opened_at": at, "state_since": at,
        "evidence_since": at, "acted": False, "version": 1, **values,
    }  # fmt: skip
    store.write(lambda db: db.execute(insert(incident).values(**row)))


def page(store: MemoryStore, name: str, at: datetime = NOW, kind: str = "escalation") -> None:
    facts = payload(kind=kind, incident_id=name, state="escalated")
    store.write(lambda db: notifications.add(db, kind, facts, at, incident_id=name))


def told(store: MemoryStore, kind: str) -> list[notifications.Notification]:
    return [row for row in store.read(notifications.latest) if row.kind == kind]


def beat(store: MemoryStore, now: datetime) -> bool:
    return store.write(lambda db: cadence.heartbeat(db, now, interval_s=3600, mode="act"))


def test_a_sign_of_life_comes_at_once_and_then_every_interval(store: MemoryStore) -> None:
    assert [beat(store, minutes(count)) for count in (0, 59.9, 60, 61, 120)] == [
        True,
        False,
        True,
        False,
        True,
    ]


def test_a_sign_of_life_counts_open_incidents(store: MemoryStore) -> None:
    opened(store, "gpu01", IncidentState.ESCALATED)
    opened(store, "gpu02", IncidentState.RESOLVED)
    beat(store, NOW)
    assert told(store, "heartbeat")[0].payload["open"] == 1


def call(store: MemoryStore, now: datetime) -> list[str]:
    return store.write(lambda db: cadence.call_next(db, now, after_min=15))


def test_the_next_person_is_called_when_nobody_answers(store: MemoryStore) -> None:
    opened(store, "gpu01", IncidentState.ESCALATED)
    page(store, "gpu01")
    assert call(store, minutes(14.9)) == []
    assert call(store, minutes(15)) == ["gpu01"]
    assert call(store, minutes(16)) == []
    assert call(store, minutes(30)) == ["gpu01"]
    assert [row.payload.get("level", 0) for row in told(store, "escalation")] == [2, 1, 0]


def test_nobody_else_is_called_after_an_acknowledgement(store: MemoryStore) -> None:
    opened(store, "gpu01", IncidentState.ESCALATED, acked_by="wang")
    page(store, "gpu01")
    assert call(store, minutes(60)) == []


@pytest.mark.parametrize("state", [IncidentState.RESOLVED, IncidentState.HELD, IncidentState.REPAIRING])
def test_only_incidents_that_need_people_call_again(store: MemoryStore, state: IncidentState) -> None:
    opened(store, "gpu01", state)
    page(store, "gpu01")
    assert call(store, minutes(60)) == []


def test_calls_end_after_some(store: MemoryStore) -> None:
    opened(store, "gpu01", IncidentState.ESCALATED)
    page(store, "gpu01")
    called = [call(store, minutes(15 * count)) for count in range(1, 20)]
    assert sum(map(len, called)) == cadence.MOST_CALLS


def daily(store: MemoryStore, now: datetime = NOW) -> dict[str, object]:
    assert store.write(lambda db: cadence.daily(db, now, mode="act"))
    return dict(told(store, "daily")[0].payload)


def test_the_daily_digest_counts_the_last_day_only(store: MemoryStore) -> None:
    opened(store, "a", IncidentState.RESOLVED, minutes(-60), closed_at=minutes(-59), acted=True, fault="hung")
    opened(store, "b", IncidentState.RESOLVED, minutes(-90), closed_at=minutes(-87), acted=True, fault="hung")
    opened(store, "c", IncidentState.ESCALATED, minutes(-30), fault="unreachable")
    opened(store, "old", IncidentState.RESOLVED, minutes(-60 * 25), closed_at=minutes(-60 * 24), acted=True)
    facts = daily(store)
    assert (facts["incidents"], facts["resolved"], facts["open"]) == (3, 2, 1)
    assert facts["repair_s"] == {"median": 120.0, "longest": 180.0}
    assert facts["faults"] == {"hung": 2, "unreachable": 1}


def test_the_daily_digest_says_what_each_guard_stopped(store: MemoryStore) -> None:
    opened(store, "a", IncidentState.WAITING)
    for place, (verdict, gate) in enumerate(
        [
            ("wait", "cooldown"),
            ("wait", "cooldown"),
            ("refuse", "mode"),
            ("go", ""),
            ("refuse", "plan"),  # nothing to do: no guard stopped it
            ("refuse", "false_alarm"),
        ]
    ):
        row = {
            "id": f"d{place}", "incident_id": "a", "at": minutes(-place), "host": "a", "fault": "hung",
            "verdict": verdict, "gate": gate, "reason": {}, "findings": [], "gates": [],
        }  # fmt: skip
        store.write(lambda db, row=row: db.execute(insert(decision).values(**row)))
    assert daily(store)["gates"] == {"cooldown": 2, "mode": 1}


EXPLAINS = explainer(load().faults.values())


def look(store: MemoryStore, name: str, *lines: str, at: datetime = NOW, reachable: bool = True) -> None:
    """Store one look at a host that found these lines; the newest comes last."""
    body = {"instances": {"7860": {"log_lines": [{"text": line} for line in lines]}}}
    row = {"id": name, "incident_id": "a", "host": "a", "at": at, "reachable": reachable, "body": body}
    store.write(lambda db: db.execute(insert(evidence).values(**row)))


def unmatched(store: MemoryStore) -> object:
    assert store.write(lambda db: cadence.daily(db, NOW, mode="act", explains=EXPLAINS))
    return told(store, "daily")[0].payload["unmatched"]


ODD = "2026-11-27T01:00:00.123Z ERROR request=7f tts_app.speech: unexpected tensor shape"


def test_the_daily_digest_shows_error_lines_that_nothing_explains(store: MemoryStore) -> None:
    opened(store, "a", IncidentState.ESCALATED, fault="disk_full")
    again = ODD.replace("00.123", "07.456").replace("7f", "81")
    known = "2026-11-27T01:00:00.123Z ERROR request=7f tts_app.speech: CUDA out of memory. Tried to allocate 2 GiB"
    look(
        store,
        "e",
        known,
        ODD,
        again,
        "2026-11-27T01:00:00.123Z INFO request=- x: fine",
        "no stamp: ERROR-free",
    )
    assert unmatched(store) == [again]


def test_lines_of_yesterday_and_of_hosts_nobody_could_reach_are_not_shown(store: MemoryStore) -> None:
    opened(store, "a", IncidentState.ESCALATED)
    look(store, "old", ODD, at=minutes(-60 * 24 - 1))
    look(store, "gone", ODD, reachable=False)
    assert unmatched(store) == []


def test_a_few_unmatched_lines_are_enough(store: MemoryStore) -> None:
    opened(store, "a", IncidentState.ESCALATED)
    words = ("one", "two", "three", "four", "five", "six", "seven")
    look(store, "e", *(f"{ODD} {word}" for word in words))
    assert [line.rpartition(" ")[2] for line in unmatched(store)] == ["seven", "six", "five", "four", "three"]  # type: ignore[attr-defined]


def test_the_daily_digest_comes_once_a_day_although_two_timers_ring(store: MemoryStore) -> None:
    daily(store)
    assert not store.write(lambda db: cadence.daily(db, minutes(1), mode="act"))
    assert store.write(lambda db: cadence.daily(db, minutes(60 * 24), mode="act"))


def test_what_was_closed_long_ago_goes_with_everything_that_belongs_to_it(
    store: MemoryStore, tmp_path: Path
) -> None:
    opened(store, "old", IncidentState.RESOLVED, closed_at=NOW - timedelta(days=91))
    opened(store, "new", IncidentState.RESOLVED, closed_at=NOW - timedelta(days=89))
    opened(store, "open", IncidentState.ESCALATED, NOW - timedelta(days=200))
    for name in ("old", "new", "open"):
        page(store, name)
        _add_run(store, name)
        (tmp_path / f"run-{name}").mkdir()
    assert clean(store, tmp_path, NOW, 90) == 1  # type: ignore[arg-type]
    assert {one.id for one in store.read(incidents.latest)} == {"new", "open"}
    assert {row.incident_id for row in store.read(notifications.latest)} == {"new", "open"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run-new", "run-open"]


def _add_run(store: MemoryStore, name: str) -> None:
    row = {
        "id": f"run-{name}", "incident_id": name, "host": name, "fault": "hung", "remedy": "restart", "args": {},
        "playbook": "restart.yml", "rung": 0, "state": "ok", "timeout_s": 60, "disruptive": True, "created_at": NOW,
    }  # fmt: skip
    store.write(lambda db: db.execute(insert(run).values(**row)))
