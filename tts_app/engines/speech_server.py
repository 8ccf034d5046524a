"""The HTTP side of engine `openai`: one question, one answer within bounds, given up once nobody wants it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl

import httpx

from tts_app.engines.base import CancelCheck
from tts_app.errors import (
    BadRequest,
    Busy,
    Cancelled,
    EngineError,
    EngineStuck,
    LoadFailed,
    OutOfMemory,
)

MAX_ANSWER_BYTES = 200 * 1024 * 1024
LOOK_EVERY_S = 0.2  # so soon a text nobody waits for any more is given up, its connection closed
_CONNECT_TIMEOUT_S = 5.0
_CHUNK_BYTES = 64 * 1024
_RETRY_AFTER_S, _LONGEST_RETRY_AFTER_S = 5, 3600


class SpeechServer:
    """A server with OpenAI's addresses. Not thread-safe: one question at a time."""

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout_s: float = 300.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`timeout_s` bounds one answer as a whole. Tests hand in a `transport`; nothing is connected yet."""
        self._base = url.rstrip("/").removesuffix("/v1")
        self._timeout_s, self._transport = timeout_s, transport
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._tls = _trusted(self._base)

    def look(self) -> None:
        """Look whether the server is there. Raises LoadFailed."""
        try:
            status = asyncio.run(self._models())
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _unreachable(error) from None
        if status in {401, 403}:
            raise _refused_key()

    def speak(self, body: dict[str, object], cancelled: CancelCheck) -> bytes:
        """Return the sound file for `body`.

        Raises what the refusal means (BadRequest, Busy, OutOfMemory, LoadFailed, EngineError), EngineStuck after
        the time limit, LoadFailed when the server can't be reached, Cancelled within LOOK_EVERY_S.
        """
        try:
            return asyncio.run(self._speak(body, cancelled))
        except httpx.ConnectTimeout as error:
            raise _unreachable(error) from None
        except (TimeoutError, httpx.TimeoutException):
            limit = self._timeout_s
            raise EngineStuck(
                f"the speech server gave no result within {limit:g} s", f"语音服务端 {limit:g} 秒内没有结果"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _unreachable(error) from None

    def _client(self, read_s: float) -> httpx.AsyncClient:
        timeout = httpx.Timeout(read_s, connect=_CONNECT_TIMEOUT_S)
        return httpx.AsyncClient(
            headers=self._headers, timeout=timeout, verify=self._tls, transport=self._transport
        )

    async def _models(self) -> int:
        async with self._client(_CONNECT_TIMEOUT_S) as client:
            return (await client.get(f"{self._base}/v1/models")).status_code

    async def _speak(self, body: dict[str, object], cancelled: CancelCheck) -> bytes:
        async with self._client(self._timeout_s) as client, asyncio.timeout(self._timeout_s):
            answer = asyncio.create_task(self._answer(client, body))
            try:
                while not answer.done():
                    await asyncio.wait({answer}, timeout=LOOK_EVERY_S)
                    if cancelled():
                        raise Cancelled
                return answer.result()
            finally:
                answer.cancel()  # harmless when it has ended
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await answer

    async def _answer(self, client: httpx.AsyncClient, body: dict[str, object]) -> bytes:
        async with client.stream("POST", f"{self._base}/v1/audio/speech", json=body) as answer:
            if answer.status_code != httpx.codes.OK:
                raise await _refusal(answer)
            content = bytearray()
            async for chunk in answer.aiter_bytes(_CHUNK_BYTES):
                content += chunk
                if len(content) > MAX_ANSWER_BYTES:
                    raise EngineError(f"the speech server sent more than {MAX_ANSWER_BYTES} bytes")
            return bytes(content)


def _trusted(url: str) -> ssl.SSLContext:
    """Return whom to trust; reading that takes longer than a short request. Nobody, where nothing is encrypted."""
    return httpx.create_ssl_context() if url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


async def _refusal(answer: httpx.Response) -> EngineError | BadRequest | Busy:
    """Return what an answer other than 200 means. Its text may quote the user's, so it isn't passed on."""
    status = answer.status_code
    if status in {401, 403}:
        return _refused_key()
    if status in {429, 503}:
        return Busy(_retry_after_s(answer), "the speech server is busy", "语音服务端繁忙")
    if b"out of memory" in await anext(answer.aiter_bytes(2000), b""):
        return OutOfMemory(f"CUDA out of memory on the speech server (HTTP {status})")
    if status in {400, 413, 422}:
        return BadRequest(
            "input", f"the speech server refused the request (HTTP {status})",
            f"语音服务端拒绝了请求（HTTP {status}）",
            "Check voice, text and reference.", fix_zh="请检查音色、文本和参考音频。",
        )  # fmt: skip
    return EngineError(f"the speech server answered HTTP {status}", f"语音服务端返回 HTTP {status}")


def _retry_after_s(answer: httpx.Response) -> int:
    """Return the whole seconds the server asks to wait; a few where it names none, or a date."""
    after = answer.headers.get("Retry-After", "").strip()
    return min(int(after), _LONGEST_RETRY_AFTER_S) if re.fullmatch(r"[0-9]{1,9}", after) else _RETRY_AFTER_S


def _unreachable(error: Exception) -> LoadFailed:
    """Return the failure without the address, which may hold a secret."""
    kind = type(error).__name__
    return LoadFailed(f"the speech server can't be reached: {kind}", f"无法连接语音服务端：{kind}")


def _refused_key() -> LoadFailed:
    return LoadFailed(
        "the speech server refuses the key in TTS_OPENAI_KEY_FILE",
        "语音服务端拒绝了 TTS_OPENAI_KEY_FILE 中的密钥",
    )
