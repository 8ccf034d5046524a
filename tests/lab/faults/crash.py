"""The service dies at once, as after `kill -9`; systemd may not start it again."""

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
    """Kill every process of the instance with SIGKILL."""
    must_be_active(machine, port)
    override(machine, port, "Restart=no")
    machine.run(["systemctl", "kill", "--signal=SIGKILL", unit(port)])
    wait_until_failed(machine, port)


def heal(machine: Machine, port: str) -> None:
    """Let systemd restart it again, and start it."""
    remove_override(machine, port)
    start_again(machine, port)


FAULT = Fault("crash", "kill -9 of the service, systemd's own restart switched off", break_, heal)
