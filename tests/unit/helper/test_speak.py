"""Sound is speech when it is long enough, not silent and of the rate asked for."""

import array
import http.server
import json
import math
import socket
import struct
import threading
from collections.abc import Iterator
from typing import ClassVar

import pytest
from glmtts_remedy import speak, web
from glmtts_remedy.config import Instance
from glmtts_remedy.errors import HelperError


def wav(seconds: float, level: float = 0.2, rate: int = 24000, *, bits: int = 16) -> bytes:
    values = [level * math.sin(n / 10) for n in range(int(seconds * rate))]
    if bits == 16:
        kind, data = 1, array.array("h", [int(value * 32767) for value in values]).tobytes()
    else:
        kind, data = 3, array.array("f", values).tobytes()
    form = struct.pack("<HHIIHH", kind, 1, rate, rate * bits // 8, bits // 8, bits)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"LIST\x01\0\0\0x\0"
    chunks += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks


@pytest.mark.parametrize("bits", [16, 32])
def test_length_level_and_rate_are_measured(bits):
    sound = speak.measure(wav(1.0, bits=bits))
    assert sound.duration_s == pytest.approx(1.0)
    assert sound.rms == pytest.approx(0.2 / math.sqrt(2), rel=0.02)
    assert sound.sample_rate == 24000


@pytest.mark.parametrize(
    ("sound", "why"),
    [
        pytest.param(wav(0.1), "only 0.10 s long", id="too short"),
        pytest.param(wav(1.0, level=0.0), "silent", id="silent"),
        pytest.param(wav(1.0, rate=16000), "16000 Hz instead of 24000", id="another rate"),
        pytest.param(b"{}", "no WAV", id="no sound at all"),
        pytest.param(b"RIFF\0\0\0\0WAVE", "no format", id="an empty file"),
    ],
)
def test_what_is_no_speech_is_refused_with_the_reason(sound, why):
    with pytest.raises(HelperError, match=why):
        speak.judge(speak.measure(sound), 24000)


class Service(http.server.BaseHTTPRequestHandler):
    """An instance that answers as it is told."""

    answer: ClassVar[tuple[int, bytes]] = (200, b"")
    seen: ClassVar[list[tuple[str, str, bytes]]] = []

    def do_GET(self) -> None:
        self._send(200, json.dumps({"status": "ok", "engine": "kokoro"}).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.path, self.headers["Authorization"], body))
        self._send(*self.answer)

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def instance(config) -> Iterator[Instance]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Service)
    Service.seen = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Instance(server.server_port, "kokoro")
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_instance_is_asked_with_the_hosts_own_token(config, instance):
    Service.answer = (200, wav(1.0))
    answer = speak.speak(config, instance, None, 24000)
    path, authorization, body = Service.seen[0]
    assert (path, authorization) == ("/admin/speak", "Bearer the-admin-token")
    assert json.loads(body) == {"text": config.speak_text, "sample_rate": 24000}
    assert (answer["spoken"], answer["engine"], answer["sample_rate"]) == (True, "kokoro", 24000)
    assert answer["instance"] == str(instance.port)


def test_an_instance_that_refuses_is_quoted(config, instance):
    Service.answer = (503, b'{"error":"context_dead"}')
    with pytest.raises(HelperError, match=r"503.*context_dead"):
        speak.speak(config, instance, None, None)


def test_a_port_nobody_listens_on_is_refused(config, instance):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        reply = web.ask(bound.getsockname()[1], "GET", "/healthz", 30)
    assert (reply.outcome, reply.status) == ("refused", None)


def test_a_service_that_never_answers_is_a_timeout(config):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert web.ask(listener.getsockname()[1], "GET", "/healthz", 0.1).outcome == "timeout"
