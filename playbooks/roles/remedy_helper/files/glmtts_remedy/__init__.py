"""The one program the remediation identity may run as root on a speech host.

Standard library only, Python 3.9 or later, installed as a single zipapp. A closed list of verbs; every
answer is one JSON object on stdout; `cli.py` lists the verbs, `errors.py` the exit codes.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """Import a part when it is first used: every call is a new process, and a verb needs few of the parts."""
    try:
        return import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        raise AttributeError(f"{__name__} has no {name}") from error
