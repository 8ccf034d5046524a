"""The command as people run it: real processes, real signals, a fake engine in a real worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.tts_app.batch import worker_engine
from tests.unit.tts_app.batch.helpers import WAIT_S, line, tasks_file, wav
from tts_app.batch import cli
from tts_app.batch.archive import read_manifest
from tts_app.batch.report import Exit

ROOT = Path(__file__).parents[4]


class Place:
    """A working directory with a tasks file."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.tasks, self.out = folder, folder / "tasks.jsonl", folder / "out"
        self.zips, self.calls = folder / "zips", folder / "calls"
        self.env = os.environ | {
            "TTS_DATA_DIR": str(folder / "data"),
            "TTS_LOG_DIR": str(folder / "no-logs"),
            "TTS_TASK_TIMEOUT_S": str(WAIT_S),
            "TTS_LOAD_TIMEOUT_S": str(WAIT_S),
            "FAKE_CALLS": str(self.calls),
        }

    def write(self, *texts: str) -> None:
        tasks = [line(output_name=f"t{n}", input_text=text) for n, text in enumerate(texts)]
        self.tasks.write_text("\n".join(tasks), encoding="utf-8")

    def arguments(self, *more: str) -> list[str]:
        return [str(self.tasks), str(self.out), "--archive-dir", str(self.zips), "--owner", "alice", *more]

    def start(self, *more: str, **env: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.unit.tts_app.batch.command", *self.arguments(*more)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(command, cwd=ROOT, env=self.env | env, **pipes)

    def run(self, *more: str, **env: str) -> tuple[int, str]:
        process = self.start(*more, **env)
        output, _ = process.communicate(timeout=WAIT_S)
        return process.returncode, output.decode()

    def asked(self) -> list[str]:
        """Texts the worker was asked for, in order."""
        if not self.calls.exists():
            return []
        return [entry.split(" ", 1)[1] for entry in self.calls.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait for something another process does; the bound is only for a broken program."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"never saw {what}"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in "ZX"


def test_trouble_with_three_items_of_five_leaves_two_and_says_so(place) -> None:
    place.write("one", "crash", "two", "bug", "memory")
    status, output = place.run()
    assert status == Exit.SOME_FAILED, output
    assert sorted(p.name for p in place.out.glob("*.wav")) == ["t0.wav", "t2.wav"]
    report = json.loads((place.out / "report.json").read_bytes())
    assert [item["status"] for item in report["items"]] == ["ok", "failed", "ok", "failed", "failed"]
    assert "FAILED line 2 t1" in output
    assert "部分失败" in output
    log = (place.out / "error.log").read_text(encoding="utf-8")
    assert "Fatal Python error: Segmentation fault" in log
    assert "CUDA out of memory" in log
    assert "owner=alice line=2" in log
    archive = next(place.zips.glob("*.zip"))
    assert read_manifest(archive)["ok"] == 2


def test_killing_the_batch_takes_its_worker_along_and_the_next_start_goes_on(place) -> None:
    place.write("one", "hang", "two")
    process = place.start()
    wait_for(lambda: "hang" in place.asked(), "the second item in hand")
    worker = int(place.calls.read_text(encoding="utf-8").split()[0])
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=WAIT_S)
    wait_for(lambda: gone(worker), "the worker's end")
    assert [p.name for p in place.out.glob("*.wav")] == ["t0.wav"]
    status, output = place.run(FAKE_WELL="1")
    assert status == Exit.ALL_OK, output
    assert place.asked() == ["one", "hang", "hang", "two"]


def test_a_signal_stops_after_the_item_in_hand_and_the_next_start_goes_on(place) -> None:
    place.write("one", "gate", "two")
    gate = place.folder / "gate"
    process = place.start(FAKE_GATE=str(gate))
    wait_for(lambda: "gate" in place.asked(), "the second item in hand")
    process.send_signal(signal.SIGTERM)
    gate.touch()
    output, _ = process.communicate(timeout=WAIT_S)
    assert process.returncode == Exit.STOPPED, output.decode()
    assert sorted(p.name for p in place.out.glob("*.wav")) == ["t0.wav", "t1.wav"]
    assert "resume" in output.decode()
    status, output_text = place.run(FAKE_GATE=str(gate))
    assert status == Exit.ALL_OK, output_text
    assert place.asked() == ["one", "gate", "two"]


def test_an_engine_that_can_not_load_leaves_everything_for_later(place) -> None:
    place.write("one", "two")
    status, output = place.run(FAKE_LOAD="fails")
    assert status == Exit.STOPPED
    assert "no model file" in output
    assert place.run()[0] == Exit.ALL_OK


# From here on in this process: nothing is spoken.


def refuse_to_speak(*_args: object, **_values: object) -> int:
    raise AssertionError("nothing may be spoken here")


@pytest.fixture
def quiet(place, monkeypatch, tmp_path) -> Place:
    """The place, with a command that may check but never speak."""
    monkeypatch.setattr(cli, "_run", refuse_to_speak)
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
        pytest.param((), Exit.REFUSED, id="none"),
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


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="0 bytes"),
        pytest.param(b"not a sound file at all", id="text"),
        pytest.param(wav()[:30], id="cut in the header"),
        pytest.param(wav(0.2), id="too short"),
        pytest.param(wav(40.0), id="too long"),
        pytest.param(wav(level=0.0), id="silent"),
        pytest.param(b"RIFF\xff\xff\xff\xffWAVEfmt " + b"\xff" * 100, id="a header that lies"),
    ],
)
def test_a_bad_recording_is_told_with_line_and_field(quiet, capsys, content) -> None:
    (quiet.folder / "voice.wav").write_bytes(content)
    quiet.tasks.write_text(line(prompt_audio="voice.wav", prompt_text="好"))
    assert call(quiet, "--check", "--json") == Exit.REFUSED
    found = json.loads(capsys.readouterr().out)
    errors = [p for p in found["problems"] if p["level"] == "error"]
    assert [(p["line"], p["field"], p["fault"]) for p in errors] == [(1, "prompt_audio", "poor_reference")]
    assert errors[0]["fix"]["zh"]


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
