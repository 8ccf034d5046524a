"""A process of the service itself, started outside its unit, has the port, and the unit cannot start."""

from __future__ import annotations

from tests.lab.faults.fault import Fault, background, end, start_again, unit, wait_until
from tests.lab.machine import Machine


def break_(machine: Machine, port: str) -> None:
    """Stop the unit, start the same program as the same user without it, start the unit in vain."""
    folder = _shown(machine, port, "WorkingDirectory")
    machine.run(["systemctl", "stop", unit(port)], timeout_s=120)
    options = [
        f"--uid={_shown(machine, port, 'User')}",
        f"--working-directory={folder}",
        f"--property=EnvironmentFile=/etc/glmtts/{port}.env",
    ]
    program = [f"{folder}/env/bin/python", "-m", "tts_app", "serve", "--port", port]
    background(machine, f"lab-stray-{port}", *options, command=program)
    taken = ["ss", "--no-header", "--listening", "--tcp", f"sport = :{port}"]
    wait_until(lambda: machine.run(taken).stdout != "", f"the stray's listener on {port}")
    machine.run(["systemctl", "start", "--no-block", unit(port)])


def heal(machine: Machine, port: str) -> None:
    """End the stray, wherever a repair has left it, and start the unit."""
    end(machine, f"lab-stray-{port}")
    start_again(machine, port)


def _shown(machine: Machine, port: str, name: str) -> str:
    return machine.run(["systemctl", "show", f"--property={name}", "--value", unit(port)]).stdout.strip()


FAULT = Fault("port_stray", "a stray process of the service itself has its port", break_, heal)
