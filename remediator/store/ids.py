"""Names of rows: they sort by time, can be read aloud, and fit a unit name and a file name."""

from __future__ import annotations

import itertools
import secrets
from datetime import datetime

_COUNT = itertools.count()


def new_id(kind: str, now: datetime) -> str:
    """Return for example "run-20261127-010203-0004a3f2": the kind, the time in UTC, a count, a random part.

    The count keeps the order of rows that one process writes within the same moment.
    """
    return f"{kind}-{now:%Y%m%d-%H%M%S}-{next(_COUNT) & 0xFFFF:04x}{secrets.token_hex(2)}"
