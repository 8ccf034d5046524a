"""What lies in OUT_DIR and was made by no batch stays as it is; what a batch made is its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.tts_app.batch.helpers import context, line, tasks_file
from tests.unit.tts_app.batch.runs import DirectSpeaker, run
from tts_app.batch.estimate import MARGIN_MB, Machine, estimate
from tts_app.batch.out_dir import OutDir, look
from tts_app.batch.preflight import check


@pytest.fixture
def out_dir(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_a_file_that_no_batch_made_is_told_with_its_line_and_not_replaced(out_dir) -> None:
    out_dir.mkdir()
    (out_dir / "t001.wav").write_bytes(b"a song")
    found = check(tasks_file(3), context(out_dir, out=look(out_dir)))
    assert [(e.code, e.line, e.field) for e in found.errors] == [("name_taken", 2, "output_name")]
    assert [task.name for task in found.tasks] == ["t000", "t002"]


@pytest.mark.parametrize("name", ["journal.jsonl", "report.json", "tasks.jsonl"])
def test_a_file_with_one_of_our_names_is_told(out_dir, name) -> None:
    out_dir.mkdir()
    (out_dir / name).write_bytes(b'{"event": "something else"}\n')
    assert [p.code for p in look(out_dir).strangers()] == ["out_dir_taken"]


@pytest.mark.parametrize("spoken", [0, 1, 3])
def test_what_a_batch_made_is_in_nobodys_way(out_dir, spoken) -> None:
    speaker = DirectSpeaker()
    run(tasks_file(3), out_dir, speaker, must_stop=lambda: len(speaker.spoken) == spoken)
    there = look(out_dir)
    assert list(there.strangers()) == []
    assert check(tasks_file(3), context(out_dir.parent, out=there)).errors == ()
    assert there.finished == frozenset(f"t{n:03}" for n in range(spoken))


def test_a_changed_line_may_replace_what_the_batch_made_of_it(out_dir) -> None:
    run(tasks_file(1), out_dir)
    changed = line(output_name="t000", input_text="换一句话").encode()
    assert check(changed, context(out_dir.parent, out=look(out_dir))).errors == ()


@pytest.mark.parametrize(
    ("finished", "codes"),
    [pytest.param(0, ["disk_short"], id="first run"), pytest.param(190, [], id="resumed")],
)
def test_what_is_written_already_needs_no_more_room(out_dir, finished, codes) -> None:
    tasks = "\n".join(line(output_name=f"n{n}", input_text="长" * 300) for n in range(200)).encode()
    whole = check(tasks, context(out_dir)).tasks
    tenth = Machine(out_free_mb=MARGIN_MB + estimate(whole, "fake").disk_mb / 10)
    there = OutDir(is_batch=True, finished=frozenset(f"n{n}" for n in range(finished)))
    assert [e.code for e in check(tasks, context(out_dir, machine=tenth, out=there)).errors] == codes


def test_a_folder_that_is_not_there_holds_nothing(out_dir) -> None:
    assert look(out_dir) == OutDir()
