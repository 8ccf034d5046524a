"""The in-process bell: calls `advance` for every incident that is due.

Nothing here is durable and nothing here decides: `advance` is safe to call twice, late, or from two places.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

log = logging.getLogger(__name__)
POLL_S = 1.0  # a lost ring costs at most this
WORKERS = 8  # one may wait for a frozen host, the others go on
LONGEST_PAUSE_S = 60.0


class Dispatcher:
    """Rings `advance(incident_id)` for the ids that `due()` names, each at most once at a time."""

    def __init__(
        self,
        due: Callable[[], Iterable[str]],
        advance: Callable[[str], object],
        *,
        workers: int = WORKERS,
        poll_s: float = POLL_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._due, self._advance, self._monotonic = due, advance, monotonic
        self._poll_s = poll_s
        self._bell = threading.Condition()
        self._rung = False
        self._ending = False
        self._busy: set[str] = set()
        self._paused: dict[str, tuple[int, float]] = {}  # id -> failures in a row, not before
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="advance")
        self._thread = threading.Thread(target=self._serve, name="dispatcher", daemon=True)

    def start(self) -> None:
        """Begin to ring."""
        self._thread.start()

    def ring(self) -> None:
        """Look for due incidents now rather than at the next poll."""
        with self._bell:
            self._rung = True
            self._bell.notify()

    def alive(self) -> bool:
        """Whether the loop runs."""
        return self._thread.is_alive()

    def busy(self) -> bool:
        """Whether a worker has an incident in hand."""
        with self._bell:
            return bool(self._busy)

    def stop(self) -> None:
        """Start nothing new and wait for what is in progress."""
        with self._bell:
            self._ending = True
            self._bell.notify()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _serve(self) -> None:
        while True:
            with self._bell:
                if not self._rung and not self._ending:
                    self._bell.wait(self._poll_s)
                if self._ending:
                    return
                self._rung = False
            self.round()

    def round(self) -> None:
        """Hand every due incident that is neither in progress nor paused to a worker."""
        try:
            ids = list(self._due())
        except Exception:  # the loop must outlive a database that is away
            log.exception("due incidents could not be read")
            return
        for incident_id in ids:
            with self._bell:
                if incident_id in self._busy or self._is_paused(incident_id):
                    continue
                self._busy.add(incident_id)
            self._pool.submit(self._one, incident_id)

    def _one(self, incident_id: str) -> None:
        """Advance one incident; what it raises pauses this incident and no other."""
        try:
            self._advance(incident_id)
        except Exception:
            log.exception("advance failed", extra={"incident": incident_id})
            failed = True
        else:
            failed = False
        with self._bell:
            self._busy.discard(incident_id)
            self._note(incident_id, failed)
            self._rung = self._rung or not failed  # it may already need its next step
            self._bell.notify()

    def _is_paused(self, incident_id: str) -> bool:
        return incident_id in self._paused and self._monotonic() < self._paused[incident_id][1]

    def _note(self, incident_id: str, failed: bool) -> None:
        if not failed:
            self._paused.pop(incident_id, None)
            return
        failures = self._paused.get(incident_id, (0, 0.0))[0] + 1
        pause = min(LONGEST_PAUSE_S, 2.0 ** min(failures, 10))
        self._paused[incident_id] = (failures, self._monotonic() + pause)
