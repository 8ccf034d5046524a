"""`notify test`: one message of each kind to each receiver, and what the server answered."""

from __future__ import annotations

import sys

import click

from remediator.cli_tools import explained, settings
from remediator.errors import NotifyError
from remediator.notify.build import receivers_of
from remediator.notify.oncall import load_rotation
from remediator.notify.samples import samples
from remediator.notify.wording import compose
from remediator.service import utc_now


@click.group()
def notify() -> None:
    """Try out the channels."""


@notify.command("test")
@click.option("--kind", "kinds", multiple=True, help="Only this kind; may be repeated.")
@click.option("--receiver", "names", multiple=True, help="Only this receiver; may be repeated.")
@explained
def notify_test(kinds: tuple[str, ...], names: tuple[str, ...]) -> None:
    """Send one message of each kind to each receiver and print what the server answered, secrets masked."""
    given = settings()
    found = receivers_of(given, utc_now, load_rotation(given.oncall_file) if given.oncall_file else None)
    if not found:
        click.echo("no channel is set: wecom_robot_urls_file or smtp_host with mail_to", err=True)
        sys.exit(2)
    failed = False
    for receiver in found:
        if names and receiver.name not in names:
            continue
        for kind, message in samples(utc_now()).items():
            if kinds and kind not in kinds:
                continue
            for member in receiver.pool.members:
                try:
                    answer = member.channel.send(compose(message, receiver.reader))
                except NotifyError as error:
                    answer, failed = f"failed: {error}", True
                click.echo(f"{receiver.name}  {member.channel.name}  {kind}  {answer}")
    sys.exit(1 if failed else 0)


COMMANDS = (notify,)
