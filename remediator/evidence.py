"""A typed reader over what `glmtts-remedy examine` prints. Pure.

The text comes from a host: whatever is missing, of the wrong type or unknown reads as None, never as a
crash. `Evidence.raw` keeps the JSON as it came, for people and for replay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from remediator.evidence_host import (
    Disk,
    Gpu,
    KernelLine,
    Lease,
    read_disk,
    read_gpu,
    read_kernel,
    read_lease,
)
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
    stray: bool = False  # our own program, but outside its unit; the helper's word, which also frees the port
    start_time: int = 0  # clock ticks after boot; with the pid it names one process


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
class LogFile:
    """A log that is being written."""

    name: str
    size_mb: float


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
    log_files: tuple[LogFile, ...] = ()


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
    gpu_error: str | None = None  # the driver's own words when it did not answer
    reset_unavailable: bool = False  # this host was found unable to reset its devices

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
            lease=read_lease(raw.get("lease")),
            maintenance_until=parse_time(raw.get("maintenance_until")),
            instances=instances,
            disks=tuple(read_disk(one) for one in mappings(raw.get("disks"))),
            gpus=tuple(read_gpu(one) for one in mappings(gpus)) if isinstance(gpus, list) else None,
            kernel=tuple(read_kernel(one) for one in mappings(raw.get("kernel"))),
            raw=raw,
            gpu_error=of(raw.get("gpu_error"), str),
            reset_unavailable=raw.get("gpu_reset_unavailable") is True,
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
        log_files=tuple(_log_file(one) for one in mappings(raw.get("log_files"))),
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
        stray=raw.get("stray") is True,
        start_time=of(raw.get("start_time"), int) or 0,
    )


def _answer(value: object) -> Answer | None:
    if not isinstance(value, Mapping):
        return None
    outcome = of(value.get("outcome"), str) or "error"
    return Answer(outcome, of(value.get("http_status"), int), mapping(value.get("body")))


def _log_file(raw: Mapping[str, Any]) -> LogFile:
    return LogFile((of(raw.get("name"), str) or "?")[:60], (number(raw.get("size_b")) or 0) / 1_000_000)


def _log_lines(value: object) -> tuple[LogLine, ...]:
    lines: list[LogLine] = []
    above: dict[str, datetime | None] = {}
    for raw in mappings(value):
        source = of(raw.get("source"), str) or "?"
        moment = parse_time(raw.get("time")) or above.get(source)
        above[source] = moment
        lines.append(LogLine(source, moment, (of(raw.get("text"), str) or "")[:500]))
    return tuple(lines)
