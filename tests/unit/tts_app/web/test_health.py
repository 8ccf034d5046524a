"""/healthz, /readyz and /metrics answer whatever the engine does."""

import re
from pathlib import Path

from tests.unit.tts_app.fakes import WAIT_S
from tts_app.engines.base import SpeechRequest
from tts_app.errors import LoadFailed

ROOT = Path(__file__).parents[4]


def test_a_well_service_is_alive_and_ready(client):
    alive, ready = client.get("/healthz"), client.get("/readyz")
    assert alive.status_code == 200
    assert alive.json().keys() == {"status", "engine", "version", "uptime_s"}
    assert alive.json()["status"] == "ok"
    assert ready.status_code == 200
    assert ready.json() == {
        "ready": True,
        "reason": None,
        "queue": {"depth": 0, "limit": 2},
        "draining": False,
        "in_flight": 0,
    }


def test_a_host_that_cannot_run_what_it_was_meant_to_run_says_so(make_client):
    client = make_client(engine_wanted="glm")
    for path in ("/healthz", "/readyz"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["engine_wanted"]) == (200, "glm")


def test_a_busy_engine_does_not_hold_up_the_answers(client, engine):
    engine.hold()
    service = client.context.service
    service.submit(SpeechRequest("working"))
    assert engine.entered.wait(WAIT_S)
    service.submit(SpeechRequest("waiting")), service.submit(SpeechRequest("waiting"))
    assert client.get("/healthz").status_code == 200
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["reason"], ready.json()["in_flight"]) == (503, "full", 1)
    assert "tts_queue_depth 2.0" in client.get("/metrics").text


def test_draining_is_not_sick(client):
    client.context.service.drain()
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").json()["reason"] == "draining"


def test_loading_is_not_sick(make_client):
    client = make_client(start=False)
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").json()["reason"] == "loading"


def test_a_failed_load_is_sick(make_client, engine):
    engine.load_error = LoadFailed("no weights")
    client = make_client()
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["status"], answer.json()["reason"]) == (
        503,
        "sick",
        "load_failed",
    )


def test_metrics_count_what_happened(client):
    for body in ({"input": "你好" * 200, "sample_rate": 32000}, {"input": "x", "voice": "nobody"}):
        client.post("/v1/audio/speech", json=body | {"response_format": "wav"})
    text = client.get("/metrics").text
    for line in (
        'tts_requests_total{engine="kokoro",outcome="ok"} 1.0',
        "tts_long_texts_total 1.0",
        "tts_32khz_total 1.0",
        "tts_ready 1.0",
        'tts_not_ready_reason{reason="full"} 0.0',
        'tts_model_loaded{engine="fake"} 1.0',
    ):
        assert line in text


# the first needs a GPU, the others 20 syntheses; the last is the program
NOT_HERE = {"tts_gpu_memory_bytes", "tts_rtf_baseline", "tts_rtf_ratio", "tts_app"}


def test_every_metric_of_the_documentation_exists(client):
    client.post("/v1/audio/speech", json={"input": "long enough to be measured", "response_format": "wav"})
    client.context.service.clear_memory().result(WAIT_S)
    documented = set(re.findall(r"tts_[a-z0-9_]+", (ROOT / "docs/api.md").read_text(encoding="utf-8")))
    shown = client.get("/metrics").text
    assert {name for name in documented if name not in shown} == NOT_HERE
