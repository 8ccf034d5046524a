"""The service failed to start so often that systemd gave up; what made it fail is gone since."""

from __future__ import annotations

import time

from tests.lab.faults.fault import Fault, override, remove_override, start_again, unit
from tests.lab.machine import Machine
from tests.lab.proc import LabError

TIMEOUT_S = 120


def break_(machine: Machine, port: str) -> None:
    """Let every start fail until systemd says start-limit-hit, then remove the reason."""
    machine.run(["systemctl", "stop", unit(port)], timeout_s=120)
    override(machine, port, "ExecStartPre=/bin/false\nRestartSec=100ms")
    machine.run(["systemctl", "start", "--no-block", unit(port)])
    _wait_until_given_up(machine, port)
    remove_override(machine, port)


def _wait_until_given_up(machine: Machine, port: str) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    show = ["systemctl", "show", "--property=ActiveState,SubState,Result", unit(port)]
    while time.monotonic() < deadline:
        said = machine.run(show).stdout
        if "ActiveState=failed" in said:
            return
        time.sleep(0.2)
    raise LabError(f"systemd did not give up in {TIMEOUT_S} s: {said}")


def heal(machine: Machine, port: str) -> None:
    """Forget the failures and start."""
    remove_override(machine, port)
    start_again(machine, port)


FAULT = Fault("start_limit", "the service failed until systemd refuses to start it again", break_, heal)
