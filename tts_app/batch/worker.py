"""The process that holds the engine during a batch, so that a crash or a hang costs one item.

python -m tts_app.batch.worker [MODULE:FUNCTION]   requests on standard input, answers on standard output.
The engine comes from FUNCTION(settings), by default tts_app.engines.make_engine; settings from TTS_*.
"""

from __future__ import annotations

import ctypes
import importlib
import logging
import os
import signal
import sys
from collections.abc import Callable

from tts_app import logs
from tts_app.batch import wire
from tts_app.engines.base import Engine, PieceCallback, Speech, SpeechRequest
from tts_app.errors import OutOfMemory, TtsError
from tts_app.settings import Settings
from tts_app.unforeseen import as_engine_error

log = logging.getLogger(__name__)

DEFAULT_ENGINE = "tts_app.engines:make_engine"
PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> int:
    """Serve until standard input ends. Returns the exit status."""
    out = _private_output()
    _end_with_parent()
    logs.set_up_worker()
    receiver = wire.Receiver(sys.stdin.fileno())
    try:
        engine = _load(argv[0] if argv else DEFAULT_ENGINE)
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent must be told instead of a silent end
        wire.send(out, wire.pack_error(error))
        return 1
    try:
        wire.send(out, wire.frame({"event": "loaded"}))
        while True:
            _answer(engine, receiver, out)
    except wire.Closed:
        pass
    finally:
        engine.unload()
    return 0


def _answer(engine: Engine, receiver: wire.Receiver, out: int) -> None:
    """Answer one request. Engines heal themselves: after any error they may be asked again. Raises Closed."""
    request = wire.unpack_request(*receiver.receive())

    def on_piece(done: int, total: int) -> None:
        wire.send(out, wire.frame({"event": "piece", "done": done, "total": total}))

    try:
        answer = wire.pack_speech(_speak(engine, request, on_piece))
    except wire.Closed:
        raise
    except Exception as error:  # noqa: BLE001 - the worker loop: one bad item must not end it
        answer = wire.pack_error(error if isinstance(error, TtsError) else as_engine_error(error, request))
    wire.send(out, answer)


def _speak(engine: Engine, request: SpeechRequest, on_piece: PieceCallback) -> Speech:
    """Return the speech; a text that ran out of memory is tried once more after clearing it."""
    try:
        return engine.synthesize(request, on_piece=on_piece)
    except OutOfMemory as error:
        log.error(error.message_en, exc_info=error)
    engine.clear_memory()
    return engine.synthesize(request, on_piece=on_piece)


def _load(name: str) -> Engine:
    module, _, function = name.partition(":")
    make: Callable[[Settings], Engine] = getattr(importlib.import_module(module), function)
    engine = make(Settings.from_env())
    engine.load()
    return engine


def _private_output() -> int:
    """Keep standard output for answers; what libraries print there may be user text and goes nowhere."""
    out = os.dup(sys.stdout.fileno())
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return out


def _end_with_parent() -> None:
    """Die when the batch is killed, also in the middle of a synthesis; leave signals to the batch.

    Ignored signals stay ignored in what the engine starts: a stop of the whole group doesn't cost the item in hand.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
