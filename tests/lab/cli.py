"""The lab on the command line."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from tests.lab import demo, deploy, observe, record
from tests.lab.faults import FAULTS
from tests.lab.lab import Lab
from tests.lab.proc import LabError
from tests.lab.progress import Progress
from tests.lab.status import status

Work = Callable[[argparse.Namespace], int]


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


def deploy_lab(options: argparse.Namespace) -> int:
    """Boot a lab and deploy it with the real playbook."""
    deploy.deploy(Lab(options.name), Progress(), check_taken=options.again)
    return 0


def break_host(options: argparse.Namespace) -> int:
    """Break a host."""
    Lab(options.name).break_(options.host, options.fault, options.instance)
    print(f"{options.host} is broken: {FAULTS[options.fault].description}")
    return 0


def heal_host(options: argparse.Namespace) -> int:
    """Undo a fault."""
    Lab(options.name).heal(options.host, options.fault, options.instance)
    print(f"{options.host}: {options.fault} is undone")
    return 0


def list_faults(options: argparse.Namespace) -> int:
    """List what can be broken."""
    for fault in FAULTS.values():
        print(f"{fault.name:<20} {fault.description}{' (simulated)' if fault.simulated else ''}")
    return 0


def show_status(options: argparse.Namespace) -> int:
    """Print hosts, incidents, runs and messages as JSON."""
    print(json.dumps(status(Lab(options.name)), ensure_ascii=False, indent=2))
    return 0


def record_incidents(options: argparse.Namespace) -> int:
    """Write a lab's incidents as recorded requests to a file."""
    print(f"{record.record(Lab(options.name), Path(options.file))} incidents in {options.file}")
    return 0


def show_demo(options: argparse.Namespace) -> int:
    """Boot, deploy, say where to look and how to break it."""
    return demo.demo()


def remove_demo(options: argparse.Namespace) -> int:
    """Remove every trace of the demo."""
    Lab(demo.NAME).down()
    return 0


def watch(options: argparse.Namespace) -> int:
    """Run the remediator alone on recorded alerts, without root and without hosts."""
    return observe.observe()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description="Real hosts on one machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, work: Work, *arguments: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=(work.__doc__ or "").splitlines()[0])
        command.set_defaults(work=work)
        for argument in arguments:
            command.add_argument(argument)
        return command

    add("up", up, "name")
    add("down", down, "name")
    add("deploy", deploy_lab, "name").add_argument("--again", action="store_true", help="even when deployed")
    for name, work in {"run": run, "ssh": ssh, "logs": logs}.items():
        add(name, work, "name", "host").add_argument("command", nargs=argparse.REMAINDER)
    add("playbook", playbook, "name", "playbook").add_argument("arguments", nargs=argparse.REMAINDER)
    add("snapshot", snapshot, "name", "label")
    add("restore", restore, "name", "label")
    for name, work in {"break": break_host, "heal": heal_host}.items():
        add(name, work, "name", "host", "fault").add_argument("instance", nargs="?")
    add("faults", list_faults)
    add("status", show_status).add_argument("name", nargs="?", default=demo.NAME)
    add("record", record_incidents, "name", "file")
    add("demo", show_demo)
    add("demo-down", remove_demo)
    add("observe", watch)
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
