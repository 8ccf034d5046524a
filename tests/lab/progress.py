"""Tell what is being done, and how long it took."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Progress:
    """Print one line per step: `[  12 s] build the Debian tree ... 74 s`."""

    def __init__(self, quiet: bool = False) -> None:
        self._started = time.monotonic()
        self._quiet = quiet

    def say(self, text: str) -> None:
        """Print one line with the seconds since the start."""
        if not self._quiet:
            print(f"[{time.monotonic() - self._started:4.0f} s] {text}", file=sys.stderr, flush=True)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Announce a step; print its duration when it took long enough to wonder about."""
        self.say(text)
        started = time.monotonic()
        yield
        took = time.monotonic() - started
        if took > 2:
            self.say(f"  done in {took:.0f} s")
