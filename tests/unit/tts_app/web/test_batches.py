"""/v1/batches over the batch engine: submit, watch, cancel, fetch."""

import io
import json
import threading
import zipfile

import pytest

from tests.unit.tts_app.fakes import WAIT_S
from tts_app.web.auth import Keys

KEYS = Keys(api={"alice": b"alice-key-0123456789", "bob": b"bob-key-0123456789"})
ALICE = {"authorization": "Bearer alice-key-0123456789"}
BOB = {"authorization": "Bearer bob-key-0123456789"}


def tasks(*texts, voice="zf_test"):
    lines = [
        json.dumps({"output_name": f"task{n}", "input_text": text, "voice": voice}, ensure_ascii=False)
        for n, text in enumerate(texts)
    ]
    return "\n".join(lines).encode()


def submit(client, content, *, audio=None, headers=None, **form):
    files = {"tasks": ("tasks.jsonl", content)} | (
        {"audio": ("audio.zip", audio)} if audio is not None else {}
    )
    return client.post("/v1/batches", files=files, data=form, headers=headers or {})


def finished(client, batch_id, headers=None, states=frozenset({"ended", "cancelled"})):
    """Wait for the batch to end, or for another state; a bound, no pace is expected."""
    pause = threading.Event()
    for _ in range(int(WAIT_S / 0.05)):
        status = client.get(f"/v1/batches/{batch_id}", headers=headers or {}).json()
        if status["state"] in states:
            return status
        pause.wait(0.05)
    raise AssertionError(f"still {status}")


def test_a_batch_is_spoken_and_its_archive_holds_every_wav(client):
    answer = submit(client, tasks("你好，世界", "hello world"), owner="desk")
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/batches/{answer.json()['id']}"
    status = finished(client, answer.json()["id"])
    assert (status["ok"], status["failed"], status["has_result"]) == (2, 0, True)
    archive = client.get(f"/v1/batches/{status['id']}/result")
    assert archive.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(archive.content)) as content:
        assert {"task0.wav", "task1.wav"} <= set(content.namelist())
        assert content.testzip() is None
    assert 'tts_batch_items_total{status="ok"} 2.0' in client.get("/metrics").text


def test_without_api_keys_nobody_sees_the_ids_of_others(client):
    assert submit(client, tasks("你好"), owner="desk").status_code == 202
    assert client.get("/v1/batches?owner=desk").json() == {"batches": []}


def test_a_bad_file_is_refused_line_by_line(client, engine):
    content = (
        tasks("你好") + b'\n{"output_name": "../up", "input_text": "hi", "voice": "zf_test"}\n{"half":\n'
    )
    answer = submit(client, content)
    assert answer.status_code == 400
    problems = answer.json()["preflight"]["problems"]
    assert {problem["line"] for problem in problems} == {2, 3}
    assert all(problem["message"]["zh"] and problem["message"]["en"] for problem in problems)
    assert engine.spoken == []


def test_checking_runs_nothing(client, engine):
    answer = submit(client, tasks("你好"), check="true")
    assert (answer.status_code, answer.json()["verdict"], answer.json()["tasks"]) == (200, "go", 1)
    assert engine.spoken == []


def test_good_lines_run_alone_when_asked(client):
    answer = submit(client, tasks("你好") + b"\nnonsense\n", skip_bad="true")
    assert answer.status_code == 202
    assert finished(client, answer.json()["id"])["ok"] == 1


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x00" * 50, id="NUL bytes"),
        pytest.param(b"PK\x03\x04", id="a zip"),
        pytest.param(b"\xff\xfe\x00", id="not UTF-8"),
        pytest.param(b"[" * 10_000, id="deep nesting"),
    ],
)
def test_what_is_no_tasks_file_is_refused(client, content):
    answer = submit(client, content)
    assert answer.status_code == 400
    assert answer.json()["error"]["message_zh"]


@pytest.mark.parametrize("audio", [b"", b"no zip", b"PK\x05\x06" + b"\x00" * 17])
def test_what_is_no_zip_is_refused(client, audio):
    assert submit(client, tasks("你好"), audio=audio).status_code == 400


