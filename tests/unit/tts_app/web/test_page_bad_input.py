"""Whatever a browser sends to the page, past what the page would let through: told, and the page still speaks."""

import json

import pytest

from tests.unit.tts_app.web import writes
from tests.unit.tts_app.web.pages import gradio_of

API = "/gradio_api"
GOOD = {
    "text": "你好，世界",
    "voice": "",
    "rate": 24000,
    "seed": 42,
    "speed": 1.0,
    "audio": None,
    "transcript": "",
}


@pytest.fixture
def page(make_client, tmp_path):
    with make_client(with_page=True, max_upload_mb=1) as client, writes.noted() as written:
        yield client
    assert writes.outside(written, tmp_path / "data") == []


def speak_event(client):
    """Return the index of the function that speaks: the one with a field for everything."""
    found = client.get("/config").json()["dependencies"]
    return next(d["id"] for d in found if len(d["inputs"]) == len(GOOD))


def click(client, event, **fields):
    """Press the button as a browser does, over the queue; return every message that came back."""
    data = list((GOOD | fields).values())
    body = {"fn_index": event, "data": data, "session_hash": "hostile"}
    joined = client.post(f"{API}/queue/join", json=body, headers={"accept-language": "zh"})
    if joined.status_code != 200:
        return [joined.text]
    stream = client.get(f"{API}/queue/data", params={"session_hash": "hostile"}).text
    return [line.removeprefix("data: ") for line in stream.splitlines() if line.startswith("data: ")]


def spoke(messages):
    ended = [m for m in map(json.loads, messages) if m["msg"] == "process_completed"]
    return bool(ended) and ended[-1]["success"] and "完成" in json.dumps(ended[-1], ensure_ascii=False)


HOSTILE = [
    {"text": None}, {"text": 5}, {"text": ["a"]}, {"text": {"a": 1}}, {"text": "\0"}, {"text": "\u202e\u2066"},
    {"text": "😀"}, {"text": "x" * 900_000}, {"voice": "../../etc/passwd"}, {"voice": ["zf_test"]}, {"voice": 7},
    {"rate": None}, {"rate": "24000"}, {"rate": 8000}, {"rate": -1}, {"rate": []}, {"rate": 1e300},
    {"seed": "one"}, {"seed": -1}, {"seed": 2**40}, {"seed": {}}, {"speed": None}, {"speed": 99}, {"speed": "fast"},
    {"audio": "/etc/passwd"}, {"audio": 5}, {"audio": []}, {"audio": {"path": "/etc/passwd"}},
    {"audio": {"path": "../../../etc/passwd", "meta": {"_type": "gradio.FileData"}}},
    {"audio": {"path": None, "url": "http://127.0.0.1:9/a.wav", "meta": {"_type": "gradio.FileData"}}},
    {"audio": {"meta": {"_type": "gradio.FileData"}}}, {"transcript": {}}, {"transcript": 5},
]  # fmt: skip


def test_no_field_of_the_page_stops_it(page, engine):
    event = speak_event(page)
    for fields in HOSTILE:
        told = "".join(click(page, event, **fields))
        assert "Traceback" not in told and "root:x" not in told, fields
    engine.spoken.clear()
    assert spoke(click(page, event, text="还能说话"))
    assert [request.text for request in engine.spoken] == ["还能说话"]
    assert gradio_of(page).get_blocks()._queue.cached_event_analytics_summary == {"functions": {}}
