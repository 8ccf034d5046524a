"""A disk that really is full: nothing half written is left, and the batch goes on once there is room."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.tts_app.batch.helpers import tasks_file
from tests.unit.tts_app.batch.runs import DirectSpeaker, run
from tts_app.batch.journal import Journal, read_records
from tts_app.batch.report import Exit
from tts_app.batch.unzip import unzip_audio
from tts_app.batch.wavfile import read_facts, write_part
from tts_app.errors import Busy


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB; skipped where this process may not mount one."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs root and the right to mount a tmpfs")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_batch_on_a_full_disk_stops_and_goes_on_once_there_is_room(small_disk) -> None:
    (small_disk / "ballast").write_bytes(b"x" * 200_000)
    report = run(tasks_file(5), small_disk / "out", DirectSpeaker())
    assert report.exit_status is Exit.STOPPED
    assert report.stopped.reason == "disk_full"
    assert report.count("failed") == 0
    left = sorted((small_disk / "out").iterdir())
    assert not [p for p in left if p.name.startswith(".")]
    for wav in (small_disk / "out").glob("*.wav"):
        read_facts(wav)  # raises for a cut one
    (small_disk / "ballast").unlink()
    done = report.count("ok")
    speaker = DirectSpeaker()
    assert run(tasks_file(5), small_disk / "out", speaker).exit_status is Exit.ALL_OK
    assert len(speaker.spoken) == 5 - done


def test_recordings_that_find_no_room_are_no_fault_of_their_zip(small_disk) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as out:
        out.writestr("a.wav", b"x" * 500_000)
    with pytest.raises(Busy, match="No space left") as told:
        unzip_audio(packed, small_disk)
    assert "暂时无法保存" in told.value.message_zh


@pytest.fixture
def full(monkeypatch) -> pytest.MonkeyPatch:
    """Every fsync says that the disk is full."""

    def refuse(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    return monkeypatch


def test_a_wav_that_does_not_fit_leaves_nothing(tmp_path, full) -> None:
    with pytest.raises(OSError, match="No space left"):
        write_part(tmp_path / "a.wav", b"x" * 100)
    assert list(tmp_path.iterdir()) == []


def test_an_item_waits_for_the_disk_three_times(tmp_path, monkeypatch) -> None:
    waits: list[int] = []
    monkeypatch.setattr(os, "fsync", waits.append)

    def waited(items: int) -> int:
        waits.clear()
        run(tasks_file(items), tmp_path / str(items))
        return len(waits)

    assert waited(4) - waited(3) == 3  # the sound, the journal before its name, the folder after


@pytest.mark.parametrize("name", [".t000.wav.part", ".report.json.part", ".tasks.jsonl.part"])
def test_a_link_left_in_the_output_directory_leads_nowhere(tmp_path, name) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "diary").write_text("dear diary", encoding="utf-8")
    (tmp_path / "out" / name).symlink_to(tmp_path / "diary")
    assert run(tasks_file(1), tmp_path / "out").exit_status is Exit.ALL_OK
    assert (tmp_path / "diary").read_text(encoding="utf-8") == "dear diary"


def test_a_journal_that_is_a_link_is_not_written(tmp_path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "journal.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        run(tasks_file(1), tmp_path / "out")
    assert not (tmp_path / "elsewhere").exists()


def test_a_journal_line_that_does_not_fit_is_not_in_the_journal(tmp_path, full) -> None:
    with Journal(tmp_path / "j.jsonl") as journal:
        with pytest.raises(OSError, match="No space left"):
            journal.append("done", key="a")
        full.undo()
        journal.append("done", key="b")
        assert set(journal.history.done) == {"b"}
    assert [r["key"] for r in read_records((tmp_path / "j.jsonl").read_bytes())] == ["b"]
