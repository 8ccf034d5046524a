"""GPU and out-of-memory messages of the kernel, of this boot only."""

from __future__ import annotations

import re
import time
from pathlib import Path

from glmtts_remedy import clock, commands, logs
from glmtts_remedy.config import Config

XID = re.compile(r"NVRM: Xid \((?P<pci>(?:PCI:)?[0-9a-fA-F:.]+)\).*?: (?P<xid>\d+)\b")
OOM = re.compile(r"Out of memory: Killed process|oom-kill:|oom_reaper:|Memory cgroup out of memory")
NEWEST = 50


def messages(config: Config) -> list[dict[str, object]]:
    """The newest Xid and OOM-kill lines since this boot, oldest first."""
    if config.kernel_log == "dmesg":
        lines = commands.must(["dmesg", "--time-format", "iso"], 3).splitlines()
    else:
        lines = logs.tail(Path(config.kernel_log), 1 << 20)
    return events(lines, time.time() - clock.uptime_s())


def events(lines: list[str], booted_at: float) -> list[dict[str, object]]:
    """Pick the lines that matter; one with a time before `booted_at` (epoch seconds) is of another boot."""
    found = []
    for line in lines:
        match = logs.STAMP.match(line)
        epoch = clock.parse_utc(match.group(1)) if match else None
        event = _event(line, epoch)
        if event and (epoch is None or epoch >= booted_at - 1):
            found.append(event)
    return found[-NEWEST:]


def _event(line: str, epoch: float | None) -> dict[str, object] | None:
    moment = clock.utc_text(epoch) if epoch is not None else None
    xid = XID.search(line)
    if xid:
        code, pci = int(xid["xid"]), xid["pci"]
        return {"time": moment, "kind": "xid", "xid": code, "pci": pci, "text": logs.clean(line)}
    if OOM.search(line):
        return {"time": moment, "kind": "oom_kill", "xid": None, "pci": None, "text": logs.clean(line)}
    return None
