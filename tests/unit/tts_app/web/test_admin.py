"""Admin endpoints: this machine and the token, both."""

import io

import pytest
import soundfile

from tests.unit.tts_app.fakes import WAIT_S
from tests.unit.tts_app.web.conftest import ADMIN_TOKEN
from tts_app.engines.base import SpeechRequest
from tts_app.web.auth import Keys

AUTH = {"authorization": f"Bearer {ADMIN_TOKEN}"}
PATHS = ["/admin/speak", "/admin/clear-memory", "/admin/drain", "/admin/undrain"]


@pytest.mark.parametrize("path", PATHS)
def test_without_the_token_nothing_happens(client, engine, path):
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": ADMIN_TOKEN}):
        answer = client.post(path, json={}, headers=headers)
        assert answer.status_code == 401
    assert engine.spoken == []
    assert client.get("/readyz").json()["ready"]


@pytest.mark.parametrize("path", PATHS)
def test_other_machines_are_refused_even_with_the_token(make_client, path):
    client = make_client(address="10.0.0.9")
    assert client.post(path, json={}, headers=AUTH).status_code == 403


@pytest.mark.parametrize("header", ["x-forwarded-for", "x-real-ip", "forwarded"])
def test_a_proxy_on_this_machine_does_not_count_as_this_machine(client, header):
    assert client.post("/admin/drain", headers=AUTH | {header: "127.0.0.1"}).status_code == 403


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1"])
def test_every_loopback_address_is_this_machine(make_client, address):
    client = make_client(address=address)
    assert client.post("/admin/drain", headers=AUTH).status_code == 200


def test_without_a_token_file_admin_is_closed(make_client):
    client = make_client(keys=Keys(api={"a": b"0123456789abcdef"}))
    assert client.post("/admin/drain", headers={"authorization": "Bearer "}).status_code == 403


def test_speak_proves_speech_while_draining_and_full(client, engine):
    service = client.context.service
    engine.hold()
    service.submit(SpeechRequest("working"))
    assert engine.entered.wait(WAIT_S)
    service.submit(SpeechRequest("waiting")), service.submit(SpeechRequest("waiting"))
    service.drain()
    client.context.metrics.queued = lambda job: engine.release()  # only once the proof waits, too
    answer = client.post("/admin/speak", json={"text": "你好"}, headers=AUTH)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/wav")
    info = soundfile.info(io.BytesIO(answer.content))
    assert (info.samplerate, info.channels, info.frames) == (24000, 1, 4800)


def test_speak_takes_a_sample_rate(client):
    answer = client.post("/admin/speak", json={"text": "hi", "sample_rate": 32000}, headers=AUTH)
    assert soundfile.info(io.BytesIO(answer.content)).samplerate == 32000


@pytest.mark.parametrize("body", [{"text": ""}, {"text": "x" * 501}, {"text": "。"}, {"sample_rate": 1}])
def test_speak_refuses_what_it_cannot_say(client, body):
    assert client.post("/admin/speak", json=body, headers=AUTH).status_code == 400


def test_drain_and_undrain_say_what_is(client):
    assert client.post("/admin/drain", headers=AUTH).json() == {"draining": True, "in_flight": 0}
    assert client.get("/readyz").json()["reason"] == "draining"
    assert client.post("/admin/undrain", headers=AUTH).json() == {"draining": False, "in_flight": 0}
    assert client.get("/readyz").json()["ready"]


def test_clear_memory_tells_before_and_after(client):
    assert client.post("/admin/clear-memory", headers=AUTH).json() == {
        "before_mb": 500.0,
        "after_mb": 120.0,
        "freed_mb": 380.0,
        "kind": "rss",
        "still_loaded": False,
    }
    assert 'tts_clear_memory_mb{kind="rss",when="after"} 120.0' in client.get("/metrics").text


def test_admin_is_not_described_to_the_public(client):
    assert not any(path.startswith("/admin") for path in client.get("/openapi.json").json()["paths"])
