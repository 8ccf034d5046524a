"""Commands that look: incidents, runs, messages, why."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from remediator.cli_tools import explained, settings, store
from remediator.web import views

Row = dict[str, Any]
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
LIMIT = click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="Newest rows."
)


def _show(what: str, limit: int, as_json: bool, line: Callable[[Row], str]) -> None:
    with store() as opened:
        rows = opened.read(lambda db: views.rows(db, what, limit))
    if as_json:
        click.echo(json.dumps({what: rows}, ensure_ascii=False, indent=2))
        return
    for row in rows:
        click.echo(line(row))


def _place(row: Row) -> str:
    return f"{row['host']}:{row['instance']}" if row.get("instance") else str(row.get("host") or "-")


@click.command()
@LIMIT
@AS_JSON
@explained
def incidents(limit: int, as_json: bool) -> None:
    """List the newest incidents."""
    _show(
        "incidents",
        limit,
        as_json,
        lambda row: f"{row['id']}  {_place(row)}  {row['fault'] or '?'}  {row['state']}  {row['opened_at']}",
    )


@click.command()
@LIMIT
@AS_JSON
@explained
def runs(limit: int, as_json: bool) -> None:
    """List the newest runs."""
    _show(
        "runs",
        limit,
        as_json,
        lambda row: f"{row['id']}  {_place(row)}  {row['remedy']}  {row['state']}  {row['created_at']}",
    )


@click.command()
@LIMIT
@AS_JSON
@explained
def messages(limit: int, as_json: bool) -> None:
    """List the newest messages and whether they arrived."""
    _show(
        "messages",
        limit,
        as_json,
        lambda row: (
            f"{row['id']}  {row['kind']}  {row['host'] or '-'}  {row['receiver'] or '-'}  {row['state']}"
            + (f"  {row['error']}" if row["error"] else "")
        ),
    )


@click.command()
@click.argument("incident_id", metavar="ID")
@click.option("--lang", type=click.Choice(["zh", "en"]), help="Language; otherwise the setting's.")
@explained
def why(incident_id: str, lang: str | None) -> None:
    """Explain incident ID: what was found, what was decided, every gate with its value."""
    from remediator.why import why as explain

    with store() as opened:
        click.echo(opened.read(lambda db: explain(db, incident_id, lang or settings().language)))


COMMANDS = (incidents, runs, messages, why)
