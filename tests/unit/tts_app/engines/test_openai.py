import asyncio
import io
import json
import socket
import threading

import httpx
import numpy as np
import pytest
import soundfile

from tests.unit.tts_app.fakes import WAIT_S
from tts_app.engines import speech_server as module
from tts_app.engines.base import Reference, SpeechRequest
from tts_app.engines.openai import OpenAIEngine
from tts_app.engines.speech_server import SpeechServer
from tts_app.errors import (
    BadRequest,
    Busy,
    Cancelled,
    ConfigError,
    EngineError,
    EngineStuck,
    LoadFailed,
    OutOfMemory,
)
from tts_app.settings import Settings


def wav(rate=24000, channels=1):
    out = io.BytesIO()
    soundfile.write(out, np.full((rate, channels), 0.1), rate, format="WAV")
    return out.getvalue()


class Server(httpx.AsyncBaseTransport):
    """Answers every request with one answer, or fails as httpx would; remembers what it was asked."""

    def __init__(self, status=200, body=b"", headers=None, error=None):
        self.status, self.body, self.headers, self.error, self.asked = status, body, headers, error, []

    async def handle_async_request(self, request):
        self.asked.append(request)
        if self.error:
            raise self.error
        return httpx.Response(self.status, content=self.body, headers=self.headers)


def engine(transport, *, key=None, timeout_s=300.0, **kwargs):
    server = SpeechServer("http://tts/v1/", key=key, timeout_s=timeout_s, transport=transport)
    return OpenAIEngine(server, **{"model": "glm-tts", **kwargs})


def test_it_asks_for_a_wav_and_returns_mono():
    server = Server(body=wav(channels=2))
    speech = engine(server, key="secret").synthesize(SpeechRequest("你好", voice="v", speed=1.5))
    assert (speech.sample_rate, speech.duration_s, speech.resampled) == (24000, 1.0, False)
    (request,) = server.asked
    assert request.url == "http://tts/v1/audio/speech"
    assert request.headers["Authorization"] == "Bearer secret"
    assert json.loads(request.content) == {
        "model": "glm-tts", "input": "你好", "voice": "v", "response_format": "wav", "speed": 1.5
    }  # fmt: skip


def test_another_rate_is_resampled_and_labelled():
    speech = engine(Server(body=wav(22050))).synthesize(SpeechRequest("你好", sample_rate=32000))
    assert (speech.sample_rate, speech.resampled) == (32000, True)
    assert speech.duration_s == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(
    ("options", "asked", "sent"),
    [
        pytest.param({}, None, "alloy", id="OpenAI's first voice"),
        pytest.param({}, "nova", "nova", id="a voice by name"),
        pytest.param({"voices": ["default"]}, None, "default", id="the server's only voice"),
        pytest.param({"default_voice": "echo"}, None, "echo", id="the settings' voice"),
    ],
)
def test_a_voice_reaches_the_server_by_its_own_name(options, asked, sent):
    server = Server(body=wav())
    engine(server, **options).synthesize(SpeechRequest("你好", voice=asked))
    assert json.loads(server.asked[0].content)["voice"] == sent


def test_it_offers_the_voices_the_settings_name_the_default_first():
    settings = Settings(engine="openai", openai_url="http://tts", openai_voices=("a", "b"), voice="b")
    assert [voice.id for voice in OpenAIEngine.from_settings(settings).voices()] == ["b", "a"]


