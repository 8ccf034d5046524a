"""What can be broken, one fault per file; each can be healed, also when the repair came first."""

from __future__ import annotations

from tests.lab.faults import (
    crash,
    cuda_oom,
    disk_full,
    foreign_gpu_process,
    hang,
    inodes_full,
    needs_reboot,
    needs_reset,
    network_down,
    overloaded,
    port_stray,
    port_taken,
    segfault,
    start_limit,
    xid,
)
from tests.lab.faults.fault import Fault
from tests.lab.proc import LabError

FAULTS: dict[str, Fault] = {
    module.FAULT.name: module.FAULT
    for module in (
        crash,
        segfault,
        hang,
        disk_full,
        inodes_full,
        port_taken,
        port_stray,
        start_limit,
        network_down,
        xid,
        needs_reset,
        needs_reboot,
        foreign_gpu_process,
        cuda_oom,
        overloaded,
    )
}


def fault(name: str) -> Fault:
    """Return the fault called `name`. Raises LabError with the names there are."""
    if name not in FAULTS:
        raise LabError(f"no fault {name}; there are {', '.join(FAULTS)}")
    return FAULTS[name]
