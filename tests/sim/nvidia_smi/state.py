"""What the simulated driver knows: devices and faults, in one JSON file."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("SIM_GPU_DIR", "/var/lib/sim-gpu"))
# Started when this machine was; the kernel's boot_id is the outer machine's in a sandbox of a container's service.
FIRST_PROCESS = Path("/proc/1/stat")


@dataclass
class Gpu:
    """One device. `reset` scripts what a reset answers: ok, in_use, not_permitted, not_supported."""

    uuid: str
    index: int
    pci: str
    name: str = "NVIDIA L40S"
    memory_total_mb: int = 46068
    pressure_mb: int = 0  # memory that no listed process explains
    utilization_pct: int = 0
    temperature_c: int = 41
    power_w: float = 34.0
    recovery_action: str = "None"
    persistence: bool = False
    mig: bool = False
    off_bus: bool = False
    reset: str = "ok"


@dataclass
class State:
    """Everything. `hang_s` delays every answer; `driver` is ok, not_loaded or mismatch."""

    gpus: list[Gpu] = field(default_factory=list)
    hang_s: float = 0
    driver: str = "ok"
    driver_version: str = "580.82.07"
    cuda_version: str = "13.0"
    boot_id: str = ""


def read(folder: Path = FOLDER) -> State:
    """Return the state; a reboot since it was written has healed what a reboot heals."""
    path = folder / "state.json"
    state = from_json(json.loads(path.read_text())) if path.exists() else State(driver="not_loaded")
    boot_id = _boot_id() or state.boot_id
    if state.boot_id not in {"", boot_id}:
        _after_reboot(state)
    state.boot_id = boot_id
    return state


@contextmanager
def changed(folder: Path = FOLDER) -> Iterator[State]:
    """Hand out the state for a change and write it back, one writer at a time."""
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        state = read(folder)
        yield state
        temporary = folder / "state.json.new"
        temporary.write_text(json.dumps(asdict(state), indent=1))
        temporary.rename(folder / "state.json")


def from_json(raw: dict[str, Any]) -> State:
    """Build the state, ignoring names this version doesn't know."""
    known = {item.name for item in fields(Gpu)}
    gpus = [Gpu(**{name: gpu[name] for name in known & set(gpu)}) for gpu in raw.get("gpus", [])]
    rest = {item.name for item in fields(State)} - {"gpus"}
    return State(gpus=gpus, **{name: raw[name] for name in rest & set(raw)})


def _boot_id() -> str:
    """Return what is another after every boot; "" where the first process is hidden."""
    try:
        return FIRST_PROCESS.read_text(errors="replace").rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _after_reboot(state: State) -> None:
    state.hang_s, state.driver = 0, "ok"
    for gpu in state.gpus:
        gpu.off_bus = gpu.persistence = False
        gpu.recovery_action, gpu.pressure_mb = "None", 0
