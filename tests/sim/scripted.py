"""Answers that a test or a person scripts ahead: what happens to the next calls of a simulated service."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True)
class Trouble:
    """What goes wrong: `kind` is the service's own word, `value` its number or text."""

    kind: str
    value: str = ""


class Script:
    """Hand out scripted troubles in order; None when nothing is scripted."""

    def __init__(self) -> None:
        self._troubles: deque[Trouble] = deque()
        self._lock = threading.Lock()

    def add(self, kind: str, value: str = "", times: int = 1) -> None:
        """Let the next `times` calls meet this trouble."""
        with self._lock:
            self._troubles.extend([Trouble(kind, value)] * times)

    def __len__(self) -> int:
        """Count the troubles that nothing has met yet."""
        with self._lock:
            return len(self._troubles)

    def clear(self) -> None:
        """Forget what is scripted."""
        with self._lock:
            self._troubles.clear()

    def next(self) -> Trouble | None:
        """Take the next trouble."""
        with self._lock:
            return self._troubles.popleft() if self._troubles else None
