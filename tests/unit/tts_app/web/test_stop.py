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

from tests.unit.tts_app.batch.helpers import tasks_file
from tests.unit.tts_app.batch.place import wait_for
from tests.unit.tts_app.fakes import WAIT_S
from tts_app.batch.journal import read_history
from tts_app.batch.service import BatchService
from tts_app.batch.status import State
from tts_app.batch.tasks import EngineFacts
from tts_app.engines.base import SpeechRequest
from tts_app.errors import Draining
from tts_app.web import server as module
from tts_app.web.app import create_app, wrapped

ROLES = Path(__file__).parents[4] / "playbooks" / "roles"
UNIT = ROLES / "glmtts_service" / "templates" / "glm-tts@.service.j2"


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


def test_who_waits_for_a_text_that_is_cut_off_is_told_to_ask_again(start, engine):
    server, _, thread, url = start(drain_timeout_s=0.0)
    engine.hold()
    client, answers = speak_in_the_background(url)
    assert engine.entered.wait(WAIT_S)
    server.handle_exit(signal.SIGTERM, None)
    client.join(WAIT_S)
    thread.join(WAIT_S)
    engine.release()
    (answer,) = answers
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert "服务正在停止" in answer.json()["error"]["message_zh"]


def test_a_batchs_item_that_is_cut_off_is_given_back_and_no_attempt_is_counted(start, engine):
    """An item may end the process three times; stops that are wanted must not use that up."""
    server, context, thread, _ = start(drain_timeout_s=0.0)
    engine.hold()
    batch_id = context.batches.submit(tasks_file(2), owner="alice").batch_id
    assert engine.entered.wait(WAIT_S)
    server.handle_exit(signal.SIGTERM, None)
    thread.join(WAIT_S)
    assert context.batches.stop(WAIT_S)  # while the engine is still at its piece
    history = read_history(context.settings.data_dir / "batches" / batch_id / "out" / "journal.jsonl")
    assert (history.deaths, history.failed, history.done) == ({}, {}, {})
    engine.release()
    assert context.service.wait_until_idle(WAIT_S)
    assert engine.spoken == []
    context.service.undrain()
    again = BatchService.from_settings(context.settings, context.service, lambda: EngineFacts.of(engine))
    again.start()  # as the next process does
    wait_for(lambda: again.status(batch_id).state is State.ENDED, "the end of the batch")
    assert again.stop(WAIT_S)
    assert [request.text for request in engine.spoken] == ["第0句话", "第1句话"]


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


def defaults_of(role):
    return yaml.safe_load((ROLES / role / "defaults" / "main.yml").read_text("utf-8"))


def systemd_adds_s():
    """How much longer systemd waits for a stop than the service waits for the text in hand."""
    (extra,) = re.findall(
        r"^TimeoutStopSec=\{\{ glmtts_service_drain_timeout_s \+ (\d+) \}\}$",
        UNIT.read_text("utf-8"),
        re.MULTILINE,
    )
    return int(extra)


def test_systemd_waits_longer_than_a_stop_can_take():
    """Else it kills the process, and the unit counts as failed. A text may take longer: it is given up in time."""
    assert systemd_adds_s() > module.CLOSE_CONNECTIONS_S + module.END_BATCHES_S + module.END_ENGINE_S


def test_the_service_and_its_unit_are_told_the_same_time():
    settings = (UNIT.parent / "instance.env.j2").read_text("utf-8")
    assert "\nTTS_DRAIN_TIMEOUT_S={{ glmtts_service_drain_timeout_s }}\n" in settings


def test_a_repair_waits_longer_than_systemd_does():
    drain_s = defaults_of("glmtts_service")["glmtts_service_drain_timeout_s"]
    assert drain_s + systemd_adds_s() < defaults_of("remedy_helper")["remedy_helper_stop_timeout_s"]
