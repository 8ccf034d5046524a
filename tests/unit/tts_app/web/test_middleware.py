"""The envelope around every request."""

import asyncio

import httpx

from tts_app.web.middleware import Envelope


class Crowd:
    """An app whose /slow answers when the test says so."""

    def __init__(self):
        self.go_on, self.inside = asyncio.Event(), asyncio.Event()

    async def __call__(self, scope, receive, send):
        if scope["path"] == "/slow":
            self.inside.set()
            await self.go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})


def test_a_crowd_is_told_to_wait_and_health_is_answered_all_the_same():
    async def scene():
        crowd = Crowd()
        transport = httpx.ASGITransport(app=Envelope(crowd, max_body_bytes=10, max_open=1))
        async with httpx.AsyncClient(transport=transport, base_url="http://speech") as client:
            slow = asyncio.create_task(client.get("/slow"))
            await crowd.inside.wait()
            refused = await client.get("/v1/voices")
            health = [await client.get(path) for path in ("/healthz", "/readyz", "/metrics", "/admin/speak")]
            crowd.go_on.set()
            return refused, health, await slow, await client.get("/v1/voices")

    refused, health, slow, later = asyncio.run(scene())
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["error"]["message_zh"]
    assert refused.headers["x-request-id"]
    assert [answer.status_code for answer in (*health, slow, later)] == [200] * 6