@pytest.mark.parametrize("clones", [True, False])
def test_a_reference_is_only_sent_to_a_server_that_clones(clones):
    server = Server(body=wav())
    reference = Reference(np.zeros(16000, np.float32), 16000, "参考")
    engine(server, clones=clones).synthesize(SpeechRequest("你好", reference=reference))
    body = json.loads(server.asked[0].content)
    assert ("ref_audio" in body) is clones
    assert body.get("ref_text") == ("参考" if clones else None)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, b"bad voice", BadRequest),
        (422, b"", BadRequest),
        (401, b"", LoadFailed),
        (429, b"", Busy),
        (503, b"", Busy),
        (500, b"CUDA out of memory. Tried to allocate", OutOfMemory),
        (500, b"", EngineError),
        (302, b"", EngineError),
        (200, b"<html>", EngineError),
        (200, b"", EngineError),
    ],
)
def test_every_refusal_becomes_a_typed_error(status, body, error):
    with pytest.raises(error):
        engine(Server(status, body)).synthesize(SpeechRequest("你好"))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("17", 17),
        (" 3 ", 3),
        ("0", 1),
        ("86400", 3600),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 5),
        ("-1", 5),
        ("²", 5),
        ("9" * 20, 5),
        ("", 5),
    ],
)
def test_the_server_says_when_to_come_back(header, seconds):
    with pytest.raises(Busy) as caught:
        engine(Server(429, headers={"Retry-After": header.encode()})).synthesize(SpeechRequest("你好"))
    assert caught.value.retry_after_s == seconds


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (httpx.ConnectError("http://tts/secret"), LoadFailed),
        (httpx.ConnectTimeout("http://tts/secret"), LoadFailed),
        (httpx.RemoteProtocolError("http://tts/secret"), LoadFailed),
        (httpx.ReadTimeout("http://tts/secret"), EngineStuck),
    ],
)
def test_a_server_that_does_not_answer_is_told_without_its_address(failure, error):
    with pytest.raises(error) as caught:
        engine(Server(error=failure)).synthesize(SpeechRequest("你好"))
    assert "secret" not in str(caught.value)


def test_a_refusal_never_quotes_the_users_text():
    with pytest.raises(BadRequest) as caught:
        engine(Server(400, "no voice for 我的秘密".encode())).synthesize(SpeechRequest("我的秘密"))
    assert "秘密" not in caught.value.both()


def test_an_endless_answer_is_cut_off(monkeypatch):
    monkeypatch.setattr(module, "MAX_ANSWER_BYTES", 1000)
    with pytest.raises(EngineError, match="more than 1000 bytes"):
        engine(Server(body=bytes(100_000))).synthesize(SpeechRequest("你好"))


class Never(httpx.AsyncBaseTransport):
    """A server that takes the request and never answers."""

    def __init__(self):
        self.asked, self.given_up = threading.Event(), threading.Event()

    async def handle_async_request(self, request):
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.given_up.set()


def test_a_slow_answer_ends_at_the_time_limit():
    server = Never()
    with pytest.raises(EngineStuck, match=r"0\.1 s"):
        engine(server, timeout_s=0.1).synthesize(SpeechRequest("你好"))
    assert server.given_up.is_set()


def test_cancelling_gives_up_an_answer_that_has_not_begun():
    server = Never()
    with pytest.raises(Cancelled):
        engine(server).synthesize(SpeechRequest("你好"), cancelled=server.asked.is_set)
    assert server.given_up.is_set()


def test_giving_up_closes_the_connection_so_that_the_server_can_stop_too():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        seen = []

        def serve():
            connection, _ = listener.accept()
            with connection:
                while chunk := connection.recv(65536):
                    seen.append(chunk)
                seen.append(b"closed")

        thread = threading.Thread(target=serve)
        thread.start()
        server = SpeechServer(f"http://127.0.0.1:{listener.getsockname()[1]}")
        speaks = OpenAIEngine(server, model="glm-tts")
        with pytest.raises(Cancelled):
            speaks.synthesize(SpeechRequest("你好"), cancelled=lambda: bool(seen))
        thread.join(WAIT_S)
        assert seen[-1] == b"closed"


def test_loading_asks_whether_the_server_is_there():
    speaks = engine(Server())
    speaks.load()
    assert speaks.status().loaded
    for server in (Server(401), Server(error=httpx.ConnectError("no"))):
        with pytest.raises(LoadFailed):
            engine(server).load()


def test_the_key_comes_from_a_file_that_must_be_readable(tmp_path):
    (tmp_path / "key").write_text("k\n")
    settings = Settings(engine="openai", openai_url="http://tts", openai_key_file=tmp_path / "key")
    assert OpenAIEngine.from_settings(settings)._server._headers == {"Authorization": "Bearer k"}
    with pytest.raises(ConfigError, match="TTS_OPENAI_KEY_FILE"):
        OpenAIEngine.from_settings(
            Settings(engine="openai", openai_url="http://tts", openai_key_file=tmp_path / "no")
        )
