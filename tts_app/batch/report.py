"""What became of a batch, for its owner: every item, every fault with line and fix, in both languages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

from tts_app.batch.items import Item
from tts_app.batch.journal import History
from tts_app.batch.preflight import Preflight
from tts_app.batch.problems import ERROR, Problem
from tts_app.batch.runner import Stopped


class Exit(IntEnum):
    """Exit status of the command."""

    ALL_OK = 0
    SOME_FAILED = 1
    USAGE = 2
    NONE_OK = 3
    REFUSED = 4
    NO_ARCHIVE = 5
    STOPPED = 75  # EX_TEMPFAIL: start again to resume


@dataclass(frozen=True)
class Row:
    """One item, or one line that never became one."""

    line: int
    name: str
    status: str  # ok, failed, waiting; where it is watched also running, and skipped once it is cancelled
    file: str | None = None
    sha256: str | None = None
    audio_s: float | None = None
    error: str | None = None  # kind
    message_en: str = ""
    message_zh: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the row as plain JSON values."""
        message = {"en": self.message_en, "zh": self.message_zh} if self.error else None
        return {
            "line": self.line,
            "name": self.name,
            "status": self.status,
            "file": self.file,
            "sha256": self.sha256,
            "audio_s": self.audio_s,
            "error": self.error,
            "message": message,
        }


@dataclass(frozen=True)
class Report:
    """The whole batch."""

    batch_id: str
    owner: str
    source: str
    engine: str
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...] = ()
    stopped: Stopped | None = None
    archive: Path | None = field(default=None)
    archive_error: str | None = None

    def count(self, status: str) -> int:
        """Return how many rows have `status`."""
        return sum(row.status == status for row in self.rows)

    @property
    def exit_status(self) -> Exit:
        """Return what the command ends with."""
        if self.stopped is not None or self.count("waiting"):
            return Exit.STOPPED
        if self.count("ok") == len(self.rows):
            return Exit.ALL_OK if self.archive_error is None else Exit.NO_ARCHIVE
        return Exit.SOME_FAILED if self.count("ok") else Exit.NONE_OK

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        stopped = self.stopped
        return {
            "schema": 1,
            "batch_id": self.batch_id,
            "owner": self.owner,
            "tasks_file": self.source,
            "engine": self.engine,
            "state": "stopped" if self.exit_status is Exit.STOPPED else "ended",
            "exit_status": int(self.exit_status),
            "stopped": stopped
            and {"reason": stopped.reason, "message": {"en": stopped.en, "zh": stopped.zh}},
            "total": len(self.rows),
            "ok": self.count("ok"),
            "failed": self.count("failed"),
            "waiting": self.count("waiting"),
            "audio_s": round(sum(row.audio_s or 0.0 for row in self.rows), 1),
            "archive": None if self.archive is None else str(self.archive),
            "archive_error": self.archive_error,
            "items": [row.to_json() for row in self.rows],
            "faults": faults(self.problems, self.rows),
        }

    def to_bytes(self) -> bytes:
        """Return the report as a JSON file's content, also when a path in it is no UTF-8."""
        return json.dumps(self.to_json(), ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace")


def make_rows(items: Sequence[Item], history: History, preflight: Preflight) -> tuple[Row, ...]:
    """Return a row for every item and for every line left out, in the file's order."""
    rows = [_row(item, history) for item in items]
    rows += [_left_out(line, preflight) for line in preflight.bad_lines]
    return tuple(sorted(rows, key=lambda row: row.line))


def expected_rows(preflight: Preflight) -> tuple[Row, ...]:
    """Return a row for every task and for every line left out, as long as nothing was begun."""
    rows = [Row(task.line, task.name, "waiting") for task in preflight.tasks]
    rows += [_left_out(line, preflight) for line in preflight.bad_lines]
    return tuple(sorted(rows, key=lambda row: row.line))


def faults(problems: Sequence[Problem], rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return what the owner is told: faults of the file, then of items while they were spoken."""
    told = [found.to_json() for found in problems]
    lines_told = {found.line for found in problems if found.level == ERROR}
    failed = (row for row in rows if row.status == "failed" and row.line not in lines_told)
    return told + [_fault(row) for row in failed]


def _fault(row: Row) -> dict[str, Any]:
    return {
        "code": row.error,
        "level": ERROR,
        "fault": "missing_audio" if row.error == "FileNotFoundError" else "synthesis_failed",
        "line": row.line,
        "column": None,
        "field": None,
        "message": {"en": row.message_en, "zh": row.message_zh},
        "fix": {
            "en": "Run the same command with --retry-failed, or change the text.",
            "zh": "请加 --retry-failed 重新运行，或修改文本。",
        },
    }


def _row(item: Item, history: History) -> Row:
    line, name = item.task.line, item.task.name
    if done := history.done.get(item.key):
        return Row(line, name, "ok", done["file"], done["sha256"], done["audio_s"])
    if failed := history.failed.get(item.key):
        message = failed["message"]
        return Row(
            line, name, "failed", error=failed["error"], message_en=message["en"], message_zh=message["zh"]
        )
    return Row(line, name, "waiting")


def _left_out(line: int, preflight: Preflight) -> Row:
    found = next(error for error in preflight.errors if error.line == line)
    english, chinese = found.sentences()
    return Row(line, "", "failed", error=found.code, message_en=english, message_zh=chinese)
