"""Signals during a run: the first one ends it after the item in hand."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

NOTICE = (
    "\nstopping after the item in hand; Ctrl-C once more stops at once"
    " / 完成当前任务后停止；再按一次 Ctrl-C 立即停止\n"
)
STANDARD_ERROR = 2


class Stop:
    """Ends a run after the item in hand at the first signal; a second Ctrl-C ends it at once."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        if not self.asked:
            self.asked = True
            with contextlib.suppress(OSError):  # straight to the terminal: print() may be under way
                os.write(STANDARD_ERROR, NOTICE.encode())

    @contextmanager
    def handling(self) -> Iterator[None]:
        """Take SIGTERM, SIGINT and a terminal's end for as long as the context lasts; nohup stays nohup."""
        numbers = [signal.SIGTERM, signal.SIGINT]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            numbers.append(signal.SIGHUP)
        before = {number: signal.signal(number, self) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
