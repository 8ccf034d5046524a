"""`make demo`: a fleet that is deployed, can be looked at, and broken."""

from __future__ import annotations

import sys

from tests.lab.deploy import deploy
from tests.lab.keys import lab_secrets
from tests.lab.lab import Lab, cannot_run_here
from tests.lab.progress import Progress

NAME = "demo"
WHERE = """
The fleet is up: gpu01 with two speech services, gpu02 with one, and a control host that repairs them.

  status page     http://127.0.0.1:{status}/          log in with the operator token
  speech pages    http://127.0.0.1:{gpu01a}/  http://127.0.0.1:{gpu01b}/  (gpu01)
                  http://127.0.0.1:{gpu02}/  (gpu02)
  WeChat robot    http://127.0.0.1:{wecom}/          what people are told (simulated)
  mailbox         http://127.0.0.1:{mailbox}/
  Prometheus      http://127.0.0.1:{prometheus}/   Alertmanager http://127.0.0.1:{alertmanager}/

  operator token  {operator_token}
  viewer token    {viewer_token}

Break something, then watch the status page or the robot:
  make break HOST=gpu01 FAULT=crash          found in a minute, restarted, proved by speech
  make break HOST=gpu02 FAULT=cuda_oom       memory is cleared; `make status` shows all as JSON
  make heal HOST=gpu01 FAULT=crash           undo a fault by hand; faults: python -m tests.lab faults
  make demo-down                             remove every trace
"""


def demo() -> int:
    """Boot, deploy, say where to look. Safe to repeat; goes on after an interruption."""
    reason = cannot_run_here()
    if reason:
        print(f"{reason} `make observe` shows the remediator alone, without root.", file=sys.stderr)
        return 1
    lab = Lab(NAME)
    deploy(lab, Progress())
    print(where(lab))
    return 0


def where(lab: Lab) -> str:
    """Return what people need to look at the demo and to break it."""
    ports = lab.ports()
    speech = {
        "gpu01a": ports["speech gpu01:7860"],
        "gpu01b": ports["speech gpu01:7861"],
        "gpu02": ports["speech gpu02:7860"],
    }
    rest = {name: port for name, port in ports.items() if " " not in name}
    return WHERE.format(**speech, **rest, **lab_secrets())
