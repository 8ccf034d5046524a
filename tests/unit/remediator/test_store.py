"""The store on real SQLite and PostgreSQL: migrations, promises of its indexes, races, what a crash leaves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text, update
from sqlalchemy.exc import IntegrityError

from remediator.errors import ConfigError, Conflict, IllegalTransition, StoreUnavailable, UnknownItem
from remediator.model import Finding, Plan, RunOutcome, Verdict, VerdictKind
from remediator.states import IncidentState, RunState
from remediator.store import (
    Store,
    alerts,
    approvals,
    audit,
    holds,
    incidents,
    notifications,
    open_store,
    probes,
    records,
    runs,
    schema_version,
    upgrade,
)
from remediator.store.schema import metadata
from tests.unit.remediator.world import CATALOGUE, NOW, PATIENCE_S, alert

S = IncidentState
PLAN = Plan("gpu01", "7860", "service_down", "restart", 0)
HOUR = timedelta(hours=1)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = open_store(url, patience_s=PATIENCE_S)
    yield opened
    opened.close()


def new(store: Store, host: str = "gpu01") -> incidents.Incident:
    return store.write(
        lambda db: incidents.open_new(
            db, host=host, severity="critical", instance=None, now=NOW, lookback=timedelta(0)
        )
    )


def reserve(store: Store, mine: incidents.Incident, host: str = "gpu01") -> runs.Run:
    plan = Plan(host, "7860", "service_down", "restart", 0)
    restart = CATALOGUE.remedies["restart"]

    def work(db: object) -> runs.Run:
        decision = records.add_decision(
            db,
            mine.id,
            host=host,
            evidence_id=None,
            findings=[_FINDING],
            plan=plan,
            verdict=_VERDICT,
            now=NOW,
        )  # type: ignore[arg-type]
        return runs.reserve(db, mine.id, decision, plan, restart, NOW)  # type: ignore[arg-type]

    return store.write(work)


_FINDING = Finding("service_down", "7860", "down", "停止", "unit is failed")
_VERDICT = Verdict(VerdictKind.GO, "", "open", "通过", None)


def test_the_migrations_make_exactly_the_schema(store: Store) -> None:
    assert schema_version(store) == "0003"
    difference = store.read(lambda db: compare_metadata(MigrationContext.configure(db), metadata))
    assert difference == []


def test_what_was_logged_before_the_last_incident_closed_is_no_evidence(store: Store) -> None:
    mine = new(store)
    closed = NOW + timedelta(minutes=1)
    row = metadata.tables["incident"]
    closing = update(row).where(row.c.id == mine.id).values(state="resolved", closed_at=closed)
    store.write(lambda db: db.execute(closing).rowcount)
    later = closed + timedelta(minutes=2)
    after = store.write(
        lambda db: incidents.open_new(
            db, host="gpu01", severity="critical", instance=None, now=later, lookback=timedelta(minutes=10)
        )
    )
    elsewhere = store.write(
        lambda db: incidents.open_new(
            db, host="gpu02", severity="critical", instance=None, now=later, lookback=timedelta(minutes=10)
        )
    )
    assert (after.evidence_since, elsewhere.evidence_since) == (closed, later - timedelta(minutes=10))


def test_migrating_again_changes_nothing(store: Store, url: str) -> None:
    mine = new(store)
    upgrade(url)
    assert store.read(lambda db: incidents.get(db, mine.id)) == mine


def test_sqlites_commits_are_durable_against_power_loss(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/remediator.db", patience_s=PATIENCE_S)
    pragmas = store.read(
        lambda db: [db.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous")]
    )
    store.close()
    assert pragmas == ["wal", 2]


def test_a_database_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(StoreUnavailable, match=r"folder\.db"):
        open_store(f"sqlite:///{tmp_path}/folder.db")


def test_a_closed_store_takes_no_writes(url: str) -> None:
    store = open_store(url, patience_s=PATIENCE_S)
    store.close()
    with pytest.raises(StoreUnavailable):
        store.write(lambda db: None)


def test_times_come_back_aware_and_equal_and_naive_ones_are_refused(store: Store) -> None:
    mine = new(store)
    assert mine.opened_at == NOW and mine.opened_at.tzinfo is not None
    with pytest.raises(Exception, match="without a zone"):
        store.write(lambda db: incidents.ring(db, mine.id, datetime(2026, 1, 1)))


def test_a_failing_write_undoes_only_itself(store: Store) -> None:
    begin = threading.Barrier(9)

    def write(number: int) -> bool:
        begin.wait(PATIENCE_S)

        def work(db: object) -> None:
            audit.record(db, actor="t", action="a", subject=str(number), now=NOW)  # type: ignore[arg-type]
            if number % 3 == 0:
                raise ValueError(number)

        try:
            store.write(work)
        except ValueError:
            return False
        return True

    with ThreadPoolExecutor(9) as pool:
        kept = list(pool.map(write, range(9)))
    rows = {row["subject"] for row in store.read(audit.latest)}
    assert kept == [number % 3 != 0 for number in range(9)]
    assert rows == {"1", "2", "4", "5", "7", "8"}


def test_a_host_has_at_most_one_open_incident(store: Store) -> None:
    first = new(store)
    with pytest.raises(IntegrityError):
        new(store)
    assert new(store, "gpu02").host == "gpu02"
    moved = first
    for state in (S.EXAMINING, S.VERIFYING, S.RESOLVED):
        moved = store.write(lambda db, old=moved, to=state: incidents.move(db, old, to, NOW, wake_at=None))
    assert new(store).id != first.id


def test_a_host_has_at_most_one_active_run(store: Store) -> None:
    mine = new(store)
    run = reserve(store, mine)
    with pytest.raises(IntegrityError):
        reserve(store, mine)
    other = new(store, "gpu02")
    assert reserve(store, other, "gpu02").host == "gpu02"
    store.write(lambda db: runs.began(db, run.id, NOW))
    with pytest.raises(IntegrityError):
        reserve(store, mine)
    store.write(lambda db: runs.ended(db, run.id, RunOutcome("failed", 2), NOW))
    assert reserve(store, mine).state is RunState.QUEUED


def test_of_many_racing_workers_on_two_stores_one_claims_and_one_moves(store: Store, url: str) -> None:
    mine, second = new(store), open_store(url, patience_s=PATIENCE_S)
    begin = threading.Barrier(8)

    def work(number: int) -> bool:
        on = (store, second)[number % 2]
        begin.wait(PATIENCE_S)
        claimed = on.write(lambda db: incidents.claim(db, mine.id, owner=f"w{number}", now=NOW, for_s=60))
        if claimed is None:
            return False
        on.write(lambda db: incidents.move(db, claimed, S.EXAMINING, NOW, wake_at=NOW))
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(work, range(8)))
    second.close()
    assert won.count(True) >= 1
    assert store.read(lambda db: incidents.get(db, mine.id)).version == 1 + won.count(True)


def test_of_many_racing_moves_from_one_state_one_wins(store: Store, url: str) -> None:
    mine, second = new(store), open_store(url, patience_s=PATIENCE_S)
    begin = threading.Barrier(8)

    def work(number: int) -> bool:
        on = (store, second)[number % 2]
        begin.wait(PATIENCE_S)
        try:
            on.write(lambda db: incidents.move(db, mine, S.EXAMINING, NOW, wake_at=NOW))
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(work, range(8)))
    second.close()
    assert won.count(True) == 1


def test_of_many_racing_reservations_one_wins(store: Store, url: str) -> None:
    mine, second = new(store), open_store(url, patience_s=PATIENCE_S)
    begin = threading.Barrier(8)

    def work(number: int) -> bool:
        begin.wait(PATIENCE_S)
        try:
            reserve((store, second)[number % 2], mine)
        except IntegrityError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(work, range(8)))
    second.close()
    assert won.count(True) == 1 and len(store.read(runs.active)) == 1


def test_a_worker_that_lost_its_claim_cannot_write(store: Store) -> None:
    mine = new(store)
    slow = store.write(lambda db: incidents.claim(db, mine.id, owner="slow", now=NOW, for_s=60))
    late = NOW + timedelta(seconds=60)
    assert slow is not None
    fast = store.write(lambda db: incidents.claim(db, mine.id, owner="fast", now=late, for_s=60))
    assert fast is not None
    with pytest.raises(Conflict):
        store.write(lambda db: incidents.move(db, slow, S.EXAMINING, late, wake_at=late))
    assert (
        store.write(lambda db: incidents.move(db, fast, S.EXAMINING, late, wake_at=late)).state is S.EXAMINING
    )


def test_a_claim_holds_until_it_expires(store: Store) -> None:
    mine = new(store)
    claim = {"owner": "a", "for_s": 60}
    assert store.write(lambda db: incidents.claim(db, mine.id, now=NOW, **claim))  # type: ignore[arg-type]
    early = NOW + timedelta(seconds=59)
    assert store.write(lambda db: incidents.claim(db, mine.id, owner="b", now=early, for_s=60)) is None
    assert store.read(lambda db: incidents.due(db, early)) == []
    assert store.read(lambda db: incidents.due(db, NOW + timedelta(seconds=60))) == [mine.id]
    assert store.write(lambda db: incidents.release_claims(db, ["a"])) == 1
    assert store.read(lambda db: incidents.due(db, early)) == [mine.id]


def test_a_person_takes_an_incident_from_whoever_works_on_it(store: Store) -> None:
    mine = new(store)
    working = store.write(lambda db: incidents.claim(db, mine.id, owner="w", now=NOW, for_s=60))
    store.write(lambda db: incidents.seize(db, mine, S.HELD, NOW, wake_at=None, held_by="ann"))
    assert working is not None
    with pytest.raises(Conflict):
        store.write(lambda db: incidents.move(db, working, S.EXAMINING, NOW, wake_at=NOW))


def test_an_illegal_move_is_refused_before_the_database(store: Store) -> None:
    mine = new(store)
    with pytest.raises(IllegalTransition):
        store.write(lambda db: incidents.move(db, mine, S.RESOLVED, NOW, wake_at=None))


def test_an_alerts_key_is_stored_once(store: Store) -> None:
    mine = new(store)
    store.write(lambda db: alerts.add(db, alert(), mine.id, NOW))
    with pytest.raises(IntegrityError):
        store.write(lambda db: alerts.add(db, alert(), mine.id, NOW))
    store.write(lambda db: alerts.hit(db, alert().key, NOW + HOUR))
    stored = store.read(lambda db: alerts.of_incident(db, mine.id))[0]
    assert stored.alert == alert() and stored.hits == 2 and stored.last_seen_at == NOW + HOUR


@pytest.mark.parametrize(
    ("passed", "counted"), [(timedelta(0), 1), (HOUR - timedelta(seconds=1), 1), (HOUR, 0)]
)
def test_attempts_are_counted_within_their_hour(store: Store, passed: timedelta, counted: int) -> None:
    reserve(store, new(store))
    at = NOW + passed
    assert store.read(lambda db: runs.attempts(db, "gpu01", "service_down", at - HOUR)) == counted
    assert store.read(lambda db: runs.attempts(db, "gpu01", "hung", at - HOUR)) == 0


def test_a_canceled_reservation_is_no_attempt(store: Store) -> None:
    run = reserve(store, new(store))
    assert store.write(lambda db: runs.cancel_queued(db, run.id, NOW))
    assert store.read(lambda db: runs.attempts(db, "gpu01", "service_down", NOW - HOUR)) == 0
    assert not store.write(lambda db: runs.began(db, run.id, NOW))


@pytest.mark.parametrize("begun", [True, False])
def test_a_run_that_was_canceled_counts_as_one_when_it_had_begun(store: Store, begun: bool) -> None:
    run = reserve(store, new(store))
    if begun:
        store.write(lambda db: runs.began(db, run.id, NOW))
        store.write(lambda db: runs.ended(db, run.id, RunOutcome("canceled"), NOW))
    else:
        store.write(lambda db: runs.cancel_queued(db, run.id, NOW))
    assert store.read(lambda db: runs.attempts(db, "gpu01", "service_down", NOW - HOUR)) == begun
    assert len(store.read(lambda db: runs.latest_of_remedy(db, "gpu01", "restart"))) == begun
    assert store.read(lambda db: runs.disruptive_since(db, NOW - HOUR)) == ({"gpu01": NOW} if begun else {})
    assert store.read(runs.went_wrong) == ({"gpu01"} if begun else frozenset())


def test_how_a_run_ended_is_recorded_once(store: Store) -> None:
    run = reserve(store, new(store))
    store.write(lambda db: runs.began(db, run.id, NOW))
    assert store.write(lambda db: runs.ended(db, run.id, RunOutcome("ok", 0, {"freed_b": 5}), NOW))
    assert not store.write(lambda db: runs.ended(db, run.id, RunOutcome("abandoned"), NOW))
    ended = store.read(lambda db: runs.get(db, run.id))
    assert (ended.state, ended.rc, ended.summary) == (RunState.OK, 0, {"freed_b": 5})


@pytest.mark.parametrize("ended", ["failed", "abandoned", "canceled"])
def test_a_host_counts_as_out_after_a_run_that_went_wrong_until_speech_is_proved(
    store: Store, ended: Literal["failed", "abandoned", "canceled"]
) -> None:
    mine = new(store)
    run = reserve(store, mine)
    store.write(lambda db: runs.began(db, run.id, NOW))
    assert store.read(runs.went_wrong) == frozenset()
    store.write(lambda db: runs.ended(db, run.id, RunOutcome(ended), NOW))
    assert store.read(runs.went_wrong) == {"gpu01"}
    moved = mine
    for state in (S.EXAMINING, S.VERIFYING, S.HOLDING, S.RESOLVED):
        moved = store.write(lambda db, old=moved, to=state: incidents.move(db, old, to, NOW, wake_at=None))
    assert store.read(runs.went_wrong) == frozenset()


def test_messages_wait_until_they_are_delivered(store: Store) -> None:
    first, second = (
        store.write(lambda db, n=n: notifications.add(db, "opened", {"n": n}, NOW)) for n in (1, 2)
    )
    assert [one.payload["n"] for one in store.read(lambda db: notifications.due(db, NOW))] == [1, 2]
    store.write(lambda db: notifications.mark_delivered(db, first, NOW))
    later = NOW + timedelta(seconds=30)
    store.write(
        lambda db: notifications.mark_failed(db, second, error="HTTP 500", permanent=False, next_at=later)
    )
    assert store.read(lambda db: notifications.due(db, later - timedelta(seconds=1))) == []
    assert [one.id for one in store.read(lambda db: notifications.due(db, later))] == [second]
    store.write(lambda db: notifications.mark_failed(db, second, error="HTTP 404", permanent=True))
    assert store.read(lambda db: notifications.due(db, later + HOUR)) == []
    assert store.read(lambda db: notifications.get(db, second)).attempts == 2


def test_a_message_is_split_once_into_one_per_receiver(store: Store) -> None:
    whole = store.write(lambda db: notifications.add(db, "opened", {"a": 1}, NOW))
    made = store.write(lambda db: notifications.split(db, whole, ["ops", "mail"], NOW))
    assert store.write(lambda db: notifications.split(db, whole, ["ops"], NOW)) == []
    due = store.read(lambda db: notifications.due(db, NOW))
    assert [one.id for one in due] == made and [one.receiver for one in due] == ["ops", "mail"]


def test_an_approval_is_given_once_used_once_and_expires_to_no(store: Store) -> None:
    mine = new(store)
    reserve(store, mine)
    decision = store.read(lambda db: records.decisions_of(db, mine.id))[0]["id"]
    end = NOW + HOUR
    asked = [
        store.write(lambda db: approvals.ask(db, mine.id, decision, PLAN, now=NOW, expires_at=end))
        for _ in "ab"
    ]
    given = store.write(lambda db: approvals.decide(db, asked[0], approve=True, by="ann", now=NOW))
    assert given.covers(PLAN) and not given.covers(Plan("gpu01", "7861", "service_down", "restart", 0))
    with pytest.raises(Conflict, match="already approved"):
        store.write(lambda db: approvals.decide(db, asked[0], approve=False, by="bob", now=NOW))
    assert store.write(lambda db: approvals.use(db, asked[0], NOW))
    assert not store.write(lambda db: approvals.use(db, asked[0], NOW))
    with pytest.raises(Conflict, match="has expired"):
        store.write(lambda db: approvals.decide(db, asked[1], approve=True, by="ann", now=end))
    assert store.write(lambda db: approvals.expire(db, end)) == 1


def test_stops_and_windows_are_in_force_until_lifted_or_over(store: Store) -> None:
    store.write(lambda db: holds.stop(db, by="ann", reason="storm", now=NOW))
    window = store.write(
        lambda db: holds.open_window(db, host="gpu01", by="li", reason="patch", now=NOW, until=NOW + HOUR)
    )
    assert [one.kind for one in store.read(lambda db: holds.active(db, NOW))] == ["stop", "maintenance"]
    assert [one.kind for one in store.read(lambda db: holds.active(db, NOW + HOUR))] == ["stop"]
    assert store.write(lambda db: holds.resume(db, by="ann", now=NOW)) == 1
    assert store.write(lambda db: holds.close_window(db, window, by="li", now=NOW))
    assert store.read(lambda db: holds.active(db, NOW)) == []


def test_a_probes_memory_is_replaced(store: Store) -> None:
    for failures in (1, 2):
        row = probes.ProbeState("gpu01", "7860", failures, None, NOW, 0.1, "timeout")
        store.write(lambda db, state=row: probes.put(db, state))
    assert store.read(lambda db: probes.get(db, "gpu01", "7860")) == row and store.read(probes.every) == [row]


def test_what_does_not_exist_is_unknown(store: Store) -> None:
    for get in (incidents.get, runs.get, approvals.get):
        with pytest.raises(UnknownItem):
            store.read(lambda db, look=get: look(db, "nothing"))


def test_committed_rows_survive_a_second_opening(store: Store, url: str) -> None:
    mine = new(store)
    store.close()
    again = open_store(url, patience_s=PATIENCE_S)
    assert again.read(lambda db: incidents.get(db, mine.id)) == mine
    again.close()


def test_two_writers_that_both_count_first_do_not_both_find_the_last_place(store: Store, url: str) -> None:
    second, begin = open_store(url, patience_s=PATIENCE_S), threading.Barrier(8)

    def work(number: int) -> bool:
        def take_if_free(db: object) -> bool:
            free = not audit.latest(db)  # type: ignore[arg-type]
            if free:
                audit.record(db, actor="t", action="a", subject=str(number), now=NOW)  # type: ignore[arg-type]
            return free

        begin.wait(PATIENCE_S)
        return (store, second)[number % 2].write(take_if_free)

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(work, range(8)))
    second.close()
    assert won.count(True) == 1


def test_a_read_sees_one_moment_however_long_it_takes(store: Store) -> None:
    def work(db: object) -> tuple[int, int]:
        before = len(audit.latest(db))  # type: ignore[arg-type]
        store.write(lambda other: audit.record(other, actor="t", action="a", subject="s", now=NOW))
        return before, len(audit.latest(db))  # type: ignore[arg-type]

    assert store.read(work) == (0, 0)
    assert len(store.read(audit.latest)) == 1


def test_remediators_that_start_at_once_migrate_once(url: str) -> None:
    begin = threading.Barrier(4)

    def start(_number: int) -> str | None:
        begin.wait(PATIENCE_S)
        opened = open_store(url, patience_s=PATIENCE_S)
        opened.close()
        return "ok"

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(start, range(4))) == ["ok"] * 4


def test_an_incidents_message_is_never_older_than_its_last_one(store: Store) -> None:
    mine = new(store)
    ahead = NOW + timedelta(seconds=2)
    ids = [
        store.write(lambda db, at=at: notifications.add(db, "result", {}, at, incident_id=mine.id))
        for at in (ahead, NOW, ahead)
    ]
    rows = store.read(lambda db: notifications.of_incident(db, mine.id))
    assert [row.id for row in rows] == ids


def test_what_a_statement_carries_is_in_no_exception(store: Store) -> None:
    mine = new(store)
    store.write(lambda db: alerts.add(db, alert(summary="SECRET"), mine.id, NOW))
    with pytest.raises(IntegrityError) as caught:
        store.write(lambda db: alerts.add(db, alert(summary="SECRET"), mine.id, NOW))
    assert "SECRET" not in str(caught.value)


def test_postgresql_without_its_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")

    monkeypatch.setattr("remediator.store.migrate.create_engine", missing)
    with pytest.raises(ConfigError, match=r"database_url: .*requirements-postgresql"):
        open_store("postgresql+psycopg://nobody@/none")
