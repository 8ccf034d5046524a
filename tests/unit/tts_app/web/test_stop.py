"""SIGTERM: what is in hand is finished, what waits is told to go elsewhere, and all of it fits systemd's patience."""

import re
import signal
import socket
import threading
from pathlib import Path

import httpx
import pytest
import uvicorn
import yaml

from tests.unit.tts_app.fakes import WAIT_S
from tts_app.engines.base import SpeechRequest
from tts_app.errors import Draining
from tts_app.web import server as module
from tts_app.web.app import create_app, wrapped

ROLE = Path(__file__).parents[4] / "playbooks" / "roles" / "glmtts_service"


@pytest.fixture
def start(make_context):
    """Run a service in a thread; its signals are given by the test."""
    running = []

    def start(**settings):
        context = make_context(**settings)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        up = threading.Event()
        app = wrapped(create_app(context, with_page=False, on_started=up.set), context)
        config = uvicorn.Config(app, port=port, log_config=None, timeout_graceful_shutdown=1)
        server = module.Server(config, context)
        thread = threading.Thread(target=server.run)
        thread.start()
        running.append((server, thread))
        assert up.wait(WAIT_S)
        return server, context, thread, f"http://127.0.0.1:{port}"

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(WAIT_S)


def speak_in_the_background(url):
    answers = []
    client = threading.Thread(
        target=lambda: answers.append(
            httpx.post(
                f"{url}/v1/audio/speech", json={"input": "hello", "response_format": "wav"}, timeout=WAIT_S
            )
        )
    )
    client.start()
    return client, answers


def test_a_stop_finishes_the_speech_in_hand_and_ends(start, engine):
    server, context, thread, url = start()
    engine.hold()
    client, answers = speak_in_the_background(url)
    assert engine.entered.wait(WAIT_S)
    waiting = context.service.submit(SpeechRequest("second"))
    server.handle_exit(signal.SIGTERM, None)
    with pytest.raises(Draining):
        waiting.result(WAIT_S)
    assert thread.is_alive() and not server.should_exit
    engine.release()
    client.join(WAIT_S)
    thread.join(WAIT_S)
    assert [answer.status_code for answer in answers] == [200]
    assert not thread.is_alive()


def test_a_stop_waits_no_longer_than_the_settings_say(start, engine):
    server, _, thread, url = start(drain_timeout_s=0.0)
    engine.hold()
    client, _ = speak_in_the_background(url)
    assert engine.entered.wait(WAIT_S)
    server.handle_exit(signal.SIGTERM, None)
    thread.join(WAIT_S)
    assert not thread.is_alive()
    engine.release()
    client.join(WAIT_S)


def test_a_second_signal_stops_at_once(start, engine):
    server, _, thread, url = start()
    engine.hold()
    client, _ = speak_in_the_background(url)
    assert engine.entered.wait(WAIT_S)
    for _ in range(2):
        server.handle_exit(signal.SIGTERM, None)
    thread.join(WAIT_S)
    assert not thread.is_alive()
    engine.release()
    client.join(WAIT_S)


def test_systemd_waits_longer_than_a_stop_can_take():
    """Else it kills the process, and the unit counts as failed."""
    unit = (ROLE / "templates" / "glm-tts@.service.j2").read_text("utf-8")
    (extra,) = re.findall(
        r"^TimeoutStopSec=\{\{ glmtts_service_drain_timeout_s \+ (\d+) \}\}$", unit, re.MULTILINE
    )
    assert int(extra) > module.CLOSE_CONNECTIONS_S + module.END_BATCHES_S + module.END_ENGINE_S


def test_a_repair_waits_longer_than_systemd_does():
    """glmtts-remedy gives a stop 60 s."""
    drain_s = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text("utf-8"))[
        "glmtts_service_drain_timeout_s"
    ]
    assert drain_s + 10 < 60
