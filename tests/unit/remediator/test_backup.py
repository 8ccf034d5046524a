"""Copies of a real database with a writer at work, and the way back."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from remediator.errors import ConfigError, Conflict, StoreUnavailable
from remediator.store import Store, audit, holds, notifications, open_store
from remediator.store.backup import backup, restore, revision_of
from remediator.store.schema import audit as audit_table
from tests.unit.remediator.test_cli import Shell
from tests.unit.remediator.world import NOW, PATIENCE_S


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/state/remediator.db"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = open_store(url, patience_s=PATIENCE_S)
    yield opened
    opened.close()


def note(store: Store, number: int) -> None:
    """Write one numbered row."""
    store.write(lambda db: audit.record(db, actor="test", action="note", subject=str(number), now=NOW))


def noted(url: str) -> list[int]:
    """Return the numbers that a database holds, in order."""
    opened = open_store(url, patience_s=PATIENCE_S)
    try:
        query = select(audit_table.c.subject).where(audit_table.c.action == "note").order_by(audit_table.c.id)
        return [int(text) for text in opened.read(lambda db: db.execute(query).scalars().all())]
    finally:
        opened.close()


def test_a_copy_made_while_others_write_is_sound_and_misses_nothing_that_was_committed(
    store: Store, url: str, tmp_path: Path
) -> None:
    count, stop = [0], threading.Event()

    def write() -> None:
        while not stop.is_set():
            note(store, count[0])
            count[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while count[0] < 20:
            stop.wait(0.001)
        copies = []
        for hour in range(3):
            before = count[0]
            copies.append((before, backup(url, tmp_path / "copies", 9, NOW + timedelta(hours=hour))))
    finally:
        stop.set()
        writer.join()
    for before, copy in copies:
        revision_of(copy)
        found = noted(f"sqlite:///{copy}")
        assert found == list(range(len(found)))
        assert len(found) >= before


def test_a_copy_is_one_file_for_its_owner_and_only_the_newest_are_kept(
    store: Store, url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "copies"
    made = [backup(url, folder, 2, NOW + timedelta(days=day)) for day in range(4)]
    (folder / "notes.txt").touch()
    backup(url, folder, 2, NOW + timedelta(days=5))
    assert sorted(path.name for path in folder.iterdir()) == [
        "notes.txt", made[3].name, f"remediator-{NOW + timedelta(days=5):%Y%m%dT%H%M%SZ}.db",
    ]  # fmt: skip
    assert made[3].stat().st_mode & 0o077 == 0


def test_a_database_that_cannot_be_copied_costs_no_older_copy(store: Store, url: str, tmp_path: Path) -> None:
    good = backup(url, tmp_path / "copies", 1, NOW)
    store.close()
    damage(tmp_path / "state/remediator.db")
    with pytest.raises(StoreUnavailable, match=r"remediator\.db was not copied: .*malformed"):
        backup(url, tmp_path / "copies", 1, NOW + timedelta(days=1))
    assert list((tmp_path / "copies").iterdir()) == [good]


def damage(file: Path) -> None:
    """Overwrite pages in the middle of a database."""
    data = bytearray(file.read_bytes())
    data[4096:20480] = b"\xff" * 16384
    file.write_bytes(data)


def test_nothing_is_restored_while_the_service_has_its_database_open(
    store: Store, url: str, tmp_path: Path
) -> None:
    copy = backup(url, tmp_path / "copies", 1, NOW)
    note(store, 1)
    with pytest.raises(Conflict, match="in use"):
        restore(url, copy, NOW)
    note(store, 2)
    store.close()
    assert noted(url) == [1, 2]
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["remediator.db"]


@pytest.mark.parametrize("what", ["damaged", "another", "newer"])
def test_what_is_no_sound_copy_of_this_version_replaces_nothing(
    store: Store, url: str, tmp_path: Path, what: str
) -> None:
    copy = backup(url, tmp_path / "copies", 1, NOW)
    note(store, 7)
    store.close()
    if what == "damaged":
        damage(copy)
    elif what == "another":
        copy.unlink()
        with closing(sqlite3.connect(copy)) as db, db:
            db.execute("CREATE TABLE something (id)")
    else:
        with closing(sqlite3.connect(copy)) as db, db:
            db.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigError if what == "newer" else StoreUnavailable):
        restore(url, copy, NOW)
    assert noted(url) == [7]


def test_a_damaged_database_is_replaced_and_its_journal_never_meets_the_copy(
    store: Store, url: str, tmp_path: Path
) -> None:
    note(store, 1)
    copy = backup(url, tmp_path / "copies", 1, NOW)
    store.close()
    live = tmp_path / "state/remediator.db"
    live.write_bytes(b"no database at all " * 1000)
    live.with_name("remediator.db-wal").write_bytes(b"a journal of something else")
    kept = restore(url, copy, NOW)
    assert kept is not None
    assert kept.read_bytes().startswith(b"no database")
    assert not live.with_name("remediator.db-wal").exists()
    assert noted(url) == [1]


def test_after_a_restore_by_command_nothing_new_begins_until_a_person_says_so(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    copies = tmp_path / "copies"
    made = shell("db", "backup", "--into", str(copies), "--keep", "3")
    assert made.exit_code == 0, made.output
    note(shell.world.store, 1)
    refused = shell("db", "restore", made.stdout.strip())
    assert refused.exit_code == 1
    assert "stop the remediator" in refused.output
    shell.world.store.close()
    done = shell("db", "restore", made.stdout.strip())
    assert done.exit_code == 0, done.output
    assert ".replaced-" in done.stdout
    assert noted(shell.world.url) == []
    opened = open_store(shell.world.url)
    assert [one.kind for one in opened.read(lambda db: holds.active(db, datetime.now(UTC)))] == ["stop"]
    opened.close()


def test_the_on_call_group_hears_of_a_copy_that_failed(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    full = tmp_path / "copies"
    full.write_text("a file where the folder should be")
    made = shell("db", "backup", "--into", str(full))
    assert made.exit_code == 1 and "was not copied" in made.output
    (told,) = shell.world.store.read(lambda db: notifications.due(db, datetime.now(UTC)))
    assert (told.kind, "was not copied" in told.payload["error"]) == ("backup", True)


def test_a_database_too_damaged_to_tell_anybody_fails_with_its_own_words(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.world.store.close()
    damage(Path(shell.world.url.removeprefix("sqlite:///")))
    made = shell("db", "backup", "--into", str(tmp_path / "copies"))
    assert made.exit_code == 1 and "was not copied" in made.output


def test_postgresql_has_its_own_tool(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pg_dump"):
        backup("postgresql+psycopg://u@h/db", tmp_path, 1, NOW)
