"""The driver asks for a reset of the instance's device, and says so in nothing but its recovery action."""

from __future__ import annotations

from tests.lab.faults.fault import Fault, change_gpu, gpu_of, start_again
from tests.lab.machine import Machine


def break_(machine: Machine, port: str) -> None:
    """Let `nvidia-smi` ask for it."""
    change_gpu(machine, gpu_of(machine, port), recovery_action="Reset")


def heal(machine: Machine, port: str) -> None:
    """Let it ask for nothing, as after a reset."""
    change_gpu(machine, gpu_of(machine, port), recovery_action="None")
    start_again(machine, port)


FAULT = Fault("needs_reset", "recovery action Reset of the driver", break_, heal, simulated=True)
