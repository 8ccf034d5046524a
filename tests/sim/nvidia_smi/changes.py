"""What root may change: persistence mode, and a reset."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from . import answers, processes
from .answers import Answer
from .state import FOLDER, Gpu, changed


def set_persistence(uuids: Sequence[str], wanted: bool, folder: Path = FOLDER) -> str:
    """Switch persistence mode of the devices; say what each was and is."""
    with changed(folder) as state:
        lines = []
        for gpu in _chosen(state.gpus, uuids):
            if os.geteuid() != 0:
                raise Answer(answers.NOT_ROOT.format(pci=gpu.pci), answers.NO_PERMISSION)
            old, word = gpu.persistence, "Enabled" if wanted else "Disabled"
            gpu.persistence = wanted
            is_already = f"Persistence mode is already {word} for GPU {gpu.pci}."
            lines.append(is_already if old == wanted else f"{word} persistence mode for GPU {gpu.pci}.")
    return "\n".join([*lines, answers.ALL_DONE])


def reset(uuids: Sequence[str], folder: Path = FOLDER, proc: Path = Path("/proc")) -> str:
    """Reset the devices. Raises Answer with the real program's words and code when one can't be."""
    with changed(folder) as state:
        chosen = _chosen(state.gpus, uuids)
        for gpu in chosen:
            _require_resettable(gpu, proc)
        for gpu in chosen:
            gpu.pressure_mb = 0
            if gpu.recovery_action in {"Reset", "Drain and Reset"}:
                gpu.recovery_action = "None"
    return "\n".join([*(answers.RESET_DONE.format(pci=gpu.pci) for gpu in chosen), answers.ALL_DONE])


def _require_resettable(gpu: Gpu, proc: Path) -> None:
    if gpu.off_bus:
        raise answers.lost(gpu.pci)
    if os.geteuid() != 0 or gpu.reset == "not_permitted":
        raise Answer(answers.RESET_NOT_PERMITTED.format(pci=gpu.pci), answers.NO_PERMISSION)
    if gpu.reset == "not_supported" or gpu.mig:
        raise Answer(answers.RESET_NOT_SUPPORTED.format(pci=gpu.pci), answers.NOT_SUPPORTED)
    # Persistence mode counts as a client of the device.
    if gpu.reset == "in_use" or gpu.persistence or processes.holders([gpu.uuid], proc):
        raise Answer(answers.IN_USE.format(pci=gpu.pci), answers.OTHER)


def _chosen(gpus: Sequence[Gpu], uuids: Sequence[str]) -> list[Gpu]:
    return [gpu for gpu in gpus if gpu.uuid in uuids]
