"""Answers that never change are made once."""

import asyncio

import httpx
import pytest

from tts_app.web.page.kept import Kept


class Files:
    """Counts what it is asked; knows /assets/a.js (4 bytes) and answers 304 to who has it."""

    def __init__(self):
        self.asked = []

    async def __call__(self, scope, receive, send):
        headers = dict(scope["headers"])
        self.asked.append(scope["path"])
        status = 304 if b"if-none-match" in headers else 200 if scope["path"] == "/assets/a.js" else 404
        kind = b"br" if b"br" in headers.get(b"accept-encoding", b"") else b"identity"
        await send({"type": "http.response.start", "status": status, "headers": [(b"x-kind", kind)]})
        await send({"type": "http.response.body", "body": b"ab", "more_body": True})
        await send({"type": "http.response.body", "body": b"cd"})


def ask(*requests, limit=100):
    """Ask one after the other; return the answers and what reached the files."""
    files = Files()

    async def scene():
        transport = httpx.ASGITransport(app=Kept(files, prefix="/assets/", limit_bytes=limit))
        async with httpx.AsyncClient(transport=transport, base_url="http://speech") as client:
            return [await client.request(m, p, headers={"accept-encoding": ""} | h) for m, p, h in requests]

    return asyncio.run(scene()), files.asked


SCRIPT = ("GET", "/assets/a.js", {})


def test_a_script_is_read_once():
    answers, asked = ask(SCRIPT, SCRIPT, SCRIPT)
    assert [answer.content for answer in answers] == [b"abcd"] * 3
    assert answers[0].headers == answers[2].headers
    assert asked == ["/assets/a.js"]


def test_it_is_kept_packed_for_those_who_can_unpack_it():
    packed = ("GET", "/assets/a.js", {"accept-encoding": "x-br"})
    answers, asked = ask(packed, SCRIPT, packed)
    assert [answer.headers["x-kind"] for answer in answers] == ["br", "identity", "br"]
    assert len(asked) == 2


@pytest.mark.parametrize(
    "request_",
    [
        ("GET", "/gradio_api/info", {}),
        ("GET", "/assets/unknown.js", {}),
        ("HEAD", "/assets/a.js", {}),
        ("GET", "/assets/a.js", {"range": "bytes=0-1"}),
    ],
)
def test_all_else_is_asked_for_every_time(request_):
    assert len(ask(request_, request_)[1]) == 2


def test_a_browser_that_has_it_already_does_not_spoil_it_for_others():
    answers, asked = ask(("GET", "/assets/a.js", {"if-none-match": "x"}), SCRIPT)
    assert [answer.status_code for answer in answers] == [200, 200]
    assert len(asked) == 1


def test_the_memory_is_bounded():
    assert len(ask(SCRIPT, SCRIPT, limit=3)[1]) == 2
