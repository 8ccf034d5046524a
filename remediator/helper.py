"""How the remedy helper on a host is called and answers: one JSON object, and an exit status."""

from __future__ import annotations

import json
from typing import Any

from remediator.ssh import Answer

HELPER = ("sudo", "-n", "/usr/local/sbin/glmtts-remedy")


def parse(text: bytes) -> dict[str, Any] | None:
    """Return the JSON object in `text`, or None when it holds anything else."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def why(answer: Answer) -> str:
    """Return the helper's own error, else the last of what it wrote, in one line of 300 characters."""
    own = (parse(answer.stdout) or {}).get("error")
    return " ".join(str(own or answer.stderr or "no reason given").split())[-300:]
