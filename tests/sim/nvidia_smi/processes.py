"""Which real processes "hold" a device: those whose CUDA_VISIBLE_DEVICES names it, with their memory."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SMALLEST_MB = 60  # shells and helpers inherit the variable and hold nothing


@dataclass(frozen=True)
class Process:
    """A process on a device; `used_mb` is its resident memory, or what SIM_GPU_MB says."""

    pid: int
    name: str
    used_mb: int
    gpu_uuid: str


def holders(uuids: list[str], proc: Path = Path("/proc")) -> list[Process]:
    """Return the processes on any of the devices, by pid. Those of other users are only seen by root."""
    found = []
    for folder in proc.glob("[0-9]*"):
        with suppress(OSError):
            found += _of(folder, uuids)
    return sorted(found, key=lambda process: process.pid)


def _of(folder: Path, uuids: list[str]) -> list[Process]:
    environment = _environment(folder)
    named = set(environment.get("CUDA_VISIBLE_DEVICES", "").split(","))
    mine = [uuid for uuid in uuids if uuid in named]
    if not mine:
        return []
    used_mb = int(environment.get("SIM_GPU_MB") or _resident_mb(folder))
    if used_mb < SMALLEST_MB:
        return []
    name = (folder / "cmdline").read_bytes().split(b"\0")[0].decode(errors="replace")
    return [Process(int(folder.name), name, used_mb, uuid) for uuid in mine]


def _environment(folder: Path) -> dict[str, str]:
    text = (folder / "environ").read_bytes().decode(errors="replace")
    return dict(item.split("=", 1) for item in text.split("\0") if "=" in item)


def _resident_mb(folder: Path) -> int:
    found = re.search(r"^VmRSS:\s+(\d+) kB", (folder / "status").read_text(), re.MULTILINE)
    return int(found.group(1)) // 1024 if found else 0
