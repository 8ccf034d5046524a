"""Reads values of unknown shape: what is missing, of the wrong type or malformed is None. Never raises. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

T = TypeVar("T")


def of(value: object, kind: type[T]) -> T | None:
    """Return `value` when it is of this type, else None; a flag is no number."""
    return value if isinstance(value, kind) and not (kind is int and isinstance(value, bool)) else None


def number(value: object) -> float | None:
    """Return a number, else None."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def mapping(value: object) -> Mapping[str, Any]:
    """Return a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def mappings(value: object) -> list[Mapping[str, Any]]:
    """Return the mappings in a list; [] for anything else."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def parse_time(value: object) -> datetime | None:
    """Return an aware UTC datetime for an ISO-8601 text with a zone, else None."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
