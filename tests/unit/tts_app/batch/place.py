"""A place where the command runs: its files, its environment, and waiting for what it does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.unit.tts_app.batch.helpers import WAIT_S, line

ROOT = Path(__file__).parents[4]


class Place:
    """A working directory with a tasks file."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.tasks, self.out = folder, folder / "tasks.jsonl", folder / "out"
        self.zips, self.calls = folder / "zips", folder / "calls"
        self.env = os.environ | {
            "TTS_DATA_DIR": str(folder / "data"),
            "TTS_LOG_DIR": str(folder / "no-logs"),
            "TTS_TASK_TIMEOUT_S": str(WAIT_S),
            "TTS_LOAD_TIMEOUT_S": str(WAIT_S),
            "FAKE_CALLS": str(self.calls),
        }

    def write(self, *texts: str) -> None:
        tasks = [line(output_name=f"t{n}", input_text=text) for n, text in enumerate(texts)]
        self.tasks.write_text("\n".join(tasks), encoding="utf-8")

    def arguments(self, *more: str) -> list[str]:
        return [str(self.tasks), str(self.out), "--archive-dir", str(self.zips), "--owner", "alice", *more]

    def start(self, *more: str, **env: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.unit.tts_app.batch.command", *self.arguments(*more)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(command, cwd=ROOT, env=self.env | env, **pipes)

    def run(self, *more: str, **env: str) -> tuple[int, str]:
        process = self.start(*more, **env)
        output, _ = process.communicate(timeout=WAIT_S)
        return process.returncode, output.decode()

    def asked(self) -> list[str]:
        """Texts the worker was asked for, in order."""
        if not self.calls.exists():
            return []
        return [entry.split(" ", 1)[1] for entry in self.calls.read_text(encoding="utf-8").splitlines()]


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait for something another process does; the bound is only for a broken program."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"never saw {what}"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in "ZX"
