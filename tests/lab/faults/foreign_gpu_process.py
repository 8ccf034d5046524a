"""Somebody else's program holds most of the GPU's memory."""

from __future__ import annotations

from tests.lab.faults.fault import Fault, background, end, gpu_of
from tests.lab.machine import Machine

USED_MB = 43000


def break_(machine: Machine, port: str) -> None:
    """Start a process of user nobody on the instance's device."""
    uuid = gpu_of(machine, port)
    options = ["--uid=nobody", f"--setenv=CUDA_VISIBLE_DEVICES={uuid}", f"--setenv=SIM_GPU_MB={USED_MB}"]
    background(machine, f"lab-gpu-{port}", *options, command=["sleep", "infinity"])


def heal(machine: Machine, port: str) -> None:
    """End it."""
    end(machine, f"lab-gpu-{port}")


FAULT = Fault(
    "foreign_gpu_process",
    f"a real process of another user that the simulated driver shows with {USED_MB} MiB",
    break_,
    heal,
    simulated=True,
)
