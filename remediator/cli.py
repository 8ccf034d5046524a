"""The commands people and units call. Every one has --help; errors name the field and the fix."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import click
import yaml

from remediator import __version__, cli_db, cli_decide, cli_look, cli_notify
from remediator.cli_tools import UNUSABLE, explained, settings
from remediator.errors import ConfigError
from remediator.logs import set_up
from remediator.tokens import Role, digest, new_token


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="remediator")
def main() -> None:
    """Repair speech services by itself, with proof, or call people.

    Settings come from REMEDIATOR_* variables or the YAML file that REMEDIATOR_CONFIG names.
    """


@main.command()
@explained
def serve() -> None:
    """Take alerts, repair, tell people, show the page, until stopped."""
    from remediator.server import serve as run
    from remediator.service import assemble

    chosen = settings()
    set_up(chosen.log_level)
    run(chosen, assemble(chosen))


@main.command()
def check() -> None:
    """Look at settings, tokens, catalogue, playbooks and inventory; print every problem at once."""
    from remediator.check import check as find

    problems = find(os.environ)
    for problem in problems:
        click.echo(f"problem: {problem}", err=True)
    if problems:
        sys.exit(UNUSABLE)
    click.echo("ok")


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@explained
def replay(file: Path, as_json: bool) -> None:
    """Say what would be decided about the recorded alerts in FILE; nothing is done."""
    from remediator import catalogue, inventory
    from remediator.replay import Replay
    from remediator.service import policy_of

    chosen = settings()
    known = catalogue.load(chosen.faults_file, chosen.remedies_file, captures=chosen.captures_dir)
    runner = Replay(known, inventory.load(chosen.inventory), policy_of(chosen))
    with file.open(encoding="utf-8") as lines:
        for outcome in runner.run(lines):
            click.echo(_replayed(outcome.to_json(), as_json, chosen.language))


def _replayed(row: dict[str, Any], as_json: bool, language: str) -> str:
    if as_json:
        return json.dumps(row, ensure_ascii=False)
    words = [
        row["at"] or "?",
        row["host"] or "-",
        row["fault"] or "-",
        row["remedy"] or "-",
        row["verdict"] or "-",
    ]
    return f"{row['line']:>5}  {'  '.join(words)}  {row['text'][language]}"


@main.command("run-one", hidden=True)
@click.argument("run_id")
def run_one(run_id: str) -> None:
    """Be the process of one run; started by the remediator."""
    from remediator.run_process import main as run

    set_up("INFO")
    sys.exit(run(run_id))


@main.group()
def token() -> None:
    """Make tokens."""


@token.command("new")
@click.argument("name")
@click.option(
    "--role", type=click.Choice([str(role) for role in Role]), required=True, help="What it may do."
)
@click.option("--host", "hosts", multiple=True, help="Senders only: bind it to this host; may be repeated.")
@click.option("--add", is_flag=True, help="Also write its hash into the tokens file.")
@explained
def token_new(name: str, role: str, hosts: tuple[str, ...], add: bool) -> None:
    """Make a token called NAME and show it once; only its hash is kept."""
    fresh = new_token()
    entry: dict[str, Any] = {"name": name, "role": role, "hash": digest(fresh)}
    if hosts:
        entry["hosts"] = list(hosts)
    if add:
        _append(settings().tokens_file, entry)
    else:
        click.echo("# Add this under `tokens:` in the tokens file, then restart the remediator.")
        click.echo(yaml.safe_dump([entry], sort_keys=False), nl=False)
    click.echo(f"token: {fresh}")


def _append(path: Path, entry: dict[str, Any]) -> None:
    """Add one entry; the file is replaced in one step and readable by its owner and group only."""
    data = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
    entries = (data or {}).get("tokens") or []
    if any(known.get("name") == entry["name"] for known in entries):
        raise ConfigError(
            f"tokens_file: {path} already has a token called {entry['name']}; take another name"
        )
    new = path.with_name(path.name + ".new")
    new.touch(mode=0o640)
    new.write_text(yaml.safe_dump({"tokens": [*entries, entry]}, sort_keys=False), encoding="utf-8")
    new.replace(path)


for _module in (cli_look, cli_decide, cli_notify, cli_db):
    for _command in _module.COMMANDS:
        main.add_command(_command)
