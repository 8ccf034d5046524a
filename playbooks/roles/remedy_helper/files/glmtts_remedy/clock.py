"""Times as the evidence writes them, and how long this host has been up."""

from __future__ import annotations

import os
import time
from datetime import datetime, timezone
from pathlib import Path


def utc_text(epoch_s: float) -> str:
    """Return an epoch time as `2026-11-27T01:02:03.123Z`."""
    moment = datetime.fromtimestamp(epoch_s, timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def parse_utc(text: str, *, local: bool = False) -> float | None:
    """Return the epoch seconds of an ISO time, or None when it is none. Without zone it is UTC, or `local`."""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00").replace(",", "."))
    except ValueError:
        return None
    if moment.tzinfo is None and not local:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.timestamp()


def uptime_s() -> float:
    """Seconds since PID 1 started. /proc/uptime would give the outer machine's in a container."""
    fields = Path("/proc/1/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    started_s = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started_s)


def boot_id() -> str:
    """The kernel's id of this boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
