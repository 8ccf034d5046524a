"""The host's part of the evidence: file systems, devices, kernel messages, the lease. Pure, never raises."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from remediator.lenient import mapping, mappings, number, of, parse_time


@dataclass(frozen=True)
class Disk:
    """One file system."""

    path: str
    used_pct: float | None
    inodes_used_pct: float | None
    read_only: bool


@dataclass(frozen=True)
class GpuProcess:
    """A process that is not of our units and holds memory of a device."""

    pid: int
    name: str
    used_mb: float


@dataclass(frozen=True)
class Gpu:
    """One device, with the driver's own advice (None where the driver is too old to give it)."""

    uuid: str
    memory_used_mb: float | None
    memory_total_mb: float | None
    temperature_c: float | None
    recovery_action: str | None
    foreign: tuple[GpuProcess, ...]
    pci: str | None = None
    mig: bool = False  # split into parts that would not survive a reset

    @property
    def shared_with(self) -> str | None:
        """Who else would lose the device by a reset, in words; None when nobody would."""
        if self.mig:
            return "parts of it (MIG)"
        names = [f"pid {one.pid} ({one.name})" for one in self.foreign[:3]]
        more = [f"{len(self.foreign) - 3} more"] if len(self.foreign) > 3 else []
        return ", ".join(names + more) or None


@dataclass(frozen=True)
class KernelLine:
    """One kernel message of this boot: an Xid or an out-of-memory kill."""

    time: datetime | None
    kind: str
    xid: int | None
    text: str
    pci: str | None = None


@dataclass(frozen=True)
class Lease:
    """Who holds the host: a run id, or person:<name>."""

    holder: str
    purpose: str
    expires_at: datetime | None

    @property
    def person(self) -> str | None:
        """The name of the person who holds it, or None for a run."""
        kind, _, name = self.holder.partition(":")
        return name if kind == "person" and name else None


def read_disk(raw: Mapping[str, Any]) -> Disk:
    """Read one file system."""
    return Disk(
        path=(of(raw.get("path"), str) or "?")[:200],
        used_pct=number(raw.get("used_pct")),
        inodes_used_pct=number(raw.get("inodes_used_pct")),
        read_only=raw.get("read_only") is True,
    )


def read_gpu(raw: Mapping[str, Any]) -> Gpu:
    """Read one device."""
    others = [one for one in mappings(raw.get("processes")) if one.get("instance") is None]
    return Gpu(
        uuid=of(raw.get("uuid"), str) or "?",
        memory_used_mb=number(raw.get("memory_used_mb")),
        memory_total_mb=number(raw.get("memory_total_mb")),
        temperature_c=number(raw.get("temperature_c")),
        recovery_action=of(raw.get("recovery_action"), str),
        foreign=tuple(_gpu_process(one) for one in others),
        pci=of(raw.get("pci"), str),
        mig=raw.get("mig") is True,
    )


def _gpu_process(raw: Mapping[str, Any]) -> GpuProcess:
    name = (of(raw.get("name"), str) or "?")[:120]
    return GpuProcess(of(raw.get("pid"), int) or 0, name, number(raw.get("used_mb")) or 0.0)


def read_kernel(raw: Mapping[str, Any]) -> KernelLine:
    """Read one kernel message."""
    return KernelLine(
        time=parse_time(raw.get("time")),
        kind=of(raw.get("kind"), str) or "",
        xid=of(raw.get("xid"), int),
        text=(of(raw.get("text"), str) or "")[:500],
        pci=of(raw.get("pci"), str),
    )


def read_lease(value: object) -> Lease | None:
    """Read the lease; None when nobody has it."""
    holder = of(mapping(value).get("holder"), str)
    if not holder:
        return None
    raw = mapping(value)
    return Lease(holder, of(raw.get("purpose"), str) or "", parse_time(raw.get("expires_at")))


_PCI = re.compile(r"^(?:PCI:)?([0-9a-fA-F]{1,8}):([0-9a-fA-F]{1,2}):([0-9a-fA-F]{1,2})(?:\.[0-7])?$")


def same_device(one: str | None, other: str | None) -> bool:
    """Whether two PCI addresses name one device: "PCI:0000:1a:00" is "00000000:1A:00.0"."""
    mine, theirs = (_PCI.match(address or "") for address in (one, other))
    if mine is None or theirs is None:
        return False
    return [int(part, 16) for part in mine.groups()] == [int(part, 16) for part in theirs.groups()]
