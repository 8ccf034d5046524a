"""A program that isn't ours listens on the instance's port, and the service cannot start."""

from __future__ import annotations

from tests.lab.faults.fault import Fault, background, end, start_again, unit, wait_until
from tests.lab.machine import Machine


def break_(machine: Machine, port: str) -> None:
    """Stop the instance, take its port as user nobody, start the instance in vain."""
    machine.run(["systemctl", "stop", unit(port)], timeout_s=120)
    listen = ["python3", "-m", "http.server", port]
    background(machine, f"lab-port-{port}", "--uid=nobody", "--working-directory=/tmp", command=listen)
    taken = ["ss", "--no-header", "--listening", "--tcp", f"sport = :{port}"]
    wait_until(lambda: machine.run(taken).stdout != "", f"the foreign listener on {port}")
    machine.run(["systemctl", "start", "--no-block", unit(port)])


def heal(machine: Machine, port: str) -> None:
    """End the foreign program and start the instance."""
    end(machine, f"lab-port-{port}")
    start_again(machine, port)


FAULT = Fault("port_taken", "another user's program listens on the service's port", break_, heal)
