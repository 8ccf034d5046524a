"""The small web server that the simulated services share: routes to functions, JSON or HTML out."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

LARGEST_BODY = 8 * 1024 * 1024


class Dropped(Exception):
    """Close the connection without an answer."""


class Reply:
    """One answer. A `dict` or `list` becomes JSON, a `str` HTML."""

    def __init__(self, body: object, status: int = 200, kind: str = "") -> None:
        is_text = isinstance(body, str)
        self.status = status
        self.body = body.encode() if isinstance(body, str) else json.dumps(body, ensure_ascii=False).encode()
        self.kind = kind or ("text/html; charset=utf-8" if is_text else "application/json; charset=utf-8")


Route = Callable[[str, dict[str, str], bytes], Reply]


class Server:
    """A server on `host:port` in a thread of its own; port 0 picks a free one. Use it as a context."""

    def __init__(self, answer: Route, host: str = "127.0.0.1", port: int = 0) -> None:
        self._server = ThreadingHTTPServer((host, port), _handler(answer))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(answer: Route) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._do()

        def do_POST(self) -> None:
            self._do()

        def do_DELETE(self) -> None:
            self._do()

        def _do(self) -> None:
            parts = urlsplit(self.path)
            length = min(int(self.headers.get("Content-Length") or 0), LARGEST_BODY)
            try:
                call = f"{self.command} {parts.path}"
                reply = answer(call, dict(parse_qsl(parts.query)), self.rfile.read(length))
            except Dropped:
                self.close_connection = True
                return
            with suppress(ConnectionError):
                self._send(reply)

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.kind)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: object) -> None:
            """Write no line per request: the address holds the robot's key."""

    return Handler
