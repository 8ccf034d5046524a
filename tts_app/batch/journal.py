"""The journal of a batch: one JSON object a line, on disk before anything relies on it.

Events: batch (a run begins), start (an item is in hand), made (its wav is whole under a temporary name),
done, failed, given_back (it was not its fault), stopped (by a signal, a drain, a full disk), retry (failed
items count as waiting again) and end (nothing is left to do).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

Record = dict[str, Any]


def utc_now() -> datetime:
    """Return the time now, aware, in UTC."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """Return `moment` as the journal writes times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class History:
    """What a journal says so far. Keys are Item.key."""

    batch_id: str | None = None
    done: dict[str, Record] = field(default_factory=dict)
    failed: dict[str, Record] = field(default_factory=dict)
    made: dict[str, Record] = field(default_factory=dict)
    deaths: dict[str, int] = field(default_factory=dict)  # how often the run died with the item in hand
    ended: bool = False

    def add(self, record: Record) -> None:
        """Take in one more record, in the journal's order."""
        event, key = record.get("event"), str(record.get("key"))
        if event == "batch":
            self.batch_id, self.ended = self.batch_id or record.get("batch_id"), False
        elif event == "start":
            self.deaths[key] = self.deaths.get(key, 0) + 1
        elif event == "made":
            self.made[key] = record
        elif event in {"done", "failed"}:
            done = event == "done"
            (self.done if done else self.failed)[key] = record
            (self.failed if done else self.done).pop(key, None)
            self.deaths.pop(key, None)
        elif event == "given_back":
            self.deaths.pop(key, None)
        elif event == "retry":
            self.failed.clear()
            self.deaths.clear()
        elif event == "end":
            self.ended = True


class JournalBusy(Exception):
    """Another process writes this journal."""


class Journal:
    """An open journal; only one process at a time has it open for writing."""

    def __init__(self, path: Path, now: Callable[[], datetime] = utc_now) -> None:
        """Open or create `path`; a line cut off by a crash is removed. Raises JournalBusy, OSError."""
        self._now = now
        self.history = History()
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._end = self._replay(path)
        except BlockingIOError as error:
            os.close(self._handle)
            raise JournalBusy(str(path)) from error
        except OSError:
            os.close(self._handle)
            raise

    def _replay(self, path: Path) -> int:
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole != len(content):
            os.ftruncate(self._handle, whole)
        for record in read_records(content[:whole]):
            self.history.add(record)
        return whole

    def append(self, event: str, *, durable: bool = True, **values: Any) -> None:
        """Write one record; returns once it is on disk. Raises OSError, then nothing was added.

        `durable=False` saves the wait for the disk: the record outlives this process, not a power cut.
        """
        record: Record = {"at": stamp(self._now()), "event": event, **values}
        data = json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        try:
            _write_all(self._handle, data, self._end)
            if durable:
                os.fsync(self._handle)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, self._end)
            raise
        self._end += len(data)
        self.history.add(record)

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_records(content: bytes) -> list[Record]:
    """Return the records of a journal; lines that are no JSON object are passed over."""
    records = []
    for line in content.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            records.append(record)
    return records


def read_history(path: Path) -> History:
    """Return what the journal at `path` says, without opening it for writing; empty when there is none."""
    history = History()
    with contextlib.suppress(FileNotFoundError):
        for record in read_records(path.read_bytes()):
            history.add(record)
    return history


def _write_all(handle: int, data: bytes, at: int) -> None:
    while data:
        written = os.pwrite(handle, data, at)
        data, at = data[written:], at + written
