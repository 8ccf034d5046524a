"""The fake engine inside a real worker process: some texts crash it, hang it, or exhaust it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from tests.unit.tts_app.fakes import FakeEngine
from tts_app.errors import Busy, ContextDead, LoadFailed, OutOfMemory
from tts_app.settings import Settings

COMMAND = (sys.executable, "-m", "tts_app.batch.worker")
FACTORY = "tests.unit.tts_app.batch.worker_engine:make"


class TroubledEngine(FakeEngine):
    """Speaks unless the text names a trouble. FAKE_CALLS is a file that lists what it was asked for."""

    def synthesize(self, request, *, on_piece=None, cancelled=None):
        self._note(request.text)
        print("chatter of a library on standard output")
        self._trouble(request.text)
        return super().synthesize(request, on_piece=on_piece, cancelled=cancelled)

    def clear_memory(self):
        self._note("cleared")
        return super().clear_memory()

    def _note(self, what: str) -> None:
        if calls := os.environ.get("FAKE_CALLS"):
            with Path(calls).open("a", encoding="utf-8") as out:
                out.write(f"{os.getpid()} {what}\n")

    def _trouble(self, text: str) -> None:
        if text.startswith("crash"):
            os.kill(os.getpid(), signal.SIGSEGV)
        if text.startswith("quit"):
            os._exit(3)
        if text.startswith("hang") and "FAKE_WELL" not in os.environ:
            threading.Event().wait()
        if text.startswith("gate"):
            while not Path(os.environ["FAKE_GATE"]).exists():
                threading.Event().wait(0.02)
        if text.startswith("memory") or (text.startswith("once") and not self.clears):
            raise OutOfMemory("CUDA out of memory. Tried to allocate 2.00 GiB")
        if text.startswith("context"):
            raise ContextDead("CUDA error: device-side assert triggered")
        if text.startswith("busy"):
            raise Busy(7, "the speech server is busy", "语音服务端繁忙")
        if text.startswith("gone"):
            raise LoadFailed("the speech server can't be reached")
        if text.startswith("bug"):
            raise IndexError("list index out of range")
        if text.startswith("quote"):
            raise KeyError(text)


def make(settings: Settings) -> TroubledEngine:
    """Return the engine; FAKE_LOAD says how loading goes."""
    engine = TroubledEngine()
    match os.environ.get("FAKE_LOAD"):
        case "fails":
            engine.load_error = LoadFailed("no model file")
        case "crashes":
            os._exit(7)
        case "hangs":
            threading.Event().wait()
        case _:
            pass
    return engine
