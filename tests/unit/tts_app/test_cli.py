"""The command line's words and exit statuses."""

import subprocess
import sys

import pytest

from tests.unit.tts_app.fakes import FakeEngine
from tts_app import cli


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch, tmp_path):
    for name in [name for name in cli.os.environ if name.startswith("TTS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["serve", "--help"], ["say", "--help"], ["batch", "--help"]]
)
def test_help_is_everywhere(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 0
    assert "usage:" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["sing"], ["say"], ["say", "hello"], ["serve", "--colour", "red"]])
def test_wrong_usage_is_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_check_config_prints_what_holds(monkeypatch, capsys):
    monkeypatch.setenv("TTS_PORT", "7861")
    assert cli.main(["check-config"]) == 0
    assert "port: 7861" in capsys.readouterr().out


def test_check_config_names_what_may_not_be_meant_and_still_passes(monkeypatch, capsys):
    monkeypatch.setenv("TTS_DRAIN_TIMEOUT_S", "20")
    assert cli.main(["check-config"]) == 0
    assert "TTS_DRAIN_TIMEOUT_S: 20 s is less than TTS_TASK_TIMEOUT_S (300 s)" in capsys.readouterr().err


def test_check_config_tells_all_problems(monkeypatch, capsys):
    monkeypatch.setenv("TTS_PORT", "x")
    monkeypatch.setenv("TTS_ENGINE", "y")
    assert cli.main(["check-config"]) == 2
    told = capsys.readouterr().err
    assert "TTS_PORT" in told
    assert "TTS_ENGINE" in told


def test_check_config_misses_files(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("TTS_ADMIN_TOKEN_FILE", str(tmp_path / "none"))
    assert cli.main(["check-config"]) == 2
    assert "TTS_ADMIN_TOKEN_FILE" in capsys.readouterr().err


def test_serve_refuses_wrong_settings_before_it_starts_anything(capsys):
    assert cli.main(["serve", "--port", "70000"]) == 2
    assert "TTS_PORT" in capsys.readouterr().err


def test_say_writes_a_wav(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("tts_app.say.make_engine", lambda settings: FakeEngine())
    out = tmp_path / "deep" / "out.wav"
    assert cli.main(["say", "你好，世界", str(out)]) == 0
    assert out.read_bytes()[:4] == b"RIFF"
    assert "0.50 s" in capsys.readouterr().out
    assert [path.name for path in out.parent.iterdir()] == ["out.wav"]


@pytest.mark.parametrize(
    ("text", "options", "names"), [("。", [], "text"), ("hello", ["--voice", "nobody"], "voice")]
)
def test_say_refuses_what_cannot_be_spoken_and_writes_nothing(
    monkeypatch, tmp_path, capsys, text, options, names
):
    monkeypatch.setattr("tts_app.say.make_engine", lambda settings: FakeEngine())
    out = tmp_path / "out.wav"
    assert cli.main(["say", text, str(out), *options]) == 2
    assert names in capsys.readouterr().err
    assert not out.exists()


def test_the_command_line_starts_without_heavy_libraries():
    program = (
        "import sys, tts_app.cli; print([m for m in ('numpy', 'gradio', 'fastapi') if m in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        cwd=cli.Path(cli.__file__).parents[1],
    )
    assert ended.stdout.strip() == "[]"
