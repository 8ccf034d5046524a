"""The zip archive: whole, with checksums that hold, or plainly not there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.tts_app.batch.helpers import tasks_file
from tests.unit.tts_app.batch.runs import DirectSpeaker, run
from tests.unit.tts_app.fakes import FakeEngine
from tts_app.batch.archive import BadArchive, read_manifest, write_archive
from tts_app.batch.journal import read_history
from tts_app.batch.report import Exit
from tts_app.errors import OutOfMemory


@pytest.fixture
def out_dir(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_the_archive_holds_the_files_their_checksums_and_what_failed(tmp_path, out_dir) -> None:
    engine = FakeEngine()
    engine.errors["第1句话"] = OutOfMemory("x")
    report = run(tasks_file(3), out_dir, DirectSpeaker(engine), archive_dir=tmp_path / "zips")
    manifest = read_manifest(report.archive)
    assert [row["status"] for row in manifest["items"]] == ["ok", "failed", "ok"]
    assert [row["file"] for row in manifest["items"]] == ["t000.wav", None, "t002.wav"]
    assert manifest["owner"] == "alice"
    assert "句话" not in json.dumps(manifest, ensure_ascii=False)


def test_a_damaged_archive_is_found_out(tmp_path, out_dir) -> None:
    report = run(tasks_file(1), out_dir, archive_dir=tmp_path)
    data = bytearray(report.archive.read_bytes())
    data[200] ^= 0xFF  # in the first file's sound
    report.archive.write_bytes(data)
    with pytest.raises(BadArchive):
        read_manifest(report.archive)


def test_an_archive_that_can_not_be_written_is_told_and_loses_nothing(tmp_path, out_dir) -> None:
    (tmp_path / "zips").write_text("a file, no folder")
    report = run(tasks_file(2), out_dir, archive_dir=tmp_path / "zips")
    assert report.archive is None
    assert report.archive_error is not None
    assert report.exit_status is Exit.NO_ARCHIVE
    assert len(list(out_dir.glob("*.wav"))) == 2
    (tmp_path / "zips").unlink()
    speaker = DirectSpeaker()
    again = run(tasks_file(2), out_dir, speaker, archive_dir=tmp_path / "zips")
    assert (again.exit_status, speaker.spoken) == (Exit.ALL_OK, [])
    assert read_manifest(again.archive)["ok"] == 2


def test_a_batch_without_its_archive_has_not_ended(tmp_path, out_dir) -> None:
    (tmp_path / "zips").write_text("a file, no folder")
    run(tasks_file(1), out_dir, archive_dir=tmp_path / "zips")
    assert not read_history(
        out_dir / "journal.jsonl"
    ).ended  # a service that starts anew would give no result
    (tmp_path / "zips").unlink()
    run(tasks_file(1), out_dir, archive_dir=tmp_path / "zips")
    assert read_history(out_dir / "journal.jsonl").ended


def test_failed_items_are_told_before_a_missing_archive(tmp_path, out_dir) -> None:
    (tmp_path / "zips").write_text("a file, no folder")
    engine = FakeEngine()
    engine.errors["第1句话"] = OutOfMemory("x")
    report = run(tasks_file(2), out_dir, DirectSpeaker(engine), archive_dir=tmp_path / "zips")
    assert report.exit_status is Exit.SOME_FAILED


def test_a_tasks_file_whose_name_is_no_utf8_costs_no_archive(tmp_path, out_dir) -> None:
    report = replace(run(tasks_file(1), out_dir), source="tasks\udcff.jsonl")
    assert read_manifest(write_archive(report, out_dir, tmp_path / "zips"))["ok"] == 1
