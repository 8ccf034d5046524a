"""Answers that never change, kept in memory: a page is a hundred small files, packed anew for every visitor."""

from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LIMIT_BYTES = 16_000_000  # one page needs 1 MB
ENCODINGS = ("br", "gzip")  # in the order in which Gradio chooses


@dataclass(frozen=True)
class Answer:
    """A whole answer with status 200."""

    headers: list[tuple[bytes, bytes]]
    body: bytes


class Kept:
    """Wraps an app and keeps its answers to GET below `prefix`, until the memory set aside is full."""

    def __init__(self, app: ASGIApp, *, prefix: str, limit_bytes: int = LIMIT_BYTES) -> None:
        self.app, self._prefix, self._left = app, prefix, limit_bytes
        self._answers: dict[tuple[str, str], Answer] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        if scope["type"] != "http" or scope["method"] != "GET" or "range" in headers:
            await self.app(scope, receive, send)
            return
        path: str = scope["path"]
        if not path.startswith(self._prefix):
            await self.app(scope, receive, send)
            return
        accepted = headers.get("accept-encoding", "")
        key = (path, next((encoding for encoding in ENCODINGS if encoding in accepted), ""))
        if answer := self._answers.get(key):
            await send({"type": "http.response.start", "status": 200, "headers": list(answer.headers)})
            await send({"type": "http.response.body", "body": answer.body})
            return
        await self.app(_unconditional(scope), receive, self._keeping(key, send))

    def _keeping(self, key: tuple[str, str], send: Send) -> Send:
        headers: list[tuple[bytes, bytes]] = []
        parts: list[bytes] = []

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                headers.extend(message["headers"])
            elif message["type"] == "http.response.body" and headers:
                parts.append(message.get("body", b""))
                if not message.get("more_body"):
                    self._keep(key, Answer(headers, b"".join(parts)))
            await send(message)

        return sending

    def _keep(self, key: tuple[str, str], answer: Answer) -> None:
        if key not in self._answers and len(answer.body) <= self._left:
            self._answers[key] = answer
            self._left -= len(answer.body)


def _unconditional(scope: Scope) -> Scope:
    """Return the request without its conditions: a 304 can't be kept."""
    conditions = {b"if-none-match", b"if-modified-since"}
    return {**scope, "headers": [(n, v) for n, v in scope["headers"] if n.lower() not in conditions]}
