"""What a fault is, and the few steps that several faults share."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.lab.machine import Machine
from tests.lab.proc import LabError

Step = Callable[[Machine, str], None]
TAKES_HOLD_S = 120  # longest wait until a fault shows; a bound, not a duration


@dataclass(frozen=True)
class Fault:
    """One way to break a host. `break_` and `heal` take the machine and the port of an instance.

    Healing may be repeated, and undoes what the repair left over.
    """

    name: str
    description: str
    break_: Step
    heal: Step
    simulated: bool = False


def unit(port: str) -> str:
    """Return the name of an instance's unit."""
    return f"glm-tts@{port}.service"


def override(machine: Machine, port: str, text: str) -> None:
    """Put a drop-in on the unit; it is gone after a reboot."""
    folder = f"/run/systemd/system/{unit(port)}.d"
    machine.run(["mkdir", "-p", folder])
    machine.run(["tee", f"{folder}/lab-fault.conf"], text=f"[Service]\n{text}\n")
    machine.run(["systemctl", "daemon-reload"])


def remove_override(machine: Machine, port: str) -> None:
    """Take the drop-in away."""
    machine.run(["rm", "-rf", f"/run/systemd/system/{unit(port)}.d"])
    machine.run(["systemctl", "daemon-reload"])


def start_again(machine: Machine, port: str) -> None:
    """Start the unit when it doesn't run, whatever its past."""
    if active(machine, port):
        return
    machine.run(["systemctl", "reset-failed", unit(port)], check=False)
    machine.run(["systemctl", "start", unit(port)], timeout_s=300)


def active(machine: Machine, port: str) -> bool:
    """Return whether the unit is active."""
    return machine.run(["systemctl", "is-active", unit(port)], check=False).stdout.strip() == "active"


def wait_until(true: Callable[[], bool], what: str) -> None:
    """Return once `true` says so. Raises LabError when it doesn't."""
    deadline = time.monotonic() + TAKES_HOLD_S
    while not true():
        if time.monotonic() > deadline:
            raise LabError(f"{what} did not come about in {TAKES_HOLD_S} s")
        time.sleep(0.1)


def wait_until_failed(machine: Machine, port: str) -> None:
    """Return once systemd has noticed that the unit is down."""
    show = ["systemctl", "show", "--property=ActiveState", "--value", unit(port)]
    wait_until(lambda: machine.run(show).stdout.strip() == "failed", f"the failure of {unit(port)}")


def must_be_active(machine: Machine, port: str) -> None:
    """Raise LabError unless the instance runs: what is down already cannot be broken."""
    if not active(machine, port):
        raise LabError(f"{unit(port)} on {machine.host} isn't running; heal it first")


def background(machine: Machine, name: str, *options: str, command: list[str]) -> None:
    """Start a process in a unit of its own on the host; one of that name is replaced."""
    end(machine, name)
    machine.run(["systemd-run", "--quiet", "--collect", f"--unit={name}", *options, *command])


def end(machine: Machine, name: str) -> None:
    """Stop what `background` started."""
    machine.run(["systemctl", "stop", f"{name}.service"], check=False)
    machine.run(["systemctl", "reset-failed", f"{name}.service"], check=False)


CHANGE_GPU = """
import json, sys
sys.path.insert(0, "/usr/local/bin/nvidia-smi")
from nvidia_smi.state import changed
uuid, values = json.load(sys.stdin)
with changed() as state:
    for gpu in state.gpus:
        if gpu.uuid == uuid:
            vars(gpu).update(values)
"""


def change_gpu(machine: Machine, uuid: str, **values: object) -> None:
    """Change what the simulated driver says about a device."""
    machine.run(["python3", "-c", CHANGE_GPU], text=json.dumps([uuid, values]))


def gpu_of(machine: Machine, port: str) -> str:
    """Return the device of an instance, from the environment its unit is given."""
    text = machine.run(["cat", f"/etc/glmtts/{port}.env"]).stdout
    for line in text.splitlines():
        name, _, value = line.partition("=")
        if name == "CUDA_VISIBLE_DEVICES":
            return value.strip('"').split(",")[0]
    raise LabError(f"the instance {port} of {machine.host} has no device")
