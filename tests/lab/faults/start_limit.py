"""The service failed to start so often that systemd gave up; what made it fail is gone since."""

from __future__ import annotations

from tests.lab.faults.fault import Fault, override, remove_override, start_again, unit, wait_until_failed
from tests.lab.machine import Machine


def break_(machine: Machine, port: str) -> None:
    """Let every start fail until systemd gives up, then remove the reason."""
    machine.run(["systemctl", "stop", unit(port)], timeout_s=120)
    override(machine, port, "ExecStartPre=/bin/false\nRestartSec=100ms")
    machine.run(["systemctl", "start", "--no-block", unit(port)])
    wait_until_failed(machine, port)
    remove_override(machine, port)


def heal(machine: Machine, port: str) -> None:
    """Forget the failures and start."""
    remove_override(machine, port)
    start_again(machine, port)


FAULT = Fault("start_limit", "the service failed until systemd refuses to start it again", break_, heal)
