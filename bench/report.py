"""The page docs/speed.md: what was measured, on which machine, by which command."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bench.figures import Figure, table

QUIET_LOAD_PER_CORE = 0.25  # above it, before anything was measured, somebody else was at work
HEAD = """# Speed

Written by `make bench`, with the embedded default voice. Every ratio compares two ways of doing the same work side by
side, in one run on one machine, so that it means the same on another one; absolute times do not.

由 `make bench` 生成。所有比值都来自同一台机器上的同一次运行；绝对时间不能跨机器比较。
"""


@dataclass(frozen=True)
class Conditions:
    """Under which conditions the figures came about."""

    command: str
    at: datetime
    machine: str
    cores: int
    load_before: float  # processes that ran or waited, one minute's mean, before the first figure

    @classmethod
    def here(cls, command: str, at: datetime, load_before: float) -> Conditions:
        """Return this machine's."""
        return cls(command, at, _machine(), os.cpu_count() or 1, load_before)

    @property
    def quiet(self) -> bool:
        """Return whether the machine had nothing else to do when the run began."""
        return self.load_before <= QUIET_LOAD_PER_CORE * self.cores


def load_now() -> float:
    """Return how many processes ran or waited, as one minute's mean."""
    return os.getloadavg()[0]


def rendered(figures: Iterable[Figure], conditions: Conditions) -> str:
    """Return the whole page."""
    noise = "" if conditions.quiet else "\n**The machine was busy when the run began: measure again.**\n"
    return (
        f"{HEAD}{noise}\n{table(figures)}\n\n"
        f"- Machine: {conditions.machine}; load {conditions.load_before:.1f} when the run began.\n"
        f"- Command: `{conditions.command}`, {conditions.at:%Y-%m-%d}.\n"
    )


def _machine() -> str:
    cpu = _first("/proc/cpuinfo", "model name") or platform.machine()
    memory_kb = (_first("/proc/meminfo", "MemTotal") or "0 kB").split()[0]
    memory = f"{int(memory_kb) / 1e6:.0f} GB of memory"
    return f"{os.cpu_count()} cores, {cpu}, {memory}, no GPU used, Python {platform.python_version()}"


def _first(path: str, name: str) -> str | None:
    lines = Path(path).read_text("utf-8").splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), None)
