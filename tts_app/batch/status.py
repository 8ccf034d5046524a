"""How a submitted batch is, for the page and the API."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tts_app.batch.items import Item
from tts_app.batch.problems import Problem
from tts_app.batch.progress import Pace
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
    items: tuple[dict[str, Any], ...]  # those that ended: line, name, status, audio_s, message
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
        total: int = 0,
        problems: tuple[Problem, ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder, self.meta, self.state = folder, meta, state
        self._reason: str | None = None
        self._total, self._clock = total, clock
        self._problems = tuple(found.to_json() for found in problems)
        self._items: dict[int, dict[str, Any]] = {}
        self._current: Item | None = None
        self._speaker: ServiceSpeaker | None = None
        self._pace = Pace(clock)
        self._cancelled = threading.Event()
        self._lock = threading.Lock()

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
            self._total = report["total"]
            self._problems = tuple(report["faults"])
            self._items = {row["line"]: row for row in report["items"] if row["status"] != "waiting"}

    def status(self) -> BatchStatus:
        """Return how it is now."""
        with self._lock:
            items = tuple(self._items[line] for line in sorted(self._items))
        failed = sum(item["status"] == "failed" for item in items)
        running = self.state is State.RUNNING
        return BatchStatus(
            batch_id=self.meta.batch_id,
            owner=self.meta.owner,
            state=self.state,
            reason=self._reason,
            submitted_at=self.meta.submitted_at,
            total=self._total,
            ok=len(items) - failed,
            failed=failed,
            current=self._in_hand(),
            eta_s=self._pace.left_s(self._total - len(items)) if running else None,
            items=items,
            problems=self._problems,
            has_result=self.state is State.ENDED,
        )

    def _in_hand(self) -> dict[str, Any] | None:
        item, speaker = self._current, self._speaker
        if item is None or speaker is None:
            return None
        done, total = speaker.pieces
        return {"line": item.task.line, "name": item.task.name, "pieces_done": done, "pieces": total}

    def listener(self, on_item: Callable[[str], None]) -> Listener:
        """Return what keeps this entry up to date while the batch runs."""
        return _Keeper(self, on_item)

    def note_begun(self, total: int) -> None:
        """The run has begun."""
        self._total = total
        self._pace.begin()

    def note_current(self, item: Item) -> None:
        """An item is in hand."""
        self._current = item

    def note_ended(self, item: Item, error: TtsError | None, audio_s: float) -> None:
        """An item has ended."""
        message = None if error is None else {"en": error.message_en, "zh": error.message_zh}
        row = {
            "line": item.task.line,
            "name": item.task.name,
            "status": "failed" if error else "ok",
            "audio_s": round(audio_s, 3),
            "error": type(error).__name__ if error else None,
            "message": message,
        }
        with self._lock:
            self._items[item.task.line] = row
        self._current = None
        self._pace.step()


class _Keeper(Listener):
    def __init__(self, entry: Entry, on_item: Callable[[str], None]) -> None:
        self._entry, self._on_item = entry, on_item

    def begun(self, total: int, finished: int) -> None:
        self._entry.note_begun(total)

    def item_begun(self, item: Item) -> None:
        self._entry.note_current(item)

    def item_ended(self, item: Item, error: TtsError | None, audio_s: float) -> None:
        self._on_item("failed" if error else "ok")
        self._entry.note_ended(item, error, audio_s)
