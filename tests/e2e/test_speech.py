"""The real service with its default voice: what is asked for comes back as speech, and it ends in good order."""

import io
import json
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import openai
import pytest
import soundfile

from tests.e2e.conftest import ADMIN_TOKEN, STEP_TIMEOUT_S, keep_speech

ADMIN = {"Authorization": f"Bearer {ADMIN_TOKEN}"}


@pytest.fixture(scope="module")
def web(server):
    with httpx.Client(base_url=server.url, timeout=STEP_TIMEOUT_S) as client:
        yield client


def assert_speech(content, rate, least_s, most_s):
    """Speech: the right rate and length, audible, and louder at times than at others, as words are."""
    samples, found = soundfile.read(io.BytesIO(content), dtype="float32")
    assert found == rate
    assert least_s <= len(samples) / rate <= most_s
    frames = samples[: len(samples) // 480 * 480].reshape(-1, 480)
    loudness = np.sqrt((frames**2).mean(axis=1))
    assert loudness.max() > 0.03
    assert loudness.min() < loudness.max() / 10
    assert np.abs(samples).max() <= 1.0


@pytest.mark.parametrize(("text", "name"), [("你好，世界", "nihao"), ("hello world", "hello")])
def test_a_short_text_comes_back_as_speech(server, text, name):
    api = openai.OpenAI(
        api_key="none-needed", base_url=f"{server.url}/v1", timeout=STEP_TIMEOUT_S, max_retries=0
    )
    answer = api.audio.speech.create(model="tts-1", voice="alloy", input=text, response_format="wav")
    keep_speech(name, answer.content)
    assert_speech(answer.content, 24000, 0.8, 5.0)


def test_health_answers_while_the_engine_works(server, web):
    text = "The quick brown fox jumps over the lazy dog. " * 3
    with ThreadPoolExecutor() as pool:
        spoken = pool.submit(
            httpx.post, f"{server.url}/v1/audio/speech", json={"input": text}, timeout=STEP_TIMEOUT_S
        )
        while not spoken.done():
            busy = web.get("/readyz").json()["in_flight"] == 1
            alive = web.get("/healthz").status_code
            if busy:
                break
        assert alive == 200
        assert spoken.result().status_code == 200
    assert busy


def test_memory_is_cleared_and_the_reserved_slot_speaks_again_while_draining(web):
    report = web.post("/admin/clear-memory", headers=ADMIN).json()
    assert report["after_mb"] < report["before_mb"]
    assert web.post("/admin/drain", headers=ADMIN).json()["draining"]
    assert web.post("/v1/audio/speech", json={"input": "hello"}).status_code == 503
    proof = web.post("/admin/speak", json={"text": "你好"}, headers=ADMIN)
    assert_speech(proof.content, 24000, 0.5, 4.0)
    assert not web.post("/admin/undrain", headers=ADMIN).json()["draining"]


def test_a_batch_ends_with_an_archive(web):
    lines = [{"output_name": "one", "input_text": "你好。", "voice": "zf_xiaoxiao"},
             {"output_name": "two", "input_text": "good morning", "voice": "af_heart"}]  # fmt: skip
    content = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    batch = web.post("/v1/batches", files={"tasks": ("tasks.jsonl", content.encode())}).json()
    deadline = time.monotonic() + STEP_TIMEOUT_S
    while (status := web.get(f"/v1/batches/{batch['id']}").json())["state"] != "ended":
        assert time.monotonic() < deadline, status
        time.sleep(1.0)  # looking counts as a request: more often is answered 429 on a slow machine
    assert (status["ok"], status["failed"]) == (2, 0)
    with zipfile.ZipFile(io.BytesIO(web.get(f"/v1/batches/{batch['id']}/result").content)) as archive:
        for name in ("one.wav", "two.wav"):
            assert_speech(archive.read(name), 24000, 0.4, 4.0)


def test_the_logs_hold_no_text_of_anybody(server):
    logged = server.errors() + (server.folder / "log" / "access.log").read_text(encoding="utf-8")
    assert "POST /v1/audio/speech status=200" in logged
    for text in ("你好", "hello world", "good morning", ADMIN_TOKEN):
        assert text not in logged
