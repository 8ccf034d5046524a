"""Every line of a batch is listed from its submission to its end, whatever happened meanwhile."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.tts_app.batch.helpers import WAIT_S, tasks_file
from tests.unit.tts_app.batch.place import wait_for
from tests.unit.tts_app.batch.service_app import App
from tts_app.batch.service import BatchService
from tts_app.batch.status import BatchStatus, State
from tts_app.errors import OutOfMemory


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    app = App(tmp_path)
    yield app
    app.stop()


def held(app: App, data: bytes, *, owner: str = "alice", skip_bad: bool = False) -> str:
    """Submit a batch and return while its first item is in hand."""
    app.engine.hold()
    batch_id = app.batches.submit(data, owner=owner, skip_bad=skip_bad).batch_id
    assert app.engine.entered.wait(WAIT_S)
    wait_for(lambda: app.batches.status(batch_id).current is not None, "the item in hand")
    return batch_id


def rows(status: BatchStatus) -> list[tuple[int, str, str]]:
    return [(item["line"], item["name"], item["status"]) for item in status.items]


def test_lines_that_wait_are_listed_beside_the_one_in_hand(app) -> None:
    batch_id = held(app, tasks_file(3))
    assert rows(app.batches.status(batch_id)) == [
        (1, "t000", "running"),
        (2, "t001", "waiting"),
        (3, "t002", "waiting"),
    ]


def test_a_batch_that_waits_for_another_lists_its_lines(app) -> None:
    held(app, tasks_file(1))
    status = app.batches.submit(tasks_file(2), owner="bob")
    assert rows(status) == [(1, "t000", "waiting"), (2, "t001", "waiting")]
    assert (status.total, status.ok, status.failed) == (2, 0, 0)


def test_a_bad_line_that_is_left_out_counts_as_failed_from_the_start(app) -> None:
    batch_id = held(app, tasks_file(2) + b"x\n", skip_bad=True)
    status = app.batches.status(batch_id)
    assert [status for _, _, status in rows(status)] == ["running", "waiting", "failed"]
    assert (status.total, status.ok, status.failed) == (3, 0, 1)
    app.engine.release()
    ended = app.wait(batch_id, State.ENDED)
    assert (ended.total, ended.ok, ended.failed) == (3, 2, 1)


def test_what_a_cancelled_batch_did_not_speak_is_called_skipped(app) -> None:
    batch_id = held(app, tasks_file(2))
    app.batches.cancel(batch_id)
    app.engine.release()
    assert [status for _, _, status in rows(app.wait(batch_id, State.CANCELLED))] == ["skipped", "skipped"]


def test_after_a_kill_what_was_finished_is_shown_while_the_rest_runs(app, tmp_path) -> None:
    """A killed process leaves no report: the journal knows."""
    app.engine.errors["第1句话"] = OutOfMemory("CUDA out of memory")
    app.engine.before_piece = lambda request: app.engine.hold() if request.text == "第2句话" else None
    batch_id = app.batches.submit(tasks_file(4), owner="alice").batch_id
    wait_for(lambda: app.batches.status(batch_id).failed == 1, "two items to end")
    shutil.copytree(app.folder / "batches", tmp_path / "left")
    again = BatchService(tmp_path / "left", tmp_path / "left zips", app.around)
    again.start()
    expected = ["ok", "failed", "running", "waiting"]
    wait_for(lambda: [row[2] for row in rows(again.status(batch_id))] == expected, "the lines")
    app.engine.before_piece = None
    app.engine.release()
    wait_for(lambda: again.status(batch_id).state is State.ENDED, "the end")
    assert [row[2] for row in rows(again.status(batch_id))] == ["ok", "failed", "ok", "ok"]
    assert again.stop(WAIT_S)
