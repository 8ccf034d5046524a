"""The command's words: whatever terminal or pipe takes them, or takes them no more, the batch goes on."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable
from typing import TextIO

from rich.console import Console

from tts_app.batch.items import Item
from tts_app.batch.progress import Bar, Plain
from tts_app.batch.runner import Listener
from tts_app.errors import TtsError


def listener_on(lines: TextIO, *, bar_on: TextIO) -> Listener:
    """Return a bar where `bar_on` is a terminal that can draw one, else plain lines on `lines`."""
    console = Console(file=bar_on)
    draws = bar_on.isatty() and not console.is_dumb_terminal
    return Heedless(Bar(console) if draws else Plain(lines))


def say(show: Callable[[], None]) -> None:
    """Show something; what can't be shown because nobody is there any more is dropped."""
    try:
        show()
        sys.stdout.flush()  # or it fails at the exit, with a status of its own
    except OSError:
        _drop_what_fails()


def _drop_what_fails() -> None:
    """Lead streams whose other end is gone nowhere, so that neither the next word nor the exit fails."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with contextlib.suppress(OSError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)


def take_every_character() -> None:
    """Let output that can't show a character (an old locale) show its number instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class Heedless(Listener):
    """Passes everything on, and doesn't care whether it is heard."""

    def __init__(self, inner: Listener) -> None:
        self.inner = inner

    def begun(self, total: int, finished: int) -> None:
        """See Listener."""
        say(lambda: self.inner.begun(total, finished))

    def ready(self) -> None:
        """See Listener."""
        say(self.inner.ready)

    def item_begun(self, item: Item) -> None:
        """See Listener."""
        say(lambda: self.inner.item_begun(item))

    def piece(self, done: int, total: int) -> None:
        """See Listener."""
        say(lambda: self.inner.piece(done, total))

    def item_ended(self, item: Item, error: TtsError | None, audio_s: float) -> None:
        """See Listener."""
        say(lambda: self.inner.item_ended(item, error, audio_s))

    def ended(self) -> None:
        """See Listener."""
        say(self.inner.ended)
