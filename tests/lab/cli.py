"""The lab on the command line."""

from __future__ import annotations

import argparse
import os
import sys

from tests.lab.lab import Lab
from tests.lab.proc import LabError
from tests.lab.progress import Progress


def up(options: argparse.Namespace) -> int:
    """Boot the bare hosts of a lab."""
    lab = Lab(options.name)
    lab.up(Progress())
    print(f"lab {lab.name} is up; ssh -F {lab.state}/ssh_config gpu01")
    return 0


def down(options: argparse.Namespace) -> int:
    """Remove a lab with every trace."""
    Lab(options.name).down()
    return 0


def run(options: argparse.Namespace) -> int:
    """Run a command as root on a host, without its network."""
    done = Lab(options.name).host(options.host).run(options.command, check=False, timeout_s=600)
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)
    return done.returncode


def ssh(options: argparse.Namespace) -> int:
    """Log in to a host, or run a command there."""
    lab = Lab(options.name)
    lab.host(options.host)
    os.execvp("ssh", ["ssh", "-F", str(lab.state / "ssh_config"), options.host, *options.command])


def playbook(options: argparse.Namespace) -> int:
    """Run a playbook of this checkout against a lab."""
    command = Lab(options.name).playbook_command(options.playbook, *options.arguments)
    os.execv(command[0], command)


def logs(options: argparse.Namespace) -> int:
    """Show the newest journal lines of a host."""
    argv = ["journalctl", "--no-pager", "--lines=200", *options.command]
    print(Lab(options.name).host(options.host).run(argv).stdout, end="")
    return 0


def snapshot(options: argparse.Namespace) -> int:
    """Keep the state of all hosts under a label."""
    Lab(options.name).snapshot(options.label)
    return 0


def restore(options: argparse.Namespace) -> int:
    """Bring all hosts back to a kept state."""
    Lab(options.name).restore(options.label)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description="Real hosts on one machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, work: object, *arguments: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=(work.__doc__ or "").splitlines()[0])
        command.set_defaults(work=work)
        for argument in arguments:
            command.add_argument(argument)
        return command

    for name, work in {"up": up, "down": down}.items():
        add(name, work, "name")
    for name, work in {"run": run, "ssh": ssh, "logs": logs}.items():
        add(name, work, "name", "host").add_argument("command", nargs=argparse.REMAINDER)
    add("playbook", playbook, "name", "playbook").add_argument("arguments", nargs=argparse.REMAINDER)
    for name, work in {"snapshot": snapshot, "restore": restore}.items():
        add(name, work, "name", "label")
    return parser


def main() -> int:
    """Do what the command line asks; a problem is one sentence on stderr and status 1."""
    options = _parser().parse_args()
    try:
        code: int = options.work(options)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return code
