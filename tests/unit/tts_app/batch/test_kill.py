"""kill -9 at any moment loses at most the item in hand; the next start goes on and repeats nothing finished."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.tts_app.batch.helpers import WAIT_S, tasks_file
from tests.unit.tts_app.batch.runs import DirectSpeaker, run
from tts_app.batch.archive import read_manifest
from tts_app.batch.journal import read_history
from tts_app.batch.report import Exit
from tts_app.batch.wavfile import read_facts

ROOT = Path(__file__).parents[4]
BEFORE = ["第0句话", "第1句话"]
VICTIM = "第2句话"
AFTER = ["第3句话", "第4句话"]


def die_at(moment: str, out_dir: Path, calls: Path) -> list[str]:
    """Let a run die; return the texts it had spoken or begun to speak."""
    command = [sys.executable, "-m", "tests.unit.tts_app.batch.dying_run", str(out_dir), moment, str(calls)]
    ended = subprocess.run(command, cwd=ROOT, timeout=WAIT_S, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    return calls.read_text(encoding="utf-8").split()


@pytest.mark.parametrize(
    ("moment", "repeated"),
    [
        pytest.param("before start", True, id="before it is in hand"),
        pytest.param("after start", True, id="while it is spoken"),
        pytest.param("half a file", True, id="in the middle of the wav"),
        pytest.param("before made", True, id="after the wav, before the journal knows"),
        pytest.param("half made", True, id="in the middle of a journal line"),
        pytest.param("after made", False, id="before the wav has its name"),
        pytest.param("after the rename", False, id="before the journal says done"),
        pytest.param("half done", False, id="in the middle of the line that says done"),
        pytest.param("after done", False, id="after it is done"),
    ],
)
def test_a_kill_loses_at_most_the_item_in_hand(tmp_path, moment, repeated) -> None:
    out_dir = tmp_path / "out"
    die_at(moment, out_dir, tmp_path / "calls")
    for wav in out_dir.glob("*.wav"):
        read_facts(wav)  # raises for a cut one
    speaker = DirectSpeaker()
    report = run(tasks_file(5), out_dir, speaker, archive_dir=tmp_path / "archives")
    assert speaker.spoken == ([VICTIM] if repeated else []) + AFTER
    assert report.exit_status is Exit.ALL_OK
    assert {p.name for p in out_dir.iterdir() if p.name.startswith(".")} == set()
    assert sorted(p.name for p in out_dir.glob("*.wav")) == [f"t{n:03}.wav" for n in range(5)]


def test_a_kill_while_the_archive_is_written_costs_only_the_archive(tmp_path) -> None:
    out_dir = tmp_path / "out"
    calls = die_at("before the archive has its name", out_dir, tmp_path / "calls")
    assert calls == [*BEFORE, VICTIM, *AFTER]
    assert list((tmp_path / "archives").glob("*.zip")) == []
    speaker = DirectSpeaker()
    report = run(tasks_file(5), out_dir, speaker, archive_dir=tmp_path / "archives")
    assert speaker.spoken == []
    assert report.archive is not None
    assert read_manifest(report.archive)["ok"] == 5


def test_an_item_that_kills_the_run_twice_is_recorded_and_the_rest_runs(tmp_path) -> None:
    out_dir = tmp_path / "out"
    for _ in range(2):
        die_at("after start", out_dir, tmp_path / "calls")
    speaker = DirectSpeaker()
    report = run(tasks_file(5), out_dir, speaker)
    assert speaker.spoken == AFTER
    assert [row.status for row in report.rows] == ["ok", "ok", "failed", "ok", "ok"]
    assert report.exit_status is Exit.SOME_FAILED


def test_the_batch_keeps_its_id_over_a_kill(tmp_path) -> None:
    out_dir = tmp_path / "out"
    die_at("after done", out_dir, tmp_path / "calls")
    batch_id = read_history(out_dir / "journal.jsonl").batch_id
    assert run(tasks_file(5), out_dir).batch_id == batch_id
