"""Control groups of a lab: they name exactly the processes that the lab started."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from tests.lab.proc import LabError

# Where systemd keeps its groups: version 1 and hybrid machines, then version 2 alone.
ROOTS = tuple(
    root
    for root in (Path("/sys/fs/cgroup/systemd"), Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
    if (root / "cgroup.procs").exists()
)


def pids(group: str) -> set[int]:
    """Return every process in `group` and below."""
    found: set[int] = set()
    for folder in _folders(group):
        with suppress(OSError):
            found |= {int(line) for line in (folder / "cgroup.procs").read_text().split()}
    return found - {0}


def leader(group: str) -> int | None:
    """Return the machine's first process as this machine counts it, or None while there is none."""
    for root in ROOTS:
        with suppress(OSError, ValueError, IndexError):
            return int((root / group / "payload" / "init.scope" / "cgroup.procs").read_text().split()[0])
    return None


def kill(group: str, timeout_s: float = 20) -> None:
    """End every process of `group` with SIGKILL and remove the group."""
    deadline = time.monotonic() + timeout_s
    while found := pids(group):
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise LabError(f"processes of the lab don't end: {sorted(found)}")
        time.sleep(0.05)
    remove(group)


def remove(group: str) -> None:
    """Remove the empty `group` and the empty groups below it."""
    for folder in _folders(group):
        with suppress(OSError):
            folder.rmdir()


def _folders(group: str) -> list[Path]:
    """Return the folders of `group`, deepest first; groups that vanish meanwhile are no error."""
    return [Path(found[0]) for root in ROOTS for found in os.walk(root / group, topdown=False)]
