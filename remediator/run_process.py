"""The process of one run: plays one playbook on one host and leaves an outcome.

It lives apart from the remediator (in a unit or a session of its own), so neither can end the other.
SIGTERM cancels: Ansible and everything it started end, and the outcome says so.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import ansible_runner
from ansible_runner.exceptions import AnsibleRunnerException

from remediator import run_events, run_files, run_tree
from remediator.run_environment import environment, extra_variables, inventory
from remediator.run_files import BadRequest, RunRequest
from remediator.settings import Settings, load

log = logging.getLogger(__name__)
STATES = {"successful": "ok", "canceled": "canceled"}  # ansible-runner's words; all others mean failed


class Cancel:
    """Remembers that SIGTERM asked for the end."""

    def __init__(self) -> None:
        self.asked = False

    def ask(self, _signal: int, _frame: FrameType | None) -> None:
        """Handle SIGTERM."""
        self.asked = True

    def __call__(self) -> bool:
        """Tell ansible-runner whether to stop."""
        return self.asked


@dataclass(frozen=True)
class Played:
    """How Ansible ended."""

    state: str
    rc: int | None
    early: str = ""  # why it was cut off or never ran
    last_words: str = ""


def main(run_id: str, settings: Settings | None = None) -> int:
    """Carry out run `run_id` and return 0 when its playbook ended well.

    Returns 2 without doing anything when the request is unusable, 3 when it was taken before:
    a run is never repeated.
    """
    if not run_files.RUN_ID.fullmatch(run_id):
        log.error("not a run id")
        return 2
    settings = settings or load(os.environ)
    folder = settings.runs_dir / run_id
    try:
        request = RunRequest.read(folder)
    except BadRequest:
        log.exception("the request can't be used", extra={"run": run_id})
        return 2
    held = run_files.lock(folder)  # None: inherited from the starter, which locked it before the fork
    if not run_files.take(folder, os.getpid()):
        log.error("the request was taken before", extra={"run": run_id})
        return 3
    try:
        outcome = carry_out(request, settings, folder)
    finally:
        if held is not None:
            os.close(held)
    return 0 if outcome["state"] == "ok" else 1


def carry_out(request: RunRequest, settings: Settings, folder: Path) -> dict[str, Any]:
    """Play the request's playbook and write `outcome.json`, whatever happens."""
    cancel = Cancel()
    signal.signal(signal.SIGTERM, cancel.ask)
    signal.signal(signal.SIGINT, cancel.ask)
    started = datetime.now(UTC)
    clock = time.monotonic()
    with run_events.EventLog(folder / "events.jsonl") as events:
        played = _play(request, settings, events, cancel)
    well = played.state == "ok"  # a failure that the playbook itself made good is no failure of the run
    outcome = {
        "run_id": request.run_id,
        "state": played.state,
        "rc": played.rc,
        "summary": "" if well else played.early or events.summary() or played.last_words,
        "failed_task": None if well else events.result.get("failed_task") or events.failed_task,
        "result": events.result,
        "started_at": started.isoformat(),
        "ended_at": datetime.now(UTC).isoformat(),
        "took_s": round(time.monotonic() - clock, 3),
    }
    run_files.write_json(folder / "outcome.json", outcome)
    return outcome


def _play(request: RunRequest, settings: Settings, events: run_events.EventLog, cancel: Cancel) -> Played:
    """Run Ansible in a private folder and leave neither processes nor files of it."""
    run_tree.adopt_orphans()
    private = Path(tempfile.mkdtemp(prefix="run-"))  # 0700, and short: ssh's sockets lie in it
    try:
        return _run_ansible(request, settings, private, events, cancel)
    except (AnsibleRunnerException, OSError, ValueError) as error:
        log.exception("ansible-runner failed", extra={"run": request.run_id})
        return Played("failed", None, f"ansible-runner failed: {type(error).__name__}")
    finally:
        run_tree.end_descendants(os.getpid())
        shutil.rmtree(private, ignore_errors=True)


def _run_ansible(
    request: RunRequest,
    settings: Settings,
    private: Path,
    events: run_events.EventLog,
    cancel: Cancel,
) -> Played:
    """Play in a folder that no other run has seen: ansible-runner keeps variables in files there."""
    playbook = settings.playbooks_dir / f"{request.playbook}.yml"
    _only(environment(settings, private))
    runner = ansible_runner.run(
        private_data_dir=str(private),
        project_dir=str(settings.playbooks_dir),
        ident="run",
        playbook=str(playbook),
        inventory=inventory(request, settings),
        extravars=extra_variables(request),
        limit=request.host,
        timeout=int(max(request.timeout_s, 1)),
        settings={"pexpect_timeout": 0.5},
        event_handler=events.take,
        cancel_callback=cancel,
        fact_cache_type="memory",
        quiet=True,
    )
    artifacts = private / "artifacts" / "run"
    (artifacts / "command").unlink(missing_ok=True)  # holds the whole environment
    early = {"timeout": f"not finished within {request.timeout_s:g} s", "canceled": "canceled"}
    return Played(
        STATES.get(runner.status, "failed"),
        runner.rc,
        early.get(runner.status, ""),
        _last_words(artifacts / "stdout"),
    )


def _last_words(path: Path) -> str:
    try:
        return " ".join(path.read_text(encoding="utf-8", errors="replace").split())[-300:]
    except FileNotFoundError:
        return ""


def _only(allowed: Mapping[str, str]) -> None:
    """Leave nothing in this process's environment but `allowed`; ansible-runner copies all of it."""
    os.environ.clear()
    os.environ.update(allowed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
