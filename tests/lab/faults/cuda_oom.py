"""The GLM engine runs out of GPU memory until its memory is cleared."""

from __future__ import annotations

import json

from tests.lab.faults.fault import Fault, must_be_active, start_again
from tests.lab.machine import Machine

SWITCH = "/var/lib/sim-gpu/glm.json"
# Clearing the memory replaces the worker, and the new one is well.
UNTIL_CLEARED = {"fault": "oom", "until": "new_worker"}


def order(machine: Machine, orders: dict[str, object]) -> None:
    """Tell the engine's package what to do wrong, in one move."""
    machine.run(["sh", "-c", f"cat >{SWITCH}.new && mv {SWITCH}.new {SWITCH}"], text=json.dumps(orders))


def speak(machine: Machine, port: str) -> None:
    """Ask for speech as a user does; the answer doesn't matter."""
    body = json.dumps({"input": "你好，世界", "model": "tts-1", "voice": "default"})
    url = f"http://127.0.0.1:{port}/v1/audio/speech"
    post = ["curl", "--silent", "--max-time", "60", "--output", "/dev/null"]
    machine.run(
        [*post, "--header", "Content-Type: application/json", "--data", body, url], check=False, timeout_s=90
    )


def break_(machine: Machine, port: str) -> None:
    """Let the package raise torch's own error, and let users meet it."""
    must_be_active(machine, port)
    order(machine, UNTIL_CLEARED)
    for _ in range(3):
        speak(machine, port)


def heal(machine: Machine, port: str) -> None:
    """Let it work again."""
    order(machine, {})
    start_again(machine, port)


FAULT = Fault(
    "cuda_oom",
    "engine glm (gpu02) raises torch's CUDA out of memory until its memory is cleared",
    break_,
    heal,
    simulated=True,
)
