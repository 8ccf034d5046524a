"""Stage 6 of 7: start a run's process, look how it goes, end it.

The process outlives the remediator: under systemd it is `remediator-run@<run id>.service`, else a session
of its own. Whoever polls next, after whatever restart, reads the same files (`run_files`).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from remediator import run_files
from remediator.errors import ExecuteError
from remediator.inventory import Inventory
from remediator.model import Run, RunOutcome
from remediator.run_files import BadRequest, RunRequest
from remediator.settings import Settings

SYSTEMCTL_TIMEOUT_S = 30
Hosts = Callable[[str], tuple[Mapping[str, Any], tuple[str, ...]]]  # a host's variables and groups
ENDED = ("ok", "failed", "canceled")


class Runner(Protocol):
    """Where runs' processes live."""

    def start(self, run_id: str, folder: Path) -> None:
        """Start the process. Raises ExecuteError."""

    def alive(self, run_id: str, folder: Path) -> bool | None:
        """Tell whether the process lives; None when that can't be told now."""

    def cancel(self, run_id: str, folder: Path) -> None:
        """Ask the process to end; it writes the outcome `canceled`."""


class Executor:
    """Starts and follows runs."""

    def __init__(self, runs_dir: Path, runner: Runner, hosts: Hosts) -> None:
        self._runs_dir, self._runner, self._hosts = runs_dir, runner, hosts

    def start(self, run: Run) -> None:
        """Start the run, unless it was started before. Raises ExecuteError when nothing was started."""
        try:
            request = self._request(run)
            folder = self._folder(run.id)
            request.write(folder)
        except (OSError, BadRequest) as error:
            raise ExecuteError(str(error)) from error
        if not (folder / "started").exists():
            self._runner.start(run.id, folder)

    def poll(self, run: Run) -> RunOutcome | None:
        """Return how the run ended, or None while it goes on.

        A process that is gone without an outcome gives `abandoned`: nobody knows how far it came.
        """
        folder = self._folder(run.id)
        alive = self._runner.alive(run.id, folder)  # asked first: whoever is gone has written all it will
        if (outcome := _read_outcome(folder)) is not None:
            return outcome
        if alive is not False:
            return None
        return RunOutcome("abandoned", summary={"error": "the run's process ended without an outcome"})

    def cancel(self, run: Run) -> None:
        """Ask the run to end; `poll` tells when it has."""
        self._runner.cancel(run.id, self._folder(run.id))

    def _request(self, run: Run) -> RunRequest:
        variables, groups = self._hosts(run.host)
        return RunRequest(
            run_id=run.id,
            playbook=run.playbook.removesuffix(".yml"),
            host=run.host,
            instance=run.instance,
            args=run.args,
            timeout_s=run.timeout_s,
            host_vars=variables,
            groups=groups,
        )

    def _folder(self, run_id: str) -> Path:
        if not run_files.RUN_ID.fullmatch(run_id):
            raise BadRequest("not a run id")
        return self._runs_dir / run_id


class SystemdRunner:
    """One unit per run, from a template; a polkit rule lets the remediator start and stop just these."""

    def __init__(self, systemctl: Callable[..., subprocess.CompletedProcess[str]] | None = None) -> None:
        self._systemctl = systemctl or _systemctl

    def start(self, run_id: str, folder: Path) -> None:
        """Start the unit and wait until its program runs, which takes milliseconds."""
        answer = self._systemctl("start", unit(run_id))
        if answer.returncode != 0:
            raise ExecuteError(answer.stderr.strip()[-300:])

    def alive(self, run_id: str, folder: Path) -> bool | None:
        """Ask systemd; a starting or stopping unit lives."""
        answer = self._systemctl("show", "--property=ActiveState", "--value", unit(run_id))
        if answer.returncode != 0 or not answer.stdout.strip():
            return None
        return answer.stdout.strip() not in ("inactive", "failed")

    def cancel(self, run_id: str, folder: Path) -> None:
        """Stop the unit without waiting for it."""
        self._systemctl("stop", "--no-block", unit(run_id))


class SessionRunner:
    """A process in a session of its own, for machines without systemd.

    The run's lock is taken here and inherited by the process: it is free exactly when the process is gone,
    also if this remediator ends between the two.
    """

    def __init__(self, environment: Mapping[str, str], command: tuple[str, ...] = ()) -> None:
        self._environment = dict(environment)
        self._command = command or (sys.executable, "-m", "remediator", "run-one")
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, run_id: str, folder: Path) -> None:
        """Start the process; its output goes to `process.log` in the run's folder."""
        self._children = {name: child for name, child in self._children.items() if child.poll() is None}
        held = run_files.lock(folder)
        if held is None:
            return  # it lives
        try:
            with (folder / "process.log").open("ab") as output:
                self._children[run_id] = subprocess.Popen(
                    [*self._command, run_id],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=self._environment,
                    pass_fds=(held,),
                    start_new_session=True,
                )
        except OSError as error:
            raise ExecuteError(str(error)) from error
        finally:
            os.close(held)

    def alive(self, run_id: str, folder: Path) -> bool | None:
        """Tell by the lock: the kernel frees it with the last process that holds it."""
        held = run_files.lock(folder) if folder.is_dir() else None
        if held is None:
            return folder.is_dir()
        os.close(held)
        if (child := self._children.pop(run_id, None)) is not None:
            child.wait()  # it has ended: collect it, so that it doesn't stay as a zombie
        return False

    def cancel(self, run_id: str, folder: Path) -> None:
        """Send SIGTERM to the process that took the request, if it still lives."""
        if not self.alive(run_id, folder):
            return
        with suppress(OSError, ValueError):  # not taken yet, or ended meanwhile
            os.kill(int((folder / "started").read_text(encoding="ascii")), signal.SIGTERM)


def from_settings(settings: Settings, inventory: Inventory, environment: Mapping[str, str]) -> Executor:
    """Return the executor that `settings` ask for; `environment` is what a session's process gets."""

    def hosts(name: str) -> tuple[Mapping[str, Any], tuple[str, ...]]:
        try:
            return inventory.hosts[name].variables, inventory.hosts[name].groups
        except KeyError:
            raise BadRequest(f"{name!r} is no inventory host") from None

    runner: Runner = SystemdRunner() if settings.runner == "systemd" else SessionRunner(environment)
    return Executor(settings.runs_dir, runner, hosts)


def unit(run_id: str) -> str:
    """Return the name of a run's unit."""
    return f"remediator-run@{run_id}.service"


def _read_outcome(folder: Path) -> RunOutcome | None:
    try:
        data: dict[str, Any] = json.loads((folder / "outcome.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    summary = dict(data.get("result") or {})
    if data.get("summary"):
        summary["error"] = data["summary"]
    state = data.get("state")
    return RunOutcome(
        state=state if state in ENDED else "failed",
        rc=data.get("rc"),
        summary=summary,
        failed_task=data.get("failed_task"),
    )


def _systemctl(*arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["systemctl", "--no-ask-password", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SYSTEMCTL_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(arguments, 124, "", "systemctl gave no answer")
