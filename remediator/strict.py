"""Reads a mapping strictly: fields have types, unknown fields are mistakes, all mistakes are collected."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from remediator.model import Text

T = TypeVar("T")
MISSING: Any = object()


class Fields:
    """The fields of one mapping; `where` starts every problem ("faults.yml: disk_full")."""

    def __init__(self, where: str, raw: object, problems: list[str]) -> None:
        self.where, self.problems = where, problems
        self._left: dict[str, Any] = {}
        if isinstance(raw, Mapping):
            self._left = {str(key): value for key, value in raw.items()}
        else:
            self.wrong("", "must be a mapping of fields")

    def wrong(self, name: str, problem: str) -> None:
        """Note a problem with one field."""
        self.problems.append(f"{self.where}: {name}: {problem}" if name else f"{self.where}: {problem}")

    def raw(self, name: str, default: Any = MISSING) -> Any:
        """Take a field as it is."""
        if name in self._left:
            return self._left.pop(name)
        if default is MISSING:
            self.wrong(name, "is missing; add it")
            return None
        return default

    def typed(self, name: str, kind: type[T], default: Any = MISSING, *, fallback: T) -> T:
        """Take a field of one type; `fallback` stands in for a wrong one, so that reading can go on."""
        value = self.raw(name, default)
        good = isinstance(value, kind) and not (kind is not bool and isinstance(value, bool))
        if not good and value is not None:
            self.wrong(name, f"must be {_WORDS.get(kind, kind.__name__)}, not {value!r}")
        return value if good else fallback

    def text(self, name: str, default: Any = MISSING) -> str:
        """Take a non-empty string."""
        value = self.typed(name, str, default, fallback="")
        if isinstance(value, str) and value != "" and not value.strip():
            self.wrong(name, "must not be empty")
        return value

    def whole(self, name: str, default: Any = MISSING, *, least: int, most: int = 10**9) -> int:
        """Take a whole number within bounds."""
        value = self.typed(name, int, default, fallback=least)
        if not least <= value <= most:
            self.wrong(name, f"must be between {least} and {most}, not {value}")
        return value

    def flag(self, name: str, default: Any = MISSING) -> bool:
        """Take true or false."""
        return self.typed(name, bool, default, fallback=False)

    def word(self, name: str, allowed: Collection[str], default: Any = MISSING) -> str:
        """Take one of the allowed words."""
        value = self.typed(name, str, default, fallback="")
        if value and value not in allowed:
            self.wrong(name, f"must be one of {', '.join(sorted(allowed))}, not {value!r}")
        return value if value in allowed else min(allowed)

    def many(self, name: str, default: Any = MISSING) -> list[Any]:
        """Take a list."""
        return self.typed(name, list, default, fallback=[])

    def mapping(self, name: str, default: Any = MISSING) -> dict[str, Any]:
        """Take a mapping."""
        return self.typed(name, dict, default, fallback={})

    def both(self, name: str) -> Text:
        """Take one sentence in both languages: {en: ..., zh: ...}."""
        inner = Fields(f"{self.where}: {name}", self.raw(name), self.problems)
        sentence = Text(inner.text("en"), inner.text("zh"))
        inner.end()
        return sentence

    def name(self, value: str) -> str:
        """Check that a row's name is fit for file names and labels."""
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", value):
            self.wrong("", f"the name {value!r} must be lower case letters, digits and _")
        return value

    def left(self) -> dict[str, Any]:
        """Take everything that is left."""
        left, self._left = self._left, {}
        return left

    def end(self) -> None:
        """Report what nobody took."""
        for name in self.left():
            self.wrong(name, "is not a field here; remove it or correct its name")


_WORDS: Mapping[type, str] = {
    str: "a text", int: "a whole number", bool: "true or false", list: "a list", dict: "a mapping",
}  # fmt: skip
