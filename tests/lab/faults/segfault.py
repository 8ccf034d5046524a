"""The service dies of a real SIGSEGV, as after a native crash."""

from __future__ import annotations

from tests.lab.faults.fault import (
    Fault,
    must_be_active,
    override,
    remove_override,
    start_again,
    unit,
    wait_until_failed,
)
from tests.lab.machine import Machine


def break_(machine: Machine, port: str) -> None:
    """Send SIGSEGV to the main process; Python's fault handler writes its stacks to error.log."""
    must_be_active(machine, port)
    override(machine, port, "Restart=no")
    machine.run(["systemctl", "kill", "--signal=SIGSEGV", "--kill-whom=main", unit(port)])
    wait_until_failed(machine, port)


def heal(machine: Machine, port: str) -> None:
    """Let systemd restart it again, and start it."""
    remove_override(machine, port)
    start_again(machine, port)


FAULT = Fault("segfault", "a real SIGSEGV in the service, systemd's own restart switched off", break_, heal)
