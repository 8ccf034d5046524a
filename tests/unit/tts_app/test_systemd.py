"""What systemd is told, and when."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.unit.tts_app.fakes import WAIT_S
from tts_app import systemd


@pytest.fixture
def manager(tmp_path, monkeypatch):
    """Stands for systemd: a socket that hears what the service says."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(path))
        channel.settimeout(WAIT_S)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        monkeypatch.setenv("WATCHDOG_USEC", "30000")  # a beat every 10 ms
        yield channel


@pytest.fixture
def service():
    """Stands for the app: answers /healthz with `status` and `body`."""

    class Handler(BaseHTTPRequestHandler):
        status, body = 200, b'{"status": "ok"}'

        def do_GET(self):
            self.send_response(self.status if self.path == "/healthz" else 404)
            self.send_header("Content-Length", str(len(self.body)))
            self.end_headers()
            self.wfile.write(self.body)

        def log_message(self, *_args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.handler = Handler
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join(WAIT_S)
    server.server_close()


def told(manager):
    return manager.recv(4096).decode()


def test_without_systemd_nothing_is_sent():
    assert systemd.notify("READY=1", {}) is False


def test_a_manager_that_is_gone_does_no_harm(tmp_path):
    assert systemd.notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "nobody")}) is False


def test_the_message_arrives(manager):
    assert systemd.notify("STOPPING=1")
    assert told(manager) == "STOPPING=1"


@pytest.mark.parametrize(
    ("limit", "beat_s"), [("30000000", 10.0), ("", 30.0), ("0", 30.0), ("-5", 30.0), ("soon", 30.0)]
)
def test_beats_come_three_times_as_often_as_they_must(limit, beat_s):
    assert systemd.beat_every_s({"WATCHDOG_USEC": limit}) == beat_s


@pytest.mark.parametrize(
    ("status", "body", "found"),
    [
        (200, b'{"status": "ok"}', {"status": "ok"}),
        (503, b'{"reason": "load_failed"}', {"reason": "load_failed"}),
        (404, b'{"status": "ok"}', None),
        (500, b'{"status": "ok"}', None),
        (200, b"<html>somebody else's page</html>", None),
        (200, b'"ok"', None),
        (200, b"", None),
    ],
)
def test_only_a_real_health_answer_counts(service, status, body, found):
    service.handler.status, service.handler.body = status, body
    assert systemd.health_of("127.0.0.1", service.server_port) == found


def test_no_answer_is_no_answer():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and never listening: refused
        assert systemd.health_of("127.0.0.1", taken.getsockname()[1]) is None


@pytest.mark.parametrize(
    ("told", "beats"),
    [
        pytest.param({"status": "ok"}, True, id="well"),
        pytest.param({"reason": "engine_stuck"}, False, id="only a new process helps"),
        pytest.param({"reason": "load_failed"}, True, id="a new process would fail to load as well"),
        pytest.param({"reason": "context_dead"}, True, id="the worker is replaced, not the service"),
        pytest.param(None, False, id="no answer"),
    ],
)
def test_the_heart_beats_unless_nothing_but_a_new_process_helps(told, beats):
    assert systemd.may_beat(told) is beats


def test_ready_comes_after_the_first_load_and_then_the_heart_beats(manager, service):
    settled = threading.Event()
    heart = systemd.Heart("127.0.0.1", service.server_port, settled.wait)
    heart.start()
    assert told(manager) == "STATUS=loading the model"
    settled.set()
    messages = iter(lambda: told(manager), None)
    first = next(message for message in messages if message != "STATUS=loading the model")
    assert first.startswith("READY=1")
    assert told(manager) == "WATCHDOG=1"
    heart.stop()
    heart.join(WAIT_S)


def test_the_log_follows_a_rotation_while_nothing_happens(manager, service, monkeypatch):
    followed, settled = threading.Event(), threading.Event()
    monkeypatch.setattr("tts_app.logs.follow_rotation", followed.set)
    settled.set()
    heart = systemd.Heart("127.0.0.1", service.server_port, settled.wait)
    heart.start()
    assert followed.wait(WAIT_S)
    heart.stop()
    heart.join(WAIT_S)


@pytest.mark.parametrize(
    ("status", "body"), [(500, b""), (503, b'{"status": "sick", "reason": "engine_stuck"}')]
)
def test_a_service_that_stops_answering_or_is_stuck_stops_beating(manager, service, status, body):
    settled = threading.Event()
    settled.set()
    heart = systemd.Heart("127.0.0.1", service.server_port, settled.wait)
    heart.start()
    while told(manager) != "WATCHDOG=1":
        pass
    service.handler.status, service.handler.body = status, body
    manager.settimeout(1.0)
    with pytest.raises(TimeoutError):
        for _ in range(1000):  # those already on their way, then silence
            told(manager)
    heart.stop()
    heart.join(WAIT_S)
