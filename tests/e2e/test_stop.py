"""SIGTERM in the middle of a long text: the process ends in good order, and the next one does the rest."""

import json
import time

import httpx
import pytest

from tests.e2e.conftest import STEP_TIMEOUT_S, start, wait_until_ready
from tts_app.batch.journal import read_history

LONG = "今天天气很好，我们一起去公园散步，路上遇到了很多朋友，大家聊得非常开心。" * 3


def look(server, batch_id):
    return httpx.get(f"{server.url}/v1/batches/{batch_id}", timeout=60).json()


def wait_for(server, batch_id, condition):
    deadline = time.monotonic() + STEP_TIMEOUT_S
    while not condition(status := look(server, batch_id)):
        assert time.monotonic() < deadline, status
        time.sleep(1.0)  # looking counts as a request
    return status


@pytest.mark.slow
def test_a_long_text_of_a_batch_that_a_stop_cuts_off_is_given_back_and_spoken_after_the_next_start(tmp_path):
    tasks = [{"output_name": "long", "input_text": LONG}, {"output_name": "short", "input_text": "你好。"}]
    content = "\n".join(json.dumps(task) for task in tasks).encode()
    first = start(tmp_path, TTS_DRAIN_TIMEOUT_S="1", TTS_TASK_TIMEOUT_S="1200")
    assert wait_until_ready(first)
    answer = httpx.post(f"{first.url}/v1/batches", files={"tasks": ("t.jsonl", content)}, timeout=60)
    batch_id = answer.json()["id"]
    wait_for(first, batch_id, lambda status: status["current"] and status["current"]["pieces_done"] >= 1)
    assert first.stop() == 0
    history = read_history(tmp_path / "data" / "batches" / batch_id / "out" / "journal.jsonl")
    assert (history.done, history.failed, history.deaths) == ({}, {}, {})
    assert "Fatal Python error" not in first.errors()
    second = start(tmp_path, TTS_TASK_TIMEOUT_S="1200")
    assert wait_until_ready(second)
    try:
        ended = wait_for(second, batch_id, lambda status: status["state"] == "ended")
        assert [item["status"] for item in ended["items"]] == ["ok", "ok"]
    finally:
        assert second.stop() == 0
