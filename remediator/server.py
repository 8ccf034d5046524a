"""Serves the page and the API until SIGTERM or SIGINT."""

from __future__ import annotations

import logging
import os
import signal
import socket
from types import FrameType
from typing import Any

import waitress
from flask import Flask

from remediator.receive import MAX_BODY_BYTES
from remediator.service import Service
from remediator.settings import Settings

log = logging.getLogger(__name__)
THREADS = 8
# The app refuses beyond MAX_BODY_BYTES and says why. Beyond this, waitress hangs up in the middle of the
# body, and most clients then report a reset instead of its 413.
MAX_READ_BYTES = 8 * MAX_BODY_BYTES


class _Stop(BaseException):
    """SIGTERM or SIGINT arrived."""


def serve(settings: Settings, service: Service) -> None:
    """Start `service`, answer requests, and stop it again when asked to."""
    host, port = settings.listen_address
    server = listen(service.app, host, port)
    signal.signal(signal.SIGTERM, _ask_to_stop)
    signal.signal(signal.SIGINT, _ask_to_stop)
    service.start()
    log.info("serving", extra={"listen": settings.listen, "mode": settings.mode})
    notify_systemd("READY=1")
    try:
        server.run()
    except _Stop:
        log.info("stopping")
    finally:
        notify_systemd("STOPPING=1")
        server.close()
        service.stop()


def listen(app: Flask, host: str, port: int) -> Any:
    """Return a server that is bound to the address and answers once its `run()` is called."""
    return waitress.create_server(
        app,
        host=host,
        port=port,
        threads=THREADS,
        ident=None,
        max_request_body_size=MAX_READ_BYTES,
        channel_timeout=60,
    )


def _ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
    raise _Stop


def notify_systemd(word: str) -> None:
    """Tell systemd; nothing happens where it does not listen."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.sendto(word.encode(), "\0" + path[1:] if path.startswith("@") else path)
