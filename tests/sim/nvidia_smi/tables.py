"""The CSV queries: --query-gpu and --query-compute-apps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from .answers import BAD_ARGUMENT, Answer
from .processes import Process
from .state import Gpu, State

Field = tuple[Callable[[Any], object], str]
GPU_ALIASES = {"gpu_name": "name", "gpu_uuid": "uuid", "gpu_bus_id": "pci.bus_id"}
APP_ALIASES = {"used_memory": "used_gpu_memory", "name": "process_name"}


def query_gpu(names: str, form: str, state: State, gpus: Sequence[Gpu], on: Sequence[Process]) -> str:
    """Return one line per device."""
    table: dict[str, Field] = {
        "index": (lambda g: g.index, ""),
        "uuid": (lambda g: g.uuid, ""),
        "name": (lambda g: g.name, ""),
        "count": (lambda g: len(state.gpus), ""),
        "pci.bus_id": (lambda g: g.pci, ""),
        "driver_version": (lambda g: state.driver_version, ""),
        "timestamp": (lambda g: datetime.now(UTC).strftime("%Y/%m/%d %H:%M:%S.000"), ""),
        "memory.total": (lambda g: g.memory_total_mb, "MiB"),
        "memory.used": (lambda g: used_mb(g, on), "MiB"),
        "memory.free": (lambda g: g.memory_total_mb - used_mb(g, on), "MiB"),
        "utilization.gpu": (lambda g: g.utilization_pct, "%"),
        "temperature.gpu": (lambda g: g.temperature_c, ""),
        "power.draw": (lambda g: f"{g.power_w:.2f}", "W"),
        "persistence_mode": (lambda g: enabled(g.persistence), ""),
        "mig.mode.current": (lambda g: enabled(g.mig), ""),
        "gpu_recovery_action": (lambda g: g.recovery_action, ""),
    }
    return _csv(names, form, table, GPU_ALIASES, gpus)


def query_apps(names: str, form: str, gpus: Sequence[Gpu], on: Sequence[Process]) -> str:
    """Return one line per process on the devices; nothing but the header when they are idle."""
    by_uuid = {gpu.uuid: gpu for gpu in gpus}
    table: dict[str, Field] = {
        "gpu_uuid": (lambda p: p.gpu_uuid, ""),
        "gpu_name": (lambda p: by_uuid[p.gpu_uuid].name, ""),
        "gpu_bus_id": (lambda p: by_uuid[p.gpu_uuid].pci, ""),
        "pid": (lambda p: p.pid, ""),
        "process_name": (lambda p: p.name, ""),
        "used_gpu_memory": (lambda p: p.used_mb, "MiB"),
    }
    return _csv(names, form, table, APP_ALIASES, [p for p in on if p.gpu_uuid in by_uuid])


def used_mb(gpu: Gpu, on: Sequence[Process]) -> int:
    """Return what is in use on the device, never more than it has."""
    reserved = 3
    mine = sum(process.used_mb for process in on if process.gpu_uuid == gpu.uuid)
    return min(gpu.memory_total_mb, reserved + gpu.pressure_mb + mine)


def enabled(value: bool) -> str:
    """Return the program's word for a switch."""
    return "Enabled" if value else "Disabled"


def _csv(
    names: str, form: str, table: dict[str, Field], aliases: dict[str, str], rows: Sequence[object]
) -> str:
    options = form.split(",")
    if options[0] != "csv":
        raise Answer('"--format=" option must contain "csv"', BAD_ARGUMENT)
    asked = [name.strip() for name in names.split(",")]
    fields = []
    for name in asked:
        if aliases.get(name, name) not in table:
            raise Answer(f'Field "{name}" is not a valid field to query.\n', BAD_ARGUMENT)
        fields.append(table[aliases.get(name, name)])
    units = "nounits" not in options
    lines = [] if "noheader" in options else [", ".join(map(_heading, asked, fields, [units] * len(asked)))]
    lines += [", ".join(_cell(row, field, units) for field in fields) for row in rows]
    return "\n".join(lines)


def _heading(name: str, field: Field, units: bool) -> str:
    return f"{name} [{field[1]}]" if field[1] and units else name


def _cell(row: object, field: Field, units: bool) -> str:
    value, unit = field[0](row), field[1]
    return f"{value} {unit}" if unit and units else str(value)
