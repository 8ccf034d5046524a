"""access.log and error.log, written by the app itself so that logrotate loses nothing.

Lines: `2026-11-27T01:02:03.123Z ERROR request=<id> <logger>: message`, then the traceback. No user text.
"""

import contextlib
import faulthandler
import logging
import sys
import time
from contextvars import ContextVar
from io import TextIOWrapper
from logging.handlers import WatchedFileHandler
from pathlib import Path

request_id: ContextVar[str] = ContextVar("request_id", default="-")
access = logging.getLogger("tts_app.access")


class _Formatter(logging.Formatter):
    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s request=%(request)s %(name)s: %(message)s")


class FaultFile(WatchedFileHandler):
    """error.log, which native crashes are written to as well, also after a rotation."""

    def _open(self) -> TextIOWrapper:
        stream = super()._open()
        # "Fatal Python error: Segmentation fault" and the stacks of all threads
        faulthandler.enable(stream, all_threads=True)
        return stream


def follow_rotation() -> None:
    """Write to the new error.log after a rotation, a native crash too; otherwise only the next line notices."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, FaultFile):
            with handler.lock or contextlib.nullcontext():
                handler.reopenIfNeeded()


def _with_request_id(record: logging.LogRecord) -> bool:
    record.request = request_id.get()
    return True


def set_up(log_dir: Path, *, level: int = logging.INFO, on_console: bool = True) -> None:
    """Send access lines to access.log, everything else to error.log and, if wanted, standard error."""
    log_dir.mkdir(parents=True, exist_ok=True)
    accesses = WatchedFileHandler(log_dir / "access.log", encoding="utf-8")
    console = [logging.StreamHandler(sys.stderr)] if on_console else []
    _send(logging.getLogger(), _errors(log_dir), *console, level=level)
    _send(access, accesses, level=level)
    access.propagate = False


def set_up_command(log_dir: Path, *, level: int = logging.INFO) -> None:
    """Send everything to error.log alone: a command's terminal shows its own words."""
    log_dir.mkdir(parents=True, exist_ok=True)
    _send(logging.getLogger(), _errors(log_dir), level=level)


def set_up_worker(*, level: int = logging.INFO) -> None:
    """Send everything to standard error, in error.log's form: the parent process chose where that goes."""
    faulthandler.enable()
    _send(logging.getLogger(), logging.StreamHandler(sys.stderr), level=level)


def _errors(log_dir: Path) -> logging.Handler:
    return FaultFile(log_dir / "error.log", encoding="utf-8")


def _send(logger: logging.Logger, *handlers: logging.Handler, level: int) -> None:
    for handler in handlers:
        handler.setFormatter(_Formatter())
        handler.addFilter(_with_request_id)
    logger.handlers[:] = handlers
    logger.setLevel(level)
    for noisy in ("httpx", "httpcore", "uvicorn.access", "asyncio", "jieba"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
