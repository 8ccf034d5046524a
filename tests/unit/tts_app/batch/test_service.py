"""Batches inside the running service: behind people's requests, through drains and restarts, seen by their owner."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.tts_app.batch.bad_inputs import FIELDS, GOOD, SYNTAX, WHOLE, as_bytes
from tests.unit.tts_app.batch.helpers import CLONES, WAIT_S, line, tasks_file, wav
from tests.unit.tts_app.batch.service_app import App, zip_of
from tts_app.batch.archive import read_manifest
from tts_app.batch.service import KEEP_DAYS, MAX_WAITING_PER_OWNER
from tts_app.batch.status import State
from tts_app.batch.surroundings import BatchRefused, UnknownBatch
from tts_app.engines.base import SpeechRequest
from tts_app.errors import BadRequest, Busy, OutOfMemory


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    app = App(tmp_path)
    yield app
    app.stop()


def test_a_batch_ends_with_a_zip_whose_checksums_hold(app) -> None:
    batch_id = app.batches.submit(tasks_file(3), owner="alice").batch_id
    status = app.wait(batch_id, State.ENDED)
    assert (status.total, status.ok, status.failed) == (3, 3, 0)
    manifest = read_manifest(app.batches.result(batch_id))
    assert [item["file"] for item in manifest["items"]] == ["t000.wav", "t001.wav", "t002.wav"]
    assert app.ended == ["ok", "ok", "ok"]
    json.dumps(status.to_json())


def test_single_files_are_let_go_once_the_archive_is_proved(app) -> None:
    batch_id = app.batches.submit(tasks_file(2), zip_of(voice_wav=wav()), owner="alice").batch_id
    app.wait(batch_id, State.ENDED)
    assert list(app.folder.rglob("*.wav")) == []


def test_recordings_come_from_the_uploaded_zip(app) -> None:
    data = line(voice=None, prompt_audio="voice.wav", prompt_text="好").encode()
    batch_id = app.batches.submit(data, zip_of(voice_wav=wav()), owner="alice").batch_id
    assert app.wait(batch_id, State.ENDED).ok == 1
    assert app.engine.spoken[-1].reference is not None


def test_a_refused_file_tells_every_line_and_leaves_nothing(app) -> None:
    with pytest.raises(BatchRefused) as refused:
        app.batches.submit(b"{}\nnonsense\n", owner="alice")
    assert {p.line for p in refused.value.preflight.errors} == {1, 2}
    assert list(app.folder.glob("batches/*")) == []


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param(zip_of(**{"../x_wav": b"x"}), id="slip"),
        pytest.param(b"no zip", id="no zip"),
        pytest.param(zip_of(evil=b"#!/bin/sh"), id="no audio"),
    ],
)
def test_a_bad_zip_is_refused_and_leaves_nothing(app, packed) -> None:
    with pytest.raises(BatchRefused) as refused:
        app.batches.submit(tasks_file(1), packed, owner="alice")
    assert [p.code for p in refused.value.preflight.errors] == ["zip_bad"]
    assert list(app.folder.rglob("*.*")) == []


def test_after_every_bad_file_the_service_still_speaks(app) -> None:
    bad = [row[1] for row in (*SYNTAX, *FIELDS) if CLONES not in row]
    files = [row[1] for row in WHOLE] + [b"\n".join([GOOD.encode(), as_bytes(row)]) for row in bad]
    for data in files:
        with pytest.raises(BatchRefused):
            app.batches.submit(data, owner="alice")
    assert list(app.folder.rglob("*")) == [app.folder / "batches"]
    assert app.wait(app.batches.submit(tasks_file(1), owner="alice").batch_id, State.ENDED).ok == 1


def test_a_check_tells_everything_and_keeps_nothing(app) -> None:
    assert app.batches.check(tasks_file(2)).estimate.tasks == 2
    assert app.batches.check(b"x").errors
    assert list(app.folder.glob("batches/*")) == []


def test_good_lines_run_although_others_are_wrong_on_demand(app) -> None:
    batch_id = app.batches.submit(tasks_file(2) + b"x\n", owner="alice", skip_bad=True).batch_id
    status = app.wait(batch_id, State.ENDED)
    assert (status.ok, status.failed) == (2, 1)
    assert {p["line"] for p in status.problems} == {3}


def test_the_faults_of_a_file_are_logged_once_however_often_it_is_taken_up(app, caplog) -> None:
    app.speech.drain()
    batch_id = app.batches.submit(tasks_file(2) + b"x\n", owner="alice", skip_bad=True).batch_id
    app.wait(batch_id, State.PAUSED)
    app.speech.undrain()
    app.batches.wake()
    app.wait(batch_id, State.ENDED)
    assert caplog.text.count("JSONDecodeError") == 1


def test_an_item_that_fails_is_seen_with_its_reason(app) -> None:
    app.engine.errors["第1句话"] = OutOfMemory("CUDA out of memory")
    status = app.wait(app.batches.submit(tasks_file(3), owner="alice").batch_id, State.ENDED)
    assert [item["status"] for item in status.items] == ["ok", "failed", "ok"]
    assert status.items[1]["message"]["en"] == "CUDA out of memory"


def held(app: App, count: int = 3) -> str:
    """Submit a batch and return while its first item is in hand."""
    app.engine.hold()
    batch_id = app.batches.submit(tasks_file(count), owner="alice").batch_id
    assert app.engine.entered.wait(WAIT_S)
    return batch_id


def until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(round(WAIT_S / 0.02)):
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("never came")


def test_a_running_batch_tells_the_item_in_hand(app) -> None:
    batch_id = held(app)
    until(lambda: app.batches.status(batch_id).current is not None)
    status = app.batches.status(batch_id)
    assert status.state is State.RUNNING
    assert status.current["line"] == 1


def test_a_cancelled_batch_ends_and_has_no_result(app) -> None:
    batch_id = held(app)
    app.batches.cancel(batch_id)
    app.engine.release()
    app.wait(batch_id, State.CANCELLED)
    with pytest.raises(UnknownBatch):
        app.batches.result(batch_id)
    after = app.batches.submit(tasks_file(1), owner="alice").batch_id
    assert app.wait(after, State.ENDED).ok == 1


def test_a_batch_that_waits_ends_at_once_when_cancelled_and_its_recordings_go(app) -> None:
    held(app)
    waiting = app.batches.submit(tasks_file(1), zip_of(voice_wav=wav()), owner="bob").batch_id
    assert app.batches.cancel(waiting).state is State.CANCELLED
    assert list(app.folder.rglob("voice.wav")) == []


def test_what_ended_long_ago_is_forgotten_without_a_restart(app) -> None:
    old = app.batches.submit(tasks_file(1), owner="alice").batch_id
    app.wait(old, State.ENDED)
    app.days_later = KEEP_DAYS + 1
    new = app.batches.submit(tasks_file(1), owner="alice").batch_id
    app.wait(new, State.ENDED)
    with pytest.raises(UnknownBatch):
        app.batches.status(old)
    assert [p.name for p in (app.folder / "batches").iterdir()] == [new]


def test_a_damaged_folder_does_not_keep_the_service_from_starting(app) -> None:
    old = app.batches.submit(tasks_file(1), owner="alice").batch_id
    app.wait(old, State.ENDED)
    app.stop()
    (app.folder / "batches" / old / "meta.json").write_bytes(b'{"from": "another version"}')
    app.start()
    assert app.wait(app.batches.submit(tasks_file(1), owner="alice").batch_id, State.ENDED).ok == 1


def test_a_person_comes_before_the_rest_of_a_batch(app) -> None:
    batch_id = held(app)
    person = app.speech.submit(SpeechRequest("hello"))
    app.engine.release()
    person.result(WAIT_S)
    app.wait(batch_id, State.ENDED)
    assert [request.text for request in app.engine.spoken][:2] == ["第0句话", "hello"]


def test_a_drain_pauses_the_batch_and_it_goes_on_after(app) -> None:
    batch_id = held(app)
    app.speech.drain()
    app.engine.release()
    assert app.wait(batch_id, State.PAUSED).reason == "draining"
    assert app.batches.status(batch_id).failed == 0
    app.speech.undrain()
    app.batches.wake()
    assert app.wait(batch_id, State.ENDED).ok == 3
    assert len(app.engine.spoken) == 3


def test_a_restart_goes_on_and_repeats_nothing(app) -> None:
    batch_id = held(app)
    stopper = threading.Thread(target=app.batches.stop, args=(WAIT_S,))
    stopper.start()
    until(lambda: app.batches.stopping)
    app.engine.release()
    stopper.join(WAIT_S)
    assert [request.text for request in app.engine.spoken] == ["第0句话"], "the item in hand is finished"
    app.stop()
    app.start()
    assert app.wait(batch_id, State.ENDED).ok == 3
    assert len(app.engine.spoken) == 3


def test_what_has_ended_is_known_after_a_restart(app) -> None:
    batch_id = app.batches.submit(tasks_file(2), owner="alice").batch_id
    app.wait(batch_id, State.ENDED)
    app.stop()
    app.start()
    status = app.batches.status(batch_id)
    assert (status.state, status.ok) == (State.ENDED, 2)
    assert app.batches.result(batch_id).is_file()


def test_an_owner_sees_only_their_own(app) -> None:
    batch_id = app.batches.submit(tasks_file(1), owner="alice").batch_id
    for call in (app.batches.status, app.batches.cancel, app.batches.result):
        with pytest.raises(UnknownBatch):
            call(batch_id, "bob")
    assert app.batches.list("bob") == []
    assert [status.batch_id for status in app.batches.list("alice")] == [batch_id]


@pytest.mark.parametrize(
    "batch_id", ["", "..", "../../etc", "x" * 999, "20261127-010203-0000000000000000", "a\0b"]
)
def test_an_id_that_was_never_given_is_unknown(app, batch_id) -> None:
    with pytest.raises(BadRequest):
        app.batches.result(batch_id)


def test_one_owner_can_not_fill_the_shelf(app) -> None:
    held(app)
    for _ in range(MAX_WAITING_PER_OWNER - 1):
        app.batches.submit(tasks_file(1), owner="alice")
    with pytest.raises(Busy):
        app.batches.submit(tasks_file(1), owner="alice")
    app.batches.submit(tasks_file(1), owner="bob")
