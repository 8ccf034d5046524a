"""How one problem is told, in both languages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """How one problem is told. `{names}` are filled in by problem()."""

    en: str
    zh: str
    fix_en: str = ""
    fix_zh: str = ""
    level: str = "error"
    fault: str = "bad_task_file"


def warn(en: str, zh: str, fix_en: str = "", fix_zh: str = "", fault: str = "bad_task_file") -> Text:
    """Return what deserves a look and refuses nothing."""
    return Text(en, zh, fix_en, fix_zh, level="warning", fault=fault)


def audio(en: str, zh: str, fix_en: str, fix_zh: str) -> Text:
    """Return what is wrong with the path of a recording."""
    return Text(en, zh, fix_en, fix_zh, fault="missing_audio")
