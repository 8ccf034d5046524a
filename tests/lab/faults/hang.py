"""The service is alive and answers nobody: every process of it is stopped."""

from __future__ import annotations

from tests.lab.faults.fault import Fault, must_be_active, override, remove_override, start_again, unit
from tests.lab.machine import Machine


def break_(machine: Machine, port: str) -> None:
    """Restart the instance without systemd's watchdog, which would end the hang by itself; then SIGSTOP."""
    must_be_active(machine, port)
    override(machine, port, "Restart=no\nWatchdogSec=0")
    machine.run(["systemctl", "restart", unit(port)], timeout_s=300)
    machine.run(["systemctl", "kill", "--signal=SIGSTOP", unit(port)])


def heal(machine: Machine, port: str) -> None:
    """Let it go on; the watchdog is back at its next start."""
    machine.run(["systemctl", "kill", "--signal=SIGCONT", unit(port)], check=False)
    remove_override(machine, port)
    start_again(machine, port)


FAULT = Fault("hang", "SIGSTOP of every process of the service, its watchdog switched off", break_, heal)