def test_a_form_without_the_file_is_refused(client):
    answer = client.post("/v1/batches", data={"owner": "me"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "tasks")


@pytest.mark.parametrize("form", [{"owner": "x" * 65}, {"owner": "a\nb"}, {"skip_bad": "perhaps"}])
def test_a_wrong_form_field_is_refused(client, form):
    assert submit(client, tasks("你好"), **form).status_code == 400


@pytest.mark.parametrize("batch_id", ["nope", "..", "%2e%2e%2fetc", "20261127-000000-0000000000000000"])
@pytest.mark.parametrize("what", ["", "/result"])
def test_an_unknown_batch_is_404(client, batch_id, what):
    answer = client.get(f"/v1/batches/{batch_id}{what}")
    assert answer.status_code == 404


def test_a_batch_can_be_given_up(client, engine):
    engine.hold()
    batch_id = submit(client, tasks("one", "two", "three")).json()["id"]
    assert engine.entered.wait(WAIT_S)
    client.post(f"/v1/batches/{batch_id}/cancel")
    engine.release()
    status = finished(client, batch_id)
    assert status["state"] == "cancelled"
    assert engine.spoken == []
    assert client.get(f"/v1/batches/{batch_id}/result").status_code == 404


def test_one_bad_item_does_not_stop_the_others(client, engine):
    engine.errors = {"two": ZeroDivisionError("division by zero")}
    status = finished(client, submit(client, tasks("one", "two", "three")).json()["id"])
    assert (status["ok"], status["failed"]) == (2, 1)
    assert 'tts_batch_items_total{status="failed"} 1.0' in client.get("/metrics").text


def test_a_draining_service_keeps_a_batch_until_it_takes_work_again(client, engine):
    client.context.service.drain()
    answer = submit(client, tasks("one"))
    assert answer.status_code == 202
    assert finished(client, answer.json()["id"], states={"paused"})["reason"] == "draining"
    client.context.service.undrain()
    client.context.batches.wake()
    assert finished(client, answer.json()["id"])["ok"] == 1


def test_the_pages_link_gives_the_zip_and_nothing_for_an_unknown_id(make_client):
    with make_client(with_page=True) as client:
        batch_id = submit(client, tasks("你好")).json()["id"]
        finished(client, batch_id)
        answer = client.get(f"/page/batches/{batch_id}.zip")
        unknown = client.get("/page/batches/20261127-000000-0000000000000000.zip")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert "task0.wav" in zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert unknown.status_code == 404


def test_people_go_between_a_batchs_items(client, engine):
    engine.hold()
    batch_id = submit(client, tasks("batch one", "batch two", "batch three")).json()["id"]
    assert engine.entered.wait(WAIT_S)
    client.context.metrics.queued = lambda job: engine.release()
    answer = client.post("/v1/audio/speech", json={"input": "a person", "response_format": "wav"})
    assert answer.status_code == 200
    finished(client, batch_id)
    assert [request.text for request in engine.spoken].index("a person") == 1


def test_others_cannot_see_or_stop_a_keys_batch(make_client):
    client = make_client(keys=KEYS)
    batch_id = submit(client, tasks("secret plans"), headers=ALICE).json()["id"]
    finished(client, batch_id, ALICE)
    assert client.get(f"/v1/batches/{batch_id}", headers=BOB).status_code == 404
    assert client.get(f"/v1/batches/{batch_id}/result", headers=BOB).status_code == 404
    assert client.post(f"/v1/batches/{batch_id}/cancel", headers=BOB).status_code == 404
    assert client.get("/v1/batches?owner=alice", headers=BOB).json() == {"batches": []}
    assert client.get(f"/v1/batches/{batch_id}/result", headers=ALICE).status_code == 200


def test_without_a_key_no_batch_is_taken(make_client):
    client = make_client(keys=KEYS)
    assert submit(client, tasks("hello")).status_code == 401
