"""How a submitted batch is, for the page and the API."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tts_app.batch.items import Item
from tts_app.batch.preflight import Preflight
from tts_app.batch.problems import Problem, show
from tts_app.batch.progress import Pace
from tts_app.batch.report import Row, expected_rows, faults
from tts_app.batch.runner import Listener
from tts_app.batch.shelf import Folder, Meta
from tts_app.batch.speak import ServiceSpeaker
from tts_app.errors import TtsError


class State(StrEnum):
    """Where a batch stands."""

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"  # goes on by itself: after a drain, when the disk is free, at the next start
    ENDED = "ended"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen."""
        return self in {State.ENDED, State.CANCELLED}


@dataclass(frozen=True)
class BatchStatus:
    """One look at a batch."""

    batch_id: str
    owner: str
    state: State
    reason: str | None  # why it is paused, one word
    submitted_at: str
    total: int
    ok: int
    failed: int
    current: dict[str, Any] | None  # line, name, pieces_done, pieces
    eta_s: float | None
    items: tuple[dict[str, Any], ...]  # every line: line, name, status (report.Row), audio_s, error, message
    problems: tuple[dict[str, Any], ...]
    has_result: bool

    def to_json(self) -> dict[str, Any]:
        """Return the status as plain JSON values."""
        return {
            "id": self.batch_id,
            "owner": self.owner,
            "state": str(self.state),
            "reason": self.reason,
            "submitted_at": self.submitted_at,
            "total": self.total,
            "ok": self.ok,
            "failed": self.failed,
            "current": self.current,
            "eta_s": None if self.eta_s is None else round(self.eta_s),
            "items": list(self.items),
            "problems": list(self.problems),
            "has_result": self.has_result,
        }


class Entry:
    """A submitted batch in memory; its folder is what counts after a restart."""

    def __init__(
        self,
        folder: Folder,
        meta: Meta,
        state: State,
        *,
        preflight: Preflight | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder, self.meta, self.state = folder, meta, state
        self._reason: str | None = None
        self._problems: tuple[dict[str, Any], ...] = ()
        self._rows: dict[int, dict[str, Any]] = {}  # by line
        self._current: Item | None = None
        self._speaker: ServiceSpeaker | None = None
        self._pace = Pace(clock)
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        if preflight is not None:
            self.note_lines(expected_rows(preflight), preflight.problems)

    @classmethod
    def found(cls, folder: Folder) -> Entry:
        """Return the entry of a folder that an earlier process left."""
        state = State.CANCELLED if folder.cancelled else State.ENDED if folder.ended else State.WAITING
        entry = cls(folder, folder.meta, state)
        if folder.cancelled:
            entry._cancelled.set()
        entry._read_report()
        return entry

    @property
    def cancelled(self) -> bool:
        """Whether its owner gave it up."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Give it up, unless it has ended; one that isn't spoken now has ended when this returns."""
        if self.state.final:
            return
        self.folder.cancel()
        self._cancelled.set()
        if self._speaker is not None:
            self._speaker.cancel()
        else:
            self.end(State.CANCELLED)

    def begin(self, speaker: ServiceSpeaker) -> None:
        """It runs now, spoken by `speaker`."""
        self._speaker, self.state, self._reason = speaker, State.RUNNING, None

    def pause(self, reason: str) -> None:
        """It goes on later."""
        self._close(State.PAUSED, reason)

    def end(self, state: State) -> None:
        """Nothing more will happen."""
        self._close(state, None)

    def _close(self, state: State, reason: str | None) -> None:
        self._read_report()
        self._speaker = self._current = None
        self.state, self._reason = state, reason

    def _read_report(self) -> None:
        report = self.folder.report()
        if report is None:
            return
        with self._lock:
            self._problems = tuple(report["faults"])
            self._rows = {row["line"]: row for row in report["items"]}

    def status(self) -> BatchStatus:
        """Return how it is now."""
        current, running = self._in_hand(), self.state is State.RUNNING
        items = self._all_rows(current)
        count = Counter(str(item["status"]) for item in items)
        ended = count["ok"] + count["failed"]
        return BatchStatus(
            batch_id=self.meta.batch_id,
            owner=self.meta.owner,
            state=self.state,
            reason=self._reason,
            submitted_at=self.meta.submitted_at,
            total=len(items),
            ok=count["ok"],
            failed=count["failed"],
            current=current,
            eta_s=self._pace.left_s(len(items) - ended) if running else None,
            items=items,
            problems=self._problems,
            has_result=self.state is State.ENDED,
        )

    def _all_rows(self, current: dict[str, Any] | None) -> tuple[dict[str, Any], ...]:
        with self._lock:
            rows = dict(self._rows)
        if self.state is State.CANCELLED:
            left = [line for line, row in rows.items() if row["status"] == "waiting"]
            rows |= {line: rows[line] | {"status": "skipped"} for line in left}
        if current is not None and (row := rows.get(current["line"])):
            rows[current["line"]] = row | {"status": "running"}
        return tuple(rows[line] for line in sorted(rows))

    def _in_hand(self) -> dict[str, Any] | None:
        item, speaker = self._current, self._speaker
        if item is None or speaker is None:
            return None
        done, total = speaker.pieces
        return {"line": item.task.line, "name": item.task.name, "pieces_done": done, "pieces": total}

    def listener(self, on_item: Callable[[str], None]) -> Listener:
        """Return what keeps this entry up to date while the batch runs."""
        return _Keeper(self, on_item)

    def note_lines(self, rows: Sequence[Row], problems: Sequence[Problem]) -> None:
        """These are its lines, as far as they are known to have come, and what is wrong with them."""
        with self._lock:
            self._rows = {row.line: row.to_json() for row in rows}
            self._problems = tuple(faults(problems, rows))

    def note_begun(self) -> None:
        """The run has begun."""
        self._pace.begin()

    def note_current(self, item: Item) -> None:
        """An item is in hand."""
        self._current = item

    def note_ended(self, item: Item, error: TtsError | None, audio_s: float) -> None:
        """An item has ended."""
        line, name = item.task.line, item.task.name
        if error is None:
            row = Row(line, name, "ok", item.file_name, audio_s=round(audio_s, 3))
        else:
            english, chinese = show(error.message_en), show(error.message_zh)
            kind = type(error).__name__
            row = Row(line, name, "failed", error=kind, message_en=english, message_zh=chinese)
        with self._lock:
            self._rows[line] = row.to_json()
        self._current = None
        self._pace.step()


class _Keeper(Listener):
    def __init__(self, entry: Entry, on_item: Callable[[str], None]) -> None:
        self._entry, self._on_item = entry, on_item

    def begun(self, total: int, finished: int) -> None:
        self._entry.note_begun()

    def item_begun(self, item: Item) -> None:
        self._entry.note_current(item)

    def item_ended(self, item: Item, error: TtsError | None, audio_s: float) -> None:
        self._on_item("failed" if error else "ok")
        self._entry.note_ended(item, error, audio_s)
