"""Commands that look after the database."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import click
from sqlalchemy.exc import SQLAlchemyError

from remediator import people
from remediator.cli_tools import explained, me, settings, store
from remediator.errors import StoreUnavailable
from remediator.notify import cadence


@click.group()
def db() -> None:
    """Look after the database."""


@db.command()
@explained
def upgrade() -> None:
    """Bring the database to this version's schema; safe to repeat."""
    from remediator.store import upgrade as migrate

    migrate(settings().database_url)
    click.echo("ok")


@db.command()
@click.option("--into", type=click.Path(path_type=Path), required=True, help="Folder of the copies.")
@click.option("--keep", type=click.IntRange(min=1), default=14, show_default=True, help="Copies to keep.")
@explained
def backup(into: Path, keep: int) -> None:
    """Copy the SQLite database while it is in use, and look at every page of the copy.

    The service tells the on-call group when that failed: nobody looks at a nightly job.
    """
    from remediator.store.backup import backup as copy

    given, now = settings(), datetime.now(UTC)
    try:
        click.echo(copy(given.database_url, into, keep, now))
    except StoreUnavailable as error:
        told = {"error": str(error), "mode": given.mode}
        with suppress(StoreUnavailable, SQLAlchemyError), store() as opened:
            opened.write(lambda db: cadence.backup_failed(db, now, **told))
        raise


@db.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@explained
def restore(file: Path) -> None:
    """Put the copy FILE in the database's place, and stop everything new until a person says `resume`.

    Stop the remediator first. Whatever happened since the copy was made is forgotten: runs, cooldowns, answers
    to questions. That is why nothing new begins by itself afterwards.
    """
    from remediator.store.backup import restore as put

    now = datetime.now(UTC)
    kept = put(settings().database_url, file, now)
    with store() as opened:
        opened.write(lambda db: people.stop(db, by=me(), reason=f"restored from {file.name}", now=now))
    click.echo(f"restored from {file}; the replaced database: {kept or 'there was none'}")
    click.echo("start the remediator, look at its page, then: python -m remediator resume")


COMMANDS = (db,)
