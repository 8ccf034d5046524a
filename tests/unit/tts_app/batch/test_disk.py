"""A disk that really is full: nothing half written is left, and the batch goes on once there is room."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.tts_app.batch.helpers import tasks_file
from tests.unit.tts_app.batch.runs import DirectSpeaker, run
from tts_app.batch.journal import Journal, read_records
from tts_app.batch.report import Exit
from tts_app.batch.wavfile import read_facts, write_part


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


def test_a_journal_line_that_does_not_fit_is_not_in_the_journal(tmp_path, full) -> None:
    with Journal(tmp_path / "j.jsonl") as journal:
        with pytest.raises(OSError, match="No space left"):
            journal.append("done", key="a")
        full.undo()
        journal.append("done", key="b")
        assert set(journal.history.done) == {"b"}
    assert [r["key"] for r in read_records((tmp_path / "j.jsonl").read_bytes())] == ["b"]
