"""A typed reader over what `glmtts-remedy examine` prints. Pure.

The text comes from a host: whatever is missing, of the wrong type or unknown reads as None, never as a
crash. `Evidence.raw` keeps the JSON as it came, for people and for replay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from remediator.lenient import mapping, mappings, number, of, parse_time


@dataclass(frozen=True)
class Unreachable:
    """The host did not answer over ssh; nothing is known about it."""

    host: str
    reason: str


@dataclass(frozen=True)
class Unexaminable(Unreachable):
    """The host let us in, but its helper gave no evidence: it is missing, stuck, crashed or talks rubbish."""


@dataclass(frozen=True)
class UnitState:
    """systemd's view of the unit."""

    active: str
    sub: str
    result: str
    main_pid: int | None
    exec_code: str | None
    exec_status: int | None
    n_restarts: int
    started_at: datetime | None


@dataclass(frozen=True)
class PortOwner:
    """A process that listens on the instance's port."""

    pid: int
    user: str
    cmdline: str
    ours: bool


@dataclass(frozen=True)
class Answer:
    """What an HTTP endpoint of the instance answered: ok, http_error, timeout, refused or error."""

    outcome: str
    http_status: int | None
    body: Mapping[str, Any]

    @property
    def reason(self) -> str | None:
        """The `reason` word of the answer's body."""
        return of(self.body.get("reason"), str)


@dataclass(frozen=True)
class LogLine:
    """One line; `time` is inherited from the line above it for the rest of a traceback."""

    source: str
    time: datetime | None
    text: str


@dataclass(frozen=True)
class InstanceEvidence:
    """What is known about one instance; None is "unknown", never "no"."""

    port: str
    unit: UnitState | None
    process_alive: bool | None
    listening: bool | None
    owners: tuple[PortOwner, ...]
    health: Answer | None
    ready: Answer | None
    log_lines: tuple[LogLine, ...]


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


@dataclass(frozen=True)
class KernelLine:
    """One kernel message of this boot: an Xid or an out-of-memory kill."""

    time: datetime | None
    kind: str
    xid: int | None
    text: str


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


@dataclass(frozen=True)
class Evidence:
    """What one read-only look at a host found."""

    host: str
    boot_id: str
    taken_at: datetime | None
    lease: Lease | None
    maintenance_until: datetime | None
    instances: Mapping[str, InstanceEvidence]
    disks: tuple[Disk, ...]
    gpus: tuple[Gpu, ...] | None
    kernel: tuple[KernelLine, ...]
    raw: Mapping[str, Any] = field(repr=False)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Evidence:
        """Read the helper's JSON. Never raises: what cannot be read is unknown."""
        instances = {
            str(port): _instance(str(port), one) for port, one in mapping(raw.get("instances")).items()
        }
        gpus = raw.get("gpus")
        return cls(
            host=of(raw.get("host"), str) or "",
            boot_id=of(raw.get("boot_id"), str) or "",
            taken_at=parse_time(raw.get("taken_at")),
            lease=_lease(raw.get("lease")),
            maintenance_until=parse_time(raw.get("maintenance_until")),
            instances=instances,
            disks=tuple(_disk(one) for one in mappings(raw.get("disks"))),
            gpus=tuple(_gpu(one) for one in mappings(gpus)) if isinstance(gpus, list) else None,
            kernel=tuple(_kernel(one) for one in mappings(raw.get("kernel"))),
            raw=raw,
        )


def _instance(port: str, value: object) -> InstanceEvidence:
    raw = mapping(value)
    process, socket = raw.get("process"), raw.get("port")
    return InstanceEvidence(
        port=port,
        unit=_unit(raw.get("unit_state")),
        process_alive=None if "process" not in raw else isinstance(process, Mapping),
        listening=of(mapping(socket).get("listening"), bool),
        owners=tuple(_owner(one) for one in mappings(mapping(socket).get("owners"))),
        health=_answer(raw.get("health")),
        ready=_answer(raw.get("ready")),
        log_lines=_log_lines(raw.get("log_lines")),
    )


def _unit(value: object) -> UnitState | None:
    if not isinstance(value, Mapping):
        return None
    return UnitState(
        active=of(value.get("active"), str) or "",
        sub=of(value.get("sub"), str) or "",
        result=of(value.get("result"), str) or "",
        main_pid=of(value.get("main_pid"), int),
        exec_code=of(value.get("exec_code"), str),
        exec_status=of(value.get("exec_status"), int),
        n_restarts=of(value.get("n_restarts"), int) or 0,
        started_at=parse_time(value.get("started_at")),
    )


def _owner(raw: Mapping[str, Any]) -> PortOwner:
    return PortOwner(
        pid=of(raw.get("pid"), int) or 0,
        user=(of(raw.get("user"), str) or "?")[:64],
        cmdline=(of(raw.get("cmdline"), str) or "?")[:200],
        ours=raw.get("ours") is True,
    )


def _answer(value: object) -> Answer | None:
    if not isinstance(value, Mapping):
        return None
    outcome = of(value.get("outcome"), str) or "error"
    return Answer(outcome, of(value.get("http_status"), int), mapping(value.get("body")))


def _log_lines(value: object) -> tuple[LogLine, ...]:
    lines: list[LogLine] = []
    above: dict[str, datetime | None] = {}
    for raw in mappings(value):
        source = of(raw.get("source"), str) or "?"
        moment = parse_time(raw.get("time")) or above.get(source)
        above[source] = moment
        lines.append(LogLine(source, moment, (of(raw.get("text"), str) or "")[:500]))
    return tuple(lines)


def _disk(raw: Mapping[str, Any]) -> Disk:
    return Disk(
        path=(of(raw.get("path"), str) or "?")[:200],
        used_pct=number(raw.get("used_pct")),
        inodes_used_pct=number(raw.get("inodes_used_pct")),
        read_only=raw.get("read_only") is True,
    )


def _gpu(raw: Mapping[str, Any]) -> Gpu:
    others = [one for one in mappings(raw.get("processes")) if one.get("instance") is None]
    return Gpu(
        uuid=of(raw.get("uuid"), str) or "?",
        memory_used_mb=number(raw.get("memory_used_mb")),
        memory_total_mb=number(raw.get("memory_total_mb")),
        temperature_c=number(raw.get("temperature_c")),
        recovery_action=of(raw.get("recovery_action"), str),
        foreign=tuple(_gpu_process(one) for one in others),
    )


def _gpu_process(raw: Mapping[str, Any]) -> GpuProcess:
    name = (of(raw.get("name"), str) or "?")[:120]
    return GpuProcess(of(raw.get("pid"), int) or 0, name, number(raw.get("used_mb")) or 0.0)


def _kernel(raw: Mapping[str, Any]) -> KernelLine:
    return KernelLine(
        time=parse_time(raw.get("time")),
        kind=of(raw.get("kind"), str) or "",
        xid=of(raw.get("xid"), int),
        text=(of(raw.get("text"), str) or "")[:500],
    )


def _lease(value: object) -> Lease | None:
    holder = of(mapping(value).get("holder"), str)
    if not holder:
        return None
    raw = mapping(value)
    return Lease(holder, of(raw.get("purpose"), str) or "", parse_time(raw.get("expires_at")))
