"""The command up to the point where it speaks: what it checks, refuses and says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.unit.tts_app.batch import worker_engine
from tests.unit.tts_app.batch.helpers import line, tasks_file, wav
from tests.unit.tts_app.batch.place import Place
from tts_app.batch import cli
from tts_app.batch.report import Exit


def refuse(*_args: object, **_values: object) -> int:
    raise AssertionError("nothing may be spoken or logged here")


@pytest.fixture
def quiet(place, monkeypatch, tmp_path) -> Place:
    """The place, with a command that may check but never speak."""
    monkeypatch.setattr(cli, "_run", refuse)
    monkeypatch.setattr(cli.logs, "set_up_command", lambda folder: None)
    for name in ("TTS_DATA_DIR", "TTS_LOG_DIR"):
        monkeypatch.setenv(name, place.env[name])
    return place


def call(place: Place, *more: str) -> int:
    return cli.main(place.arguments(*more), make=worker_engine.make)


def test_a_check_speaks_and_writes_nothing(quiet, capsys) -> None:
    quiet.tasks.write_bytes(tasks_file(3))
    assert call(quiet, "--check") == Exit.ALL_OK
    assert "3 tasks" in capsys.readouterr().out
    assert [p.name for p in quiet.folder.iterdir()] == ["tasks.jsonl"]


def test_a_check_as_json_is_one_object(quiet, capsys) -> None:
    quiet.tasks.write_bytes(tasks_file(2) + b"nonsense\n")
    assert call(quiet, "--check", "--json") == Exit.REFUSED
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "refused"
    assert [(p["line"], p["column"], p["code"]) for p in found["problems"]] == [(3, 1, "not_json")]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"{}", "output_name", id="bad line"),
        pytest.param(b"", "no task", id="empty file"),
        pytest.param(tasks_file(2001), "split -l", id="too many tasks"),
    ],
)
def test_a_bad_file_is_refused_before_anything_is_spoken(quiet, capsys, data, words) -> None:
    quiet.tasks.write_bytes(data)
    assert call(quiet) == Exit.REFUSED
    assert words in capsys.readouterr().out
    assert not list(quiet.out.glob("*.wav"))


def test_a_missing_file_is_refused(quiet, capsys) -> None:
    assert call(quiet) == Exit.REFUSED
    assert "No such file" in capsys.readouterr().out


@pytest.mark.parametrize("owner", ["", " ", "x" * 65, "a\nb", "a\u202eb"])
def test_an_owner_that_can_not_be_shown_is_refused(quiet, capsys, owner) -> None:
    quiet.tasks.write_bytes(tasks_file(1))
    assert call(quiet, "--owner", owner) == Exit.REFUSED
    assert "--owner" in capsys.readouterr().out


def test_an_output_place_that_is_a_file_is_refused(quiet, capsys) -> None:
    quiet.tasks.write_bytes(tasks_file(1))
    quiet.out.write_text("I am a file")
    assert call(quiet) == Exit.REFUSED
    assert "Not a directory" in capsys.readouterr().out


def test_the_tasks_file_is_never_overwritten_by_a_run_beside_it(quiet, capsys) -> None:
    quiet.tasks.write_bytes(tasks_file(1) + b"# my notes\n")
    quiet.out = quiet.folder
    assert call(quiet, "--skip-bad") == Exit.REFUSED
    assert "tasks.jsonl in the output directory is not of a batch" in capsys.readouterr().out
    assert quiet.tasks.read_bytes() == tasks_file(1) + b"# my notes\n"


def test_a_check_leaves_the_services_log_alone(quiet, monkeypatch, caplog) -> None:
    monkeypatch.setenv("TTS_LOG_DIR", str(quiet.folder))
    monkeypatch.setattr(cli.logs, "set_up_command", refuse)
    quiet.tasks.write_bytes(b"nonsense\n")
    assert call(quiet, "--check") == Exit.REFUSED
    assert "JSONDecodeError" not in caplog.text
    assert [p.name for p in quiet.folder.iterdir()] == ["tasks.jsonl"]


def test_an_archive_place_that_is_a_file_is_refused_unless_none_is_wanted(quiet, capsys) -> None:
    quiet.tasks.write_bytes(tasks_file(1))
    quiet.zips.write_text("I am a file")
    assert call(quiet, "--check") == Exit.REFUSED
    assert "--no-archive" in capsys.readouterr().out
    assert call(quiet, "--check", "--no-archive") == Exit.ALL_OK


def test_good_lines_run_although_others_are_wrong_only_on_demand(quiet) -> None:
    quiet.tasks.write_bytes(tasks_file(2) + b"nonsense\n")
    assert call(quiet, "--check") == Exit.REFUSED
    assert call(quiet, "--check", "--skip-bad") == Exit.ALL_OK


@pytest.mark.parametrize(
    ("more", "status"),
    [
        pytest.param((), Exit.ALL_OK, id="none: the engine has one"),
        pytest.param(("--voice", "zf_test"), Exit.ALL_OK, id="known"),
        pytest.param(("--voice", "nobody"), Exit.REFUSED, id="unknown"),
    ],
)
def test_a_voice_for_lines_that_name_none_comes_from_the_command(quiet, more, status) -> None:
    quiet.tasks.write_text(line(voice=None))
    assert call(quiet, "--check", *more) == status


def test_recordings_elsewhere_need_an_allowed_directory(quiet, tmp_path_factory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "voice.wav").write_bytes(wav())
    quiet.tasks.write_text(line(prompt_audio=str(elsewhere / "voice.wav"), prompt_text="好"))
    assert call(quiet, "--check") == Exit.REFUSED
    assert call(quiet, "--check", "--audio-dir", str(elsewhere)) == Exit.ALL_OK


def test_faults_reach_the_log_under_the_words_operators_look_for(quiet, caplog) -> None:
    quiet.tasks.write_text(line(prompt_audio="gone.wav", prompt_text="好") + '\n{"output_name": ')
    assert call(quiet) == Exit.REFUSED
    assert "FileNotFoundError" in caplog.text
    assert "JSONDecodeError" in caplog.text
    assert "owner=alice" in caplog.text
    assert f"file={quiet.tasks} line=2" in caplog.text


def test_wrong_settings_are_an_exit_status_of_their_own(quiet, monkeypatch, capsys) -> None:
    monkeypatch.setenv("TTS_QUEUE_LIMIT", "many")
    assert call(quiet) == Exit.USAGE
    assert "TTS_QUEUE_LIMIT" in capsys.readouterr().err


def test_the_help_names_every_exit_status(capsys) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    said = capsys.readouterr().out
    assert all(f"\n  {status.value} " in said for status in Exit)


def test_the_page_on_batches_tells_every_exit_status() -> None:
    page = (Path(__file__).parents[4] / "docs" / "batch.md").read_text("utf-8")
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)] == sorted(Exit)
