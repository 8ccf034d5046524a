"""Names of rows: they sort by time, can be read aloud, and fit a unit name and a file name."""

from __future__ import annotations

import secrets
from datetime import datetime


def new_id(kind: str, now: datetime) -> str:
    """Return for example "run-20261127-010203-9f3a2c": the kind, the time in UTC, six random hex digits."""
    return f"{kind}-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
