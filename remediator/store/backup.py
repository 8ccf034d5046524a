"""Copies of the SQLite database while it is in use, and the way back.

A copy is one file without a journal beside it, readable by its owner only; it has its name only after SQLite
found nothing wrong with it. PostgreSQL has pg_dump, so its addresses are refused.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy.engine import make_url

from remediator.errors import ConfigError, Conflict, StoreUnavailable

HERE = Path(__file__).parent
STAMP = "%Y%m%dT%H%M%SZ"
NAMES = "remediator-????????T??????Z.db"
PATIENCE_S = 30.0
BESIDE = ("-wal", "-shm")  # what belongs to a database in use


def database_file(url: str) -> Path:
    """Return the file behind a SQLite address. Raises ConfigError for any other database."""
    parts = make_url(url)
    if parts.get_backend_name() != "sqlite" or not parts.database:
        raise ConfigError(
            "database_url: only a SQLite file is copied by this command; for PostgreSQL use pg_dump"
        )
    return Path(parts.database)


def backup(url: str, into: Path, keep: int, now: datetime) -> Path:
    """Copy the database into the folder `into`, delete all but the newest `keep` copies, return the new one.

    Nobody has to wait: the copy reads one snapshot while others write. Raises StoreUnavailable when there is
    no sound copy; the older ones are kept then.
    """
    source = database_file(url)
    target = into / f"remediator-{now:{STAMP}}.db"
    part = target.with_suffix(".part")
    try:
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        _copy(source, part)
        revision_of(part)
        _settle(part, target)
    except (sqlite3.Error, OSError, StoreUnavailable) as error:
        raise StoreUnavailable(f"{source} was not copied: {error}") from error
    finally:
        with suppress(OSError):  # what made it fail may stand in the way of this too
            part.unlink()
    for old in sorted(into.glob(NAMES))[: -max(keep, 1)]:
        old.unlink(missing_ok=True)
    return target


def revision_of(file: Path) -> str:
    """Return the revision of the schema in `file` after SQLite looked at every page of it.

    Raises StoreUnavailable when it is damaged, or no database of the remediator.
    """
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as db:
            problems = [str(row[0]) for row in db.execute("PRAGMA integrity_check")]
            problems += [
                f"a row of {row[0]} belongs to nothing" for row in db.execute("PRAGMA foreign_key_check")
            ]
            (revision,) = db.execute("SELECT version_num FROM alembic_version").fetchone()
    except (sqlite3.Error, TypeError) as error:
        raise StoreUnavailable(f"{file} is no sound database of the remediator: {error}") from error
    if problems != ["ok"]:
        raise StoreUnavailable(f"{file} is damaged: {'; '.join(problems[:5])}")
    return str(revision)


def restore(url: str, file: Path, now: datetime) -> Path | None:
    """Put the copy `file` in the database's place; return where the replaced one lies now, None without one.

    Raises StoreUnavailable for a copy that is damaged, ConfigError for one of a newer version, and Conflict
    while anybody has the database open. Nothing was changed then.
    """
    target = database_file(url)
    revision = revision_of(file)
    if revision not in {known.revision for known in ScriptDirectory(str(HERE)).walk_revisions()}:
        raise ConfigError(f"{file}: its schema {revision} is of a newer version; install that version first")
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_name(f"{target.name}.restoring")
    shutil.copyfile(file, new)
    new.chmod(0o600)
    if os.geteuid() == 0:  # the service has to be able to open it
        owner = target.parent.stat()
        os.chown(new, owner.st_uid, owner.st_gid)
    try:
        kept = _put_aside(target, target.with_name(f"{target.name}.replaced-{now:{STAMP}}"))
        _settle(new, target)
    finally:
        new.unlink(missing_ok=True)
    return kept


def _copy(source: Path, part: Path) -> None:
    # rw, not ro: a reader of a WAL database takes part in its locking. It never makes a missing file.
    address = f"{source.absolute().as_uri()}?mode=rw"
    with (
        closing(sqlite3.connect(address, uri=True, timeout=PATIENCE_S)) as live,
        closing(sqlite3.connect(part)) as copy,
    ):
        live.backup(copy)  # in one step: in several, every write of others would begin it anew
        copy.execute("PRAGMA journal_mode=DELETE")


def _put_aside(target: Path, kept: Path) -> Path | None:
    """Keep the replaced database under another name, the service's own name staying valid until the end."""
    if not target.exists():
        return None
    # SQLite gives the journal up for its last user only, which is how it says that nobody else is there.
    try:
        with closing(sqlite3.connect(target, timeout=2.0, isolation_level=None)) as db:
            db.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.DatabaseError as error:
        if "locked" in str(error):
            raise Conflict("the database is in use; stop the remediator and its runs first") from error
        # Too damaged to be asked: its journal must not meet the copy, so it goes along.
    for suffix in BESIDE:
        with suppress(FileNotFoundError):
            target.with_name(target.name + suffix).rename(kept.with_name(kept.name + suffix))
    kept.hardlink_to(target)
    return kept


def _settle(new: Path, target: Path) -> None:
    """Give `new` its name; both survive a power cut."""
    _sync(new)
    new.replace(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
