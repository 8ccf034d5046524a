"""Bring a database to this version's schema (Alembic, versions/ beside this file)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from remediator.errors import ConfigError, StoreUnavailable
from remediator.store.db import PATIENCE_S, Store, lock_writer

HERE = Path(__file__).parent


def open_store(url: str, *, patience_s: float = PATIENCE_S) -> Store:
    """Migrate the database at `url` and open it. The folder of a SQLite file is made when missing.

    Raises StoreUnavailable when the database cannot be opened.
    """
    upgrade(url)
    return Store(url, patience_s=patience_s)


def upgrade(url: str) -> None:
    """Run the missing migrations; safe to repeat, and to do from several remediators at once.

    Raises ConfigError when PostgreSQL's driver is not installed.
    """
    file = make_url(url).database if url.startswith("sqlite") else None
    if file:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    try:
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"database_url: needs the package {error.name}; install remediator/requirements-postgresql.txt "
            "and begin the address with postgresql+psycopg:"
        ) from None
    if file is not None:
        event.listen(engine, "connect", _patient)
        event.listen(engine, "begin", lambda db: db.exec_driver_sql("BEGIN IMMEDIATE"))
    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    try:
        with engine.begin() as db:
            if not url.startswith("sqlite"):  # SQLite: BEGIN IMMEDIATE
                lock_writer(db, PATIENCE_S)
            config.attributes["connection"] = db
            command.upgrade(config, "head")
    except OperationalError as error:
        raise StoreUnavailable(
            f"the database at {make_url(url).render_as_string()} cannot be opened"
        ) from error


def _patient(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver would begin by itself, too late
    connection.execute(f"PRAGMA busy_timeout={int(1000 * PATIENCE_S)}").close()


def schema_version(store: Store) -> str | None:
    """Return the revision the database is at."""
    return store.read(lambda db: MigrationContext.configure(db).get_current_revision())
