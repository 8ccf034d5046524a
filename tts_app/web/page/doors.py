"""The way into Gradio: only the addresses that the page needs exist, and what is uploaded is bounded.

Gradio also serves a proxy, a converter that runs ffmpeg, monitoring, an editor and more, to anybody. What a
later version adds is closed as well until it is listed here.
"""

import re
from collections.abc import Callable

from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tts_app.errors import TtsError
from tts_app.web import problems
from tts_app.web.page.kept import Kept

UPLOAD = "/gradio_api/upload"
_READ = re.compile(
    r"/|/config|/theme\.css|/favicon\.ico|/manifest\.json|/robots\.txt|/(assets|static)/.+"
    r"|/gradio_api/(info|startup-events|theme\.css|upload_progress|queue/data|heartbeat/[A-Za-z0-9]+|file=.+)"
)
_SEND = re.compile(r"/gradio_api/(upload|queue/join|run/predict|cancel|reset)")
OPEN = {"GET": _READ, "HEAD": _READ, "POST": _SEND}

HASHED = "/assets/"  # a change of such a file changes its name
FOR_EVER = "public, max-age=31536000, immutable"


def is_open(method: str, path: str) -> bool:
    """Return whether the page needs this address."""
    pattern = OPEN.get(method)
    return pattern is not None and pattern.fullmatch(path) is not None


class Doors:
    """Wraps Gradio's app. `admit_upload` gets the caller's address and returns why it is refused, if it is."""

    def __init__(self, app: ASGIApp, *, admit_upload: Callable[[str], TtsError | None], head: bytes) -> None:
        self.app, self._inside = app, Kept(app, prefix=HASHED)
        self._admit_upload, self._head = admit_upload, head

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        if not is_open(method, path):
            await _refusal(404)(scope, receive, send)
            return
        if path == UPLOAD:
            refused = await run_in_threadpool(self._admit_upload, (scope.get("client") or ("-",))[0])
            if refused:
                await problems.answer(refused)(scope, receive, send)
                return
        tidy = _tidied(send, path)
        is_page = (method, path) == ("GET", "/")
        await self._inside(scope, receive, _inserting(tidy, self._head) if is_page else tidy)


def _refusal(status: int) -> JSONResponse:
    return JSONResponse(problems.body(status, *problems.WORDS[status], kind="http_error"), status)


def _tidied(send: Send, path: str) -> Send:
    """Return `send` without leave for other sites to read the answer, and with leave to keep it."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name in [name for name in headers if name.startswith("access-control-")]:
                del headers[name]
            if path.startswith(HASHED) and message["status"] == 200:
                headers["cache-control"] = FOR_EVER
        await send(message)

    return sending


def _inserting(send: Send, head: bytes) -> Send:
    """Return `send` that puts `head` in front of everything else in the page's head."""
    start: list[Message] = []
    parts: list[bytes] = []

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.append(message)
            return
        if message["type"] != "http.response.body":
            await send(message)
            return
        parts.append(message.get("body", b""))
        if message.get("more_body"):
            return
        body = b"".join(parts).replace(b"<head>", b"<head>" + head, 1)
        MutableHeaders(scope=start[0])["content-length"] = str(len(body))
        await send(start[0])
        await send({"type": "http.response.body", "body": body})

    return sending
