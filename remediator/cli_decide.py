"""Commands that decide: approve, deny, ack, hold, release, stop, resume, cancel. Audited by user name."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import click

from remediator import people
from remediator.cli_tools import explained, me, settings, store

REASON = click.option("--reason", default="", help="Why; people read it in messages and in the audit.")


def _now() -> datetime:
    return datetime.now(UTC)


@click.command()
@click.argument("approval_id", metavar="ID")
@explained
def approve(approval_id: str) -> None:
    """Approve what was asked under ID; works once, until it expires."""
    _decide(approval_id, approve=True)


@click.command()
@click.argument("approval_id", metavar="ID")
@explained
def deny(approval_id: str) -> None:
    """Deny what was asked under ID."""
    _decide(approval_id, approve=False)


def _decide(approval_id: str, *, approve: bool) -> None:
    with store() as opened:
        incident = opened.write(
            lambda db: people.decide(db, approval_id, approve=approve, by=me(), now=_now())
        )
    click.echo(f"{'approved' if approve else 'denied'} for {incident}")


@click.command()
@click.argument("incident_id", metavar="ID")
@explained
def ack(incident_id: str) -> None:
    """Say that you have seen incident ID: nobody else is called."""
    with store() as opened:
        opened.write(lambda db: people.ack(db, incident_id, by=me(), now=_now()))
    click.echo(f"acknowledged {incident_id}")


@click.command()
@click.argument("incident_id", metavar="ID")
@REASON
@explained
def hold(incident_id: str, reason: str) -> None:
    """Take incident ID: nothing more is done about it by itself until `release`."""
    mode = settings().mode
    with store() as opened:
        opened.write(lambda db: people.hold(db, incident_id, by=me(), reason=reason, now=_now(), mode=mode))
    click.echo(f"held {incident_id}")


@click.command()
@click.argument("incident_id", metavar="ID")
@explained
def release(incident_id: str) -> None:
    """Give incident ID back: the host is examined anew."""
    with store() as opened:
        opened.write(lambda db: people.release(db, incident_id, by=me(), now=_now()))
    click.echo(f"released {incident_id}")


@click.command()
@REASON
@explained
def stop(reason: str) -> None:
    """Start nothing new anywhere; runs in progress go on and are verified."""
    with store() as opened:
        opened.write(lambda db: people.stop(db, by=me(), reason=reason, now=_now()))
    click.echo("stopped; `remediator resume` lifts it")


@click.command()
@explained
def resume() -> None:
    """Lift every stop."""
    with store() as opened:
        lifted = opened.write(lambda db: people.resume(db, by=me(), now=_now()))
    click.echo(f"lifted {lifted}")


@click.command()
@click.argument("run_id", metavar="ID")
@explained
def cancel(run_id: str) -> None:
    """End run ID."""
    from remediator import execute, inventory

    chosen = settings()
    with store() as opened:
        begun = opened.write(lambda db: people.cancel(db, run_id, by=me(), now=_now()))
        if begun is not None:
            execute.from_settings(chosen, inventory.load(chosen.inventory), os.environ).cancel(begun)
    click.echo(f"canceling {run_id}")


COMMANDS = (approve, deny, ack, hold, release, stop, resume, cancel)
