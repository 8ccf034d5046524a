"""The GLM engine runs out of GPU memory until its memory is cleared."""

from __future__ import annotations

import json

from tests.lab.faults.fault import Fault, must_be_active, start_again
from tests.lab.machine import Machine

SWITCH = "/var/lib/sim-gpu/glm.json"


def set_oom(machine: Machine, until: str | None) -> None:
    """Script the engine's package: `until_cleared`, `until_restart`, or None for health."""
    machine.run(["mkdir", "-p", "/var/lib/sim-gpu"])
    machine.run(["tee", SWITCH], text=json.dumps({"oom": until}))


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
    set_oom(machine, "until_cleared")
    for _ in range(3):
        speak(machine, port)


def heal(machine: Machine, port: str) -> None:
    """Let it work again."""
    set_oom(machine, None)
    start_again(machine, port)


FAULT = Fault(
    "cuda_oom",
    "engine glm (gpu02) raises torch's CUDA out of memory until its memory is cleared",
    break_,
    heal,
    simulated=True,
)
