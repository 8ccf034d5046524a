"""What arrived at the lab's chat robot and in its mailbox, whatever the remediator says that it sent."""

from __future__ import annotations

import json

from tests.lab.lab import Lab
from tests.lab.status import Json

JOURNALS = "/var/lib/lab-sim"


def chat(lab: Lab) -> list[str]:
    """Return the texts that the robot accepted, oldest first."""
    return [message["content"] for message in _journal(lab, "wecom")]


def mails(lab: Lab) -> list[Json]:
    """Return the mails that arrived, oldest first, as tests/sim/mailbox keeps them."""
    return _journal(lab, "mailbox")


def _journal(lab: Lab, name: str) -> list[Json]:
    text = lab.host("control").run(["cat", f"{JOURNALS}/{name}.jsonl"]).stdout
    return [json.loads(line) for line in text.splitlines()]
