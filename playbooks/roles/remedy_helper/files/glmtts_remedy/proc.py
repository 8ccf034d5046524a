"""Processes, their units and their listening sockets, from /proc alone."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

PROC = Path("/proc")
LISTEN = "0A"
NO_UNITS: Mapping[str, str] = {}
OWN_UNIT = re.compile(r"/glm-tts@(\d+)\.service(?:/|$)", re.MULTILINE)


def pids() -> Iterator[int]:
    """All process ids now."""
    for entry in os.listdir(PROC):
        if entry.isdigit():
            yield int(entry)


def text_of(pid: int, name: str) -> str:
    """The content of /proc/PID/name, or "" when the process is gone."""
    try:
        return (PROC / str(pid) / name).read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""


def cmdline(pid: int, longest: int = 200) -> str:
    """The command line as one printable text."""
    raw = text_of(pid, "cmdline").replace("\0", " ").strip() or f"[{text_of(pid, 'comm').strip()}]"
    return "".join(char if char.isprintable() else "?" for char in raw)[:longest]


def user_of(pid: int) -> str:
    """The name of the process's user, its number when it has no name, "" when it is gone."""
    try:
        uid = (PROC / str(pid)).stat().st_uid
    except OSError:
        return ""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def start_time(pid: int) -> int | None:
    """Clock ticks between boot and the start of the process; with the pid it names one process."""
    fields = text_of(pid, "stat").rpartition(")")[2].split()
    return int(fields[19]) if len(fields) > 19 else None


def rss_mb(pid: int) -> float | None:
    """Resident memory in MB."""
    match = re.search(r"^VmRSS:\s+(\d+) kB", text_of(pid, "status"), re.MULTILINE)
    return round(int(match.group(1)) / 1024, 1) if match else None


def instance_of(pid: int, units: Mapping[str, str] = NO_UNITS) -> str | None:
    """The instance (port) whose unit the process runs in, or None; `units` are those of adopted services."""
    group = text_of(pid, "cgroup")
    match = OWN_UNIT.search(group)
    if match:
        return match.group(1)
    return next((units[part] for part in re.split(r"[/\n]", group) if part in units), None) if units else None


def listening_inodes(ports: set[int]) -> dict[int, set[str]]:
    """Socket inodes that listen on each of `ports`."""
    found: dict[int, set[str]] = {port: set() for port in ports}
    for table in ("net/tcp", "net/tcp6"):
        try:
            lines = (PROC / table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            port = int(fields[1].rpartition(":")[2], 16)
            if fields[3] == LISTEN and port in found:
                found[port].add(fields[9])
    return found


def open_links(pid: int) -> Iterator[str]:
    """Where each open descriptor of the process points."""
    folder = PROC / str(pid) / "fd"
    for name in _descriptors(folder):
        try:
            yield os.readlink(folder / name)
        except OSError:
            continue


def port_owners(ports: set[int]) -> dict[int, list[int]]:
    """The processes that listen on each of `ports`."""
    inodes = listening_inodes(ports)
    wanted = {f"socket:[{inode}]": port for port, found in inodes.items() for inode in found}
    owners: dict[int, set[int]] = {port: set() for port in ports}
    if wanted:
        for pid in pids():
            for link in open_links(pid):
                if link in wanted:
                    owners[wanted[link]].add(pid)
    return {port: sorted(found) for port, found in owners.items()}


def device_holders(prefix: str = "/dev/nvidia") -> dict[int, set[str]]:
    """Processes with an open device file whose path starts with `prefix`, and which files."""
    holders: dict[int, set[str]] = {}
    for pid in pids():
        held = {link for link in open_links(pid) if link.startswith(prefix)}
        if held:
            holders[pid] = held
    return holders


def open_files() -> set[tuple[int, int]]:
    """Device and inode of every ordinary file some visible process has open."""
    found: set[tuple[int, int]] = set()
    for pid in pids():
        folder = PROC / str(pid) / "fd"
        for name in _descriptors(folder):
            try:
                if os.readlink(folder / name).startswith(("/dev/", "/proc/", "/sys/")):
                    continue
                status = os.stat(folder / name)
            except OSError:
                continue
            found.add((status.st_dev, status.st_ino))
    return found


def _descriptors(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
