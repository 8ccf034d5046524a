"""A simulated driver with two devices in a folder of the test's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sim.nvidia_smi.program import main

UUID_0, UUID_1 = "GPU-00000000-0000-0000-0000-000000000101", "GPU-00000000-0000-0000-0000-000000000102"
Ask = Callable[..., tuple[int, str]]


class Driver:
    """The state file, a made-up /proc, and the program that reads both."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder, self.proc = folder / "sim-gpu", folder / "proc"
        self.folder.mkdir()
        self.proc.mkdir()
        self._capture = capture
        self.write({})

    def write(self, first: dict[str, object], **rest: object) -> None:
        """Set fields of the first device, and of the driver."""
        gpus = [
            {"uuid": UUID_0, "index": 0, "pci": "00000000:1A:00.0"} | first,
            {"uuid": UUID_1, "index": 1, "pci": "00000000:1B:00.0"},
        ]
        (self.folder / "state.json").write_text(json.dumps({"gpus": gpus, **rest}))

    def add_process(self, pid: int, uuid: str, rss_mb: int, **more: str) -> None:
        """Add a process whose environment names a device."""
        folder = self.proc / str(pid)
        folder.mkdir()
        environment = {"CUDA_VISIBLE_DEVICES": uuid, **more}
        text = "\0".join(f"{name}={value}" for name, value in environment.items())
        (folder / "environ").write_text(text)
        (folder / "cmdline").write_bytes(b"/opt/env/bin/python\0-m\0tts_app")
        (folder / "status").write_text(f"Name:\tpython\nVmRSS:\t{rss_mb * 1024} kB\n")

    def ask(self, *argv: str) -> tuple[int, str]:
        """Call the program; return its exit code and what it printed."""
        code = main(argv, self.folder, self.proc)
        return code, self._capture.readouterr().out

    @property
    def calls(self) -> list[list[str]]:
        """The journal of calls."""
        lines = (self.folder / "calls.jsonl").read_text().splitlines()
        return [json.loads(line)["argv"] for line in lines]


@pytest.fixture
def driver(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Driver:
    """Hand out a healthy, idle driver."""
    return Driver(tmp_path, capsys)
