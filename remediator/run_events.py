"""Ansible's events as short lines in a file, and what they add up to."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any

NOTED = {
    "playbook_on_task_start",
    "runner_on_ok",
    "runner_on_failed",
    "runner_on_skipped",
    "runner_on_unreachable",
    "playbook_on_stats",
}
MAX_TEXT = 500
MAX_RESULT_BYTES = 64 * 1024
Event = dict[str, Any]


class EventLog:
    """Takes events from ansible-runner and writes them beside it.

    The runner calls `take` inside its reading loop: whatever waits there makes it lose events, so
    `take` only queues and a thread writes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._queue: SimpleQueue[Event | None] = SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="run-events", daemon=True)
        self.failed_task: str | None = None
        self.result: dict[str, Any] = {}  # the playbook's own words: set_stats remedy_result
        self._failure = ""

    def __enter__(self) -> EventLog:
        """Start writing."""
        self._writer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is queued and stop."""
        self._queue.put(None)
        self._writer.join()

    def take(self, event: Event) -> bool:
        """Queue one event; False tells the runner not to keep a file of its own."""
        self._queue.put(event)
        return False

    def summary(self) -> str:
        """Return the failed task and its message, or nothing."""
        if not self.failed_task:
            return ""
        return f"{self.failed_task}: {self._failure}" if self._failure else self.failed_task

    def _write(self) -> None:
        with self._path.open("a", encoding="utf-8") as stream:
            while (event := self._queue.get()) is not None:
                if event.get("event") in NOTED:
                    self._learn(event)
                    stream.write(json.dumps(brief(event), ensure_ascii=False) + "\n")
                    stream.flush()

    def _learn(self, event: Event) -> None:
        data = event.get("event_data") or {}
        kind = event["event"]
        if kind in ("runner_on_failed", "runner_on_unreachable") and not data.get("ignore_errors"):
            # A rescue may end a failed block well; the last failure is the one that counted.
            self.failed_task, self._failure = str(data.get("task") or kind), message(data)
        if kind == "playbook_on_stats":
            self._result_from(data.get("artifact_data") or {})

    def _result_from(self, stats: dict[str, Any]) -> None:
        result = stats.get("remedy_result")
        if isinstance(result, dict) and len(json.dumps(result, default=str)) <= MAX_RESULT_BYTES:
            self.result = json.loads(json.dumps(result, default=str))


def brief(event: Event) -> dict[str, Any]:
    """Return what people need of an event; a task's whole output stays out."""
    data = event.get("event_data") or {}
    line = {
        "time": event.get("created"),
        "event": event["event"],
        "task": data.get("task"),
        "changed": (data.get("res") or {}).get("changed"),
        "took_s": data.get("duration"),
        "message": message(data) or None,
    }
    return {name: value for name, value in line.items() if value is not None}


def message(data: Event) -> str:
    """Return a task's own message, cut to 500 characters; a task marked no_log has none."""
    result = data.get("res") or {}
    if "censored" in result:
        return ""
    return " ".join(str(result.get("msg") or "").split())[:MAX_TEXT]
