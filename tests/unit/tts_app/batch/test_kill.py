"""kill -9 at any moment loses at most the item in hand; the next start repeats nothing finished."""

from __future__ import annotations

import shutil
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
VICTIM = "第2句话"
AFTER = ["第3句话", "第4句话"]


TWICE = "after start"
ARCHIVE = "before the archive has its name"
MOMENTS = {
    # moment: is the item in hand spoken again?
    "before start": True,
    "before made": True,
    "half made": True,
    "half a file": True,
    "after made": False,
    "after the rename": False,
    "half done": False,
    "after done": False,
}


@pytest.fixture(scope="module")
def deaths(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for every moment, each left by a run that was killed there; `after start` was killed twice."""
    root = tmp_path_factory.mktemp("deaths")
    once, twice = root / "once", root / "twice"
    for folder, moments in ((once, [*MOMENTS, TWICE, ARCHIVE]), (twice, [TWICE, TWICE])):
        folder.mkdir()
        command = [sys.executable, "-m", "tests.unit.tts_app.batch.dying_run", str(folder), *moments]
        ended = subprocess.run(command, cwd=ROOT, timeout=WAIT_S, capture_output=True, check=False)
        assert ended.returncode == 0, ended.stderr.decode()
    return root


@pytest.fixture
def left(deaths: Path, tmp_path: Path) -> Path:
    """A copy of the folders, for one test to go on in."""
    shutil.copytree(deaths, tmp_path / "deaths")
    return tmp_path / "deaths"


def test_a_kill_while_an_item_is_spoken_loses_that_item_only(left) -> None:
    assert resume(left / "once" / TWICE) == [VICTIM, *AFTER]


@pytest.mark.parametrize(("moment", "repeated"), MOMENTS.items())
def test_a_kill_loses_at_most_the_item_in_hand(left, moment, repeated) -> None:
    assert resume(left / "once" / moment) == ([VICTIM] if repeated else []) + AFTER


def resume(folder: Path) -> list[str]:
    """Run the batch again to its end; return what it spoke this time."""
    out_dir = folder / "out"
    for wav in out_dir.glob("*.wav"):
        read_facts(wav)  # raises for a cut one
    speaker = DirectSpeaker()
    batch_id = read_history(out_dir / "journal.jsonl").batch_id
    report = run(tasks_file(5), out_dir, speaker, archive_dir=folder / "archives")
    assert report.exit_status is Exit.ALL_OK
    assert report.batch_id == batch_id
    assert {p.name for p in out_dir.iterdir() if p.name.startswith(".")} == set()
    assert sorted(p.name for p in out_dir.glob("*.wav")) == [f"t{n:03}.wav" for n in range(5)]
    assert read_manifest(report.archive)["ok"] == 5
    return speaker.spoken


def test_an_item_that_kills_the_run_less_often_is_spoken(left) -> None:
    assert resume(left / "twice" / TWICE) == [VICTIM, *AFTER]


def test_a_kill_while_the_archive_is_written_costs_only_the_archive(left) -> None:
    folder = left / "once" / ARCHIVE
    assert list((folder / "archives").glob("*.zip")) == []
    assert resume(folder) == []


def test_an_item_that_kills_the_run_too_often_is_recorded_and_the_rest_runs(left) -> None:
    speaker = DirectSpeaker()
    report = run(tasks_file(5), left / "twice" / TWICE / "out", speaker, deaths_allowed=2)
    assert speaker.spoken == AFTER
    assert [row.status for row in report.rows] == ["ok", "ok", "failed", "ok", "ok"]
    assert report.exit_status is Exit.SOME_FAILED
