"""Around every request: an id, a line in access.log, a bound on the body, careful headers.

Plain ASGI: starlette's BaseHTTPMiddleware would hide a client's disconnect from the endpoint.
"""

import re
import secrets
import time
from collections.abc import Mapping

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tts_app import logs
from tts_app.web import problems

_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "SAMEORIGIN",
}
MAX_OPEN = 512  # requests at a time; an open page holds one
BUSY_RETRY_S = 5
_ALWAYS_ANSWERED = re.compile(r"/(healthz|readyz|metrics|admin/.*)")  # a crowd is no sickness


class Envelope:
    """Wraps the whole app."""

    def __init__(self, app: ASGIApp, *, max_body_bytes: int, max_open: int = MAX_OPEN) -> None:
        self._app, self._max_body, self._max_open = app, max_body_bytes, max_open
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send, self._max_body)
        token = logs.request_id.set(exchange.id)
        crowded = self._open >= self._max_open and not _ALWAYS_ANSWERED.fullmatch(scope["path"])
        self._open += 1
        try:
            await (
                exchange.refuse(503, {"Retry-After": str(BUSY_RETRY_S)})
                if crowded
                else exchange.run(self._app)
            )
        finally:
            self._open -= 1
            exchange.log()
            logs.request_id.reset(token)


class _Exchange:
    def __init__(self, scope: Scope, receive: Receive, send: Send, max_body: int) -> None:
        self.scope, self._receive, self._send, self._left = scope, receive, send, max_body
        self._headers = Headers(scope=scope)
        given = self._headers.get("x-request-id", "")
        self.id = given if _SAFE_ID.fullmatch(given) else secrets.token_hex(8)
        self._began = time.monotonic()
        self._status = 0

    async def run(self, app: ASGIApp) -> None:
        length = self._headers.get("content-length", "0")
        if length.isdigit() and int(length) > self._left:
            await self.refuse(413)
            return
        try:
            await app(self.scope, self.receive, self.send)
        except HTTPException:
            if self._status == 0:
                await self.refuse(413)

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                raise HTTPException(413)  # what reads the body lets this type through
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = self.id
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)

    async def refuse(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        content = problems.body(status, *problems.WORDS[status], kind="http_error")
        answer = JSONResponse(content, status, {"Connection": "close", **(headers or {})})
        await answer(self.scope, self._receive, self.send)

    def log(self) -> None:
        took_ms = (time.monotonic() - self._began) * 1000
        client = (self.scope.get("client") or ("-",))[0]
        path = self.scope["path"].encode("unicode_escape").decode("ascii")[:200]
        logs.access.info(
            "%s %s %s status=%s ms=%.1f", client, self.scope["method"], path, self._status, took_ms
        )
