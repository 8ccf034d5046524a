"""Read what is free on this machine now: disk, memory, GPU memory."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tts_app.batch.estimate import Machine, folder_for

NVIDIA_SMI_TIMEOUT_S = 5.0
CGROUP = Path("/sys/fs/cgroup")
MEMINFO = Path("/proc/meminfo")


def read_machine(out_dir: Path, archive_dir: Path | None, *, gpu: bool) -> Machine:
    """Return what is free; what can't be read is None."""
    out = folder_for(out_dir)
    archive = None if archive_dir is None else folder_for(archive_dir)
    return Machine(
        out_free_mb=shutil.disk_usage(out).free / 1e6,
        archive_free_mb=None if archive is None else shutil.disk_usage(archive).free / 1e6,
        same_disk=archive is None or archive.stat().st_dev == out.stat().st_dev,
        memory_free_mb=free_memory_mb(MEMINFO, CGROUP),
        gpu_free_mb=_free_gpu_mb() if gpu else None,
        out_place=str(out_dir),
        archive_place=str(archive_dir or ""),
    )


def free_memory_mb(meminfo: Path, cgroup: Path) -> float | None:
    """Return what processes may still take: the machine's free memory or the control group's rest.

    What the control group holds of files counts as free: the kernel gives it back first.
    """
    free = [value for value in (_available_mb(meminfo), _cgroup_rest_mb(cgroup)) if value is not None]
    return min(free, default=None)


def _available_mb(meminfo: Path) -> float | None:
    try:
        lines = meminfo.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next(
        (int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("MemAvailable:")), None
    )


def _cgroup_rest_mb(cgroup: Path) -> float | None:
    try:
        limit = (cgroup / "memory.max").read_text(encoding="ascii").strip()
        current = (cgroup / "memory.current").read_text(encoding="ascii").strip()
    except OSError:
        return None
    if not (limit.isdigit() and current.isdigit()):
        return None
    return (int(limit) - int(current) + _cached_bytes(cgroup)) / 1e6


def _cached_bytes(cgroup: Path) -> int:
    try:
        words = [line.split() for line in (cgroup / "memory.stat").read_text(encoding="ascii").splitlines()]
    except OSError:
        return 0
    return sum(int(size) for name, size in words if name in {"inactive_file", "active_file"})


def _free_gpu_mb() -> float | None:
    query = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(
            query, capture_output=True, text=True, timeout=NVIDIA_SMI_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    values = [float(line) for line in answer.stdout.split() if line.strip().isdigit()]
    return max(values, default=None)
