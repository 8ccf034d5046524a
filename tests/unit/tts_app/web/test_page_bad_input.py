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


def click(client, event, language="zh", **fields):
    """Press the button as a browser does, over the queue; return every message that came back."""
    data = list((GOOD | fields).values())
    body = {"fn_index": event, "data": data, "session_hash": "hostile"}
    joined = client.post(f"{API}/queue/join", json=body, headers={"accept-language": language})
    if joined.status_code != 200:
        return [joined.text]
    stream = client.get(f"{API}/queue/data", params={"session_hash": "hostile"}).text
    lines = [line.removeprefix("data: ") for line in stream.splitlines() if line.startswith("data: ")]
    return [json.dumps(json.loads(line), ensure_ascii=False) for line in lines]


def spoke(messages):
    ended = [m for m in map(json.loads, messages) if m["msg"] == "process_completed"]
    return bool(ended) and ended[-1]["success"] and "完成" in json.dumps(ended[-1], ensure_ascii=False)


def refused_by_gradio(messages):
    """Whether Gradio turned the value away before our code saw it; no page sends such a value."""
    (ended,) = [m for m in map(json.loads, messages) if m["msg"] == "process_completed"]
    return not ended["success"]


# What people can do, by typing or by leaving a field empty: told in their language, with what to do.
TOLD = [
    ({"text": None}, "请至少写一个汉字", "Write a Chinese character"),
    ({"text": "\0"}, "请删除该字符", "Remove"),
    ({"text": "\u202e\u2066"}, "请至少写一个汉字", "Write a Chinese character"),
    ({"text": "😀"}, "请至少写一个汉字", "Write a Chinese character"),
    ({"text": "x" * 900_000}, "上限为 5000", "the limit is 5000"),
    ({"voice": ["zf_test"]}, "voice：未选择名称", "voice: no name is chosen"),
    ({"rate": None}, "sample_rate：未选择数值", "sample_rate: no number is chosen"),
    ({"seed": -1}, "请使用 0 到 4294967295 之间的整数", "Use a whole number from 0 to 4294967295"),
    ({"seed": 2**40}, "请使用 0 到 4294967295 之间的整数", "Use a whole number from 0 to 4294967295"),
]
SPOKEN = [{"text": 5}, {"text": ["a"]}, {"text": {"a": 1}}, {"transcript": {}}, {"transcript": 5}]  # as texts
# What no page sends.
FORGED = [
    {"voice": "../../etc/passwd"}, {"voice": 7}, {"rate": "24000"}, {"rate": 8000}, {"rate": -1}, {"rate": []},
    {"rate": 1e300}, {"seed": "one"}, {"seed": {}}, {"speed": None}, {"speed": 99}, {"speed": "fast"},
    {"audio": "/etc/passwd"}, {"audio": 5}, {"audio": []}, {"audio": {"path": "/etc/passwd"}},
    {"audio": {"path": "../../../etc/passwd", "meta": {"_type": "gradio.FileData"}}},
    {"audio": {"path": None, "url": "http://127.0.0.1:9/a.wav", "meta": {"_type": "gradio.FileData"}}},
    {"audio": {"meta": {"_type": "gradio.FileData"}}},
]  # fmt: skip


def test_what_people_get_wrong_is_told_in_their_language(page, engine):
    event = speak_event(page)
    for fields, chinese, english in TOLD:
        for language, words in (("zh", chinese), ("en", english)):
            told = "".join(click(page, event, language, **fields))
            assert words in told, (fields, language, told)
    assert not engine.spoken
    assert spoke(click(page, event, text="还能说话"))


def test_no_field_of_the_page_stops_it(page, engine):
    event = speak_event(page)
    for fields in SPOKEN:
        assert spoke(click(page, event, **fields)), fields
    for fields in FORGED:
        messages = click(page, event, **fields)
        assert refused_by_gradio(messages), fields
        assert "Traceback" not in "".join(messages) and "root:x" not in "".join(messages), fields
    engine.spoken.clear()
    assert spoke(click(page, event, text="还能说话"))
    assert [request.text for request in engine.spoken] == ["还能说话"]
    assert gradio_of(page).get_blocks()._queue.cached_event_analytics_summary == {"functions": {}}
