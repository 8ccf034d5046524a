"""The long reports: `-q` as text, `-q -x` as XML, `-L`, and the summary without arguments."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from .processes import Process
from .state import Gpu, State
from .tables import enabled, used_mb

DEPRECATED = "Requested functionality has been deprecated"
DOCTYPE = '<?xml version="1.0" ?>\n<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v12.dtd">\n'
Tree = dict[str, Any]


def as_list(gpus: Sequence[Gpu]) -> str:
    """Answer `-L`."""
    return "\n".join(f"GPU {gpu.index}: {gpu.name} (UUID: {gpu.uuid})" for gpu in gpus)


def as_xml(state: State, gpus: Sequence[Gpu], on: Sequence[Process]) -> str:
    """Answer `-q -x`."""
    root = ET.Element("nvidia_smi_log")
    _add(root, _head(state))
    for gpu in gpus:
        _add(ET.SubElement(root, "gpu", id=gpu.pci), _facts(gpu, on))
    ET.indent(root, "\t")
    return DOCTYPE + ET.tostring(root, encoding="unicode")


def as_text(state: State, gpus: Sequence[Gpu], on: Sequence[Process]) -> str:
    """Answer `-q`."""
    lines = ["", "==============NVSMI LOG==============", ""]
    lines += [f"{_title(name):<42}: {value}" for name, value in _head(state).items()]
    for gpu in gpus:
        lines += ["", f"GPU {gpu.pci}", *_indented(_facts(gpu, on), 1)]
    return "\n".join(lines)


def summary(state: State, gpus: Sequence[Gpu], on: Sequence[Process]) -> str:
    """Answer the call without arguments."""
    wide = "-" * 89
    lines = [datetime.now(UTC).strftime("%a %b %d %H:%M:%S %Y"), f"+{wide}+"]
    version = state.driver_version
    lines.append(
        f"| NVIDIA-SMI {version:<22} Driver Version: {version:<15} CUDA Version: {state.cuda_version:<9}|"
    )
    for gpu in gpus:
        used = f"{used_mb(gpu, on)}MiB / {gpu.memory_total_mb}MiB"
        lines.append(f"|{gpu.index:>4}  {gpu.name:<24} {gpu.pci:<18} {gpu.temperature_c}C {used:>24} |")
    lines += [f"+{wide}+", "| Processes:"]
    mine = [process for process in on if process.gpu_uuid in {gpu.uuid for gpu in gpus}]
    lines += [f"|  {process.pid:>8}   C   {process.name:<50} {process.used_mb:>8}MiB |" for process in mine]
    if not mine:
        lines.append("|  No running processes found |")
    return "\n".join([*lines, f"+{wide}+"])


def _head(state: State) -> Tree:
    return {
        "timestamp": datetime.now(UTC).strftime("%a %b %d %H:%M:%S %Y"),
        "driver_version": state.driver_version,
        "cuda_version": state.cuda_version,
        "attached_gpus": len(state.gpus),
    }


def _facts(gpu: Gpu, on: Sequence[Process]) -> Tree:
    used = used_mb(gpu, on)
    memory = {"total": gpu.memory_total_mb, "reserved": 0, "used": used, "free": gpu.memory_total_mb - used}
    return {
        "product_name": gpu.name,
        "persistence_mode": enabled(gpu.persistence),
        "mig_mode": {"current_mig": enabled(gpu.mig), "pending_mig": enabled(gpu.mig)},
        "uuid": gpu.uuid,
        "minor_number": gpu.index,
        "gpu_reset_status": {"reset_required": DEPRECATED, "drain_and_reset_recommended": DEPRECATED},
        "gpu_recovery_action": gpu.recovery_action,
        "pci": {"pci_bus_id": gpu.pci},
        "fb_memory_usage": {name: f"{value} MiB" for name, value in memory.items()},
        "utilization": {"gpu_util": f"{gpu.utilization_pct} %", "memory_util": "0 %"},
        "temperature": {"gpu_temp": f"{gpu.temperature_c} C"},
        "gpu_power_readings": {"instant_power_draw": f"{gpu.power_w:.2f} W"},
        "processes": [_process(process) for process in on if process.gpu_uuid == gpu.uuid],
    }


def _process(process: Process) -> Tree:
    return {
        "gpu_instance_id": "N/A",
        "compute_instance_id": "N/A",
        "pid": process.pid,
        "type": "C",
        "process_name": process.name,
        "used_memory": f"{process.used_mb} MiB",
    }


def _add(parent: ET.Element, facts: Tree) -> None:
    for name, value in facts.items():
        child = ET.SubElement(parent, name)
        if isinstance(value, dict):
            _add(child, value)
        elif isinstance(value, list):
            for item in value:
                _add(ET.SubElement(child, "process_info"), item)
        else:
            child.text = str(value)


def _title(name: str) -> str:
    words = {"uuid": "GPU UUID", **{word: word.upper() for word in ("gpu", "pci", "fb", "mig", "cuda", "id")}}
    return " ".join(words.get(word, word.capitalize()) for word in name.split("_")).replace("Gpus", "GPUs")


def _indented(facts: Tree, depth: int) -> list[str]:
    lines = []
    for name, value in facts.items():
        label = "    " * depth + _title(name)
        if isinstance(value, dict):
            lines += [label, *_indented(value, depth + 1)]
        elif isinstance(value, list):
            lines += [label] if value else [f"{label:<42}: None"]
            for item in value:
                lines += _indented(item, depth + 1)
        else:
            lines.append(f"{label:<42}: {value}")
    return lines
