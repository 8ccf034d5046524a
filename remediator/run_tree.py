"""Ends everything a run has started, also what went into sessions of its own.

Ansible's workers call setsid(), so a signal to one process group misses them (ansible-runner kills
no more than that). With this process as subreaper they all stay below it, whatever their parent does.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
GRACE_S = 2.0
STEP_S = 0.05


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends. OSError when the kernel refuses."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def end_descendants(root: int) -> None:
    """End all processes below `root`: SIGTERM, and SIGKILL for what is left after 2 s."""
    until = time.monotonic() + GRACE_S
    _signal_all(root, signal.SIGTERM)
    while _alive(root) and time.monotonic() < until:
        time.sleep(STEP_S)
    while _alive(root):
        _signal_all(root, signal.SIGKILL)
        time.sleep(STEP_S)


def descendants(root: int) -> list[int]:
    """Return the process ids below `root`, zombies left out."""
    parents = dict(filter(None, map(_parent, Path("/proc").glob("[0-9]*"))))
    found, wave = [], {root}
    while wave:
        wave = {pid for pid, parent in parents.items() if parent in wave}
        found += sorted(wave)
    return found


def _parent(entry: Path) -> tuple[int, int] | None:
    """Return (pid, parent) of a living process, from the fields behind the bracketed name."""
    try:
        state, parent = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
    except (OSError, ValueError):
        return None  # it ended meanwhile
    return None if state in "ZX" else (int(entry.name), int(parent))


def _alive(root: int) -> bool:
    _reap()
    return bool(descendants(root))


def _reap() -> None:
    """Collect ended children, so that they don't stay as zombies."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _signal_all(root: int, number: signal.Signals) -> None:
    for pid in descendants(root):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
