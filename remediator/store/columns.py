"""Column types that mean the same in both databases."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Dialect, String
from sqlalchemy.types import JSON, TypeDecorator

FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC datetime kept as fixed-width ISO text: it sorts as text and people can read it."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Refuse naive times: they are a bug."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return value.astimezone(UTC).strftime(FORMAT)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """Return an aware datetime."""
        return None if value is None else datetime.fromisoformat(value)


class Json(TypeDecorator[Any]):
    """JSON text; None is kept as SQL NULL."""

    impl = JSON(none_as_null=True)
    cache_ok = True
