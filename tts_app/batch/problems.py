"""What can be wrong with a batch, told in English and Chinese with the line, the field and the fix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tts_app.batch.texts import TEXTS

ERROR, WARNING = "error", "warning"
MAX_SHOWN = 60  # characters of a value that a message repeats


@dataclass(frozen=True)
class Problem:
    """One thing to tell the owner. `fault` is the name operators know it by."""

    code: str
    level: str  # ERROR: this task can't run; WARNING: it runs, but look
    fault: str
    line: int | None  # 1-based line of the tasks file; None: the file as a whole
    column: int | None  # 1-based character in that line
    field: str | None  # as the file spells it
    en: str
    zh: str
    fix_en: str
    fix_zh: str

    def where(self) -> str:
        """Return `line 3, column 17, prompt_audio`, as far as known."""
        parts = [f"line {self.line}" if self.line else "file"]
        parts += [f"column {self.column}"] if self.column else []
        parts += [self.field] if self.field else []
        return ", ".join(parts)

    def where_zh(self) -> str:
        """Return the same in Chinese."""
        parts = [f"第 {self.line} 行" if self.line else "文件"]
        parts += [f"第 {self.column} 列"] if self.column else []
        parts += [self.field] if self.field else []
        return "，".join(parts)

    def sentences(self) -> tuple[str, str]:
        """Return everything as one English and one Chinese sentence."""
        english = f"{self.where()}: {self.en} {self.fix_en}".rstrip()
        return english, f"{self.where_zh()}：{self.zh}{self.fix_zh}"

    def to_json(self) -> dict[str, Any]:
        """Return the problem as plain JSON values."""
        return {
            "code": self.code,
            "level": self.level,
            "fault": self.fault,
            "line": self.line,
            "column": self.column,
            "field": self.field,
            "message": {"en": self.en, "zh": self.zh},
            "fix": {"en": self.fix_en, "zh": self.fix_zh},
        }


def problem(
    code: str,
    *,
    line: int | None = None,
    column: int | None = None,
    field: str | None = None,
    **values: object,
) -> Problem:
    """Return the problem `code` of the table, its sentences filled with `values`."""
    text = TEXTS[code]
    shown = {name: show(value) for name, value in values.items()} | {"field": show(field or "")}
    return Problem(
        code=code,
        level=text.level,
        fault=text.fault,
        line=line,
        column=column,
        field=None if field is None else show(field),
        en=text.en.format_map(shown),
        zh=text.zh.format_map(shown),
        fix_en=text.fix_en.format_map(shown),
        fix_zh=text.fix_zh.format_map(shown),
    )


def show(value: object, limit: int | None = None) -> str:
    """Return `value` as text that is safe to print: bounded, without control or direction characters."""
    text = str(value)
    limit = MAX_SHOWN * 4 if limit is None else limit
    cut = text if len(text) <= limit else f"{text[:limit]}…"
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in cut)


def short(value: object) -> str:
    """Return `value` for a message about a field, at most MAX_SHOWN characters."""
    return show(value, MAX_SHOWN)
