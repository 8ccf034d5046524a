"""One piece of work at a time for each browser: a double click is one click."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import gradio as gr


class Once:
    """Gradio's trigger_mode="once" lets a second quick click through, and only the browser keeps it."""

    def __init__(self) -> None:
        self._busy: set[str] = set()
        self._lock = Lock()

    @contextmanager
    def only(self, request: gr.Request) -> Iterator[bool]:
        """Give whether this browser has nothing else under way; until the end of the block it has."""
        browser = request.session_hash
        if browser is None:
            yield True
            return
        with self._lock:
            first = browser not in self._busy
            self._busy.add(browser)
        try:
            yield first
        finally:
            if first:
                with self._lock:
                    self._busy.discard(browser)
