"""How many messages a robot may still send. Pure: the clock is an argument.

A sliding window rather than a leaking bucket: after a full bucket of 20 a leaking one lets 20 more through
within the same minute, and the server counts minutes (error 45009).
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

MINUTE = timedelta(seconds=60)


class Budget:
    """At most `limit` sends within any minute, the last `reserve` of them for pages only."""

    def __init__(self, limit: int, reserve: int = 0) -> None:
        self.limit = limit
        self.reserve = min(reserve, limit - 1)
        self._sent: deque[datetime] = deque()
        self._shut_until: datetime | None = None

    def left(self, now: datetime, *, page: bool = False) -> int:
        """Return how many messages may be sent at `now`."""
        if self._shut_until is not None and now < self._shut_until:
            return 0
        while self._sent and now - self._sent[0] >= MINUTE:
            self._sent.popleft()
        free = self.limit - len(self._sent)
        return max(0, free if page else free - self.reserve)

    def spend(self, now: datetime) -> None:
        """Count one send, whatever became of it: the server counts failed ones too."""
        self._sent.append(now)

    def shut(self, until: datetime) -> None:
        """Send nothing before `until`: the server said so."""
        self._shut_until = until
