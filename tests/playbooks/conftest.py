"""Real playbooks through ansible-runner, on this machine, with a stand-in for the helper first on PATH."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ansible_runner
import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TAKEN = {"ok": True, "already_held": False, "lease": {"holder": "run-1"}}
LONGEST_S = 300


@dataclass
class Played:
    """How a playbook ended, what it handed over, and what the helper was asked."""

    status: str
    result: dict[str, Any]
    calls: list[str]
    output: str
    changed: int

    @property
    def verbs(self) -> list[str]:
        """What the helper was asked, without the particulars of the lease."""
        return [" ".join(call.split()[:2]) if call.startswith("lease") else call for call in self.calls]


class Stage:
    """Where a playbook is played: one or two hosts, and the answers of their helper."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hosts = ["gpu01"]
        (folder / "runner").mkdir()
        self.answer("lease-take", TAKEN)

    def answer(self, verb: str, answer: dict[str, Any], rc: int = 0) -> None:
        """Let the helper answer this whenever it is asked `verb`."""
        (self.folder / f"{verb}.json").write_text(json.dumps(answer))
        (self.folder / f"{verb}.rc").write_text(str(rc))

    def play(self, name: str, *options: str, **variables: Any) -> Played:
        """Play one playbook with these extra variables."""
        host = {"ansible_connection": "local"}
        runner = ansible_runner.run(
            private_data_dir=str(self.folder / "runner"),
            playbook=str(ROOT / "playbooks" / f"{name}.yml"),
            inventory={"gpu_hosts": {"hosts": dict.fromkeys(self.hosts, host)}},
            extravars=variables,
            cmdline=" ".join(options) or None,
            envvars=self._environment(),
            timeout=LONGEST_S,
            quiet=True,
        )
        calls = self.folder / "calls"
        return Played(
            status=runner.status,
            result=_result(runner),
            calls=calls.read_text().splitlines() if calls.exists() else [],
            output=_output(runner),
            changed=sum((runner.stats or {}).get("changed", {}).values()),
        )

    def _environment(self) -> dict[str, str]:
        programs = f"{HERE / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {
            "PATH": programs,
            "STAND_IN": str(self.folder),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_ROLES_PATH": str(ROOT / "playbooks" / "roles"),
            "ANSIBLE_HOME": str(self.folder / "home"),
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "tmp"),
            "ANSIBLE_NOCOLOR": "1",
        }


def _output(runner: Any) -> str:
    with runner.stdout as stream:
        text: str = stream.read()
    return text


def _result(runner: Any) -> dict[str, Any]:
    for event in runner.events:
        if event["event"] == "playbook_on_stats":
            found: dict[str, Any] = event["event_data"].get("artifact_data", {}).get("remedy_result", {})
            return found
    return {}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Return a stage whose helper grants the lease and says yes to everything."""
    return Stage(tmp_path)


@pytest.fixture
def play(stage: Stage) -> Callable[..., Played]:
    """Play a playbook on that stage."""
    return stage.play
