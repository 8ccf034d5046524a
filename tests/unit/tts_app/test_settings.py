"""Settings: strict, loud, all problems at once."""

from pathlib import Path

import pytest

from tts_app.errors import ConfigError
from tts_app.settings import Settings, doubts, missing_files


def problems(env):
    with pytest.raises(ConfigError) as raised:
        Settings.from_env(env)
    return raised.value.problems


def test_nothing_needs_to_be_set():
    settings = Settings.from_env({})
    assert (settings.host, settings.port, settings.engine) == ("127.0.0.1", 7860, "kokoro")


def test_variables_win_over_the_file(tmp_path):
    config = tmp_path / "tts.yml"
    config.write_text("port: 7861\nqueue_limit: 3\nTASK_TIMEOUT_S: 20\n")
    settings = Settings.from_env({"TTS_CONFIG": str(config), "TTS_PORT": "7862"})
    assert (settings.port, settings.queue_limit, settings.task_timeout_s) == (7862, 3, 20.0)


def test_every_problem_is_told_at_once():
    found = problems({"TTS_PORT": "http", "TTS_QUEUE_LIMIT": "0", "TTS_PAGE": "maybe", "TTS_ENGIN": "glm"})
    assert [line.split(":")[0] for line in found] == ["TTS_ENGIN", "TTS_PAGE", "TTS_PORT", "TTS_QUEUE_LIMIT"]


@pytest.mark.parametrize(
    ("env", "says"),
    [
        pytest.param({"TTS_PORT": "0"}, "not between", id="port too small"),
        pytest.param({"TTS_PORT": "65536"}, "not between", id="port too large"),
        pytest.param({"TTS_PORT": "7860.5"}, "not a number", id="port no whole number"),
        pytest.param({"TTS_TASK_TIMEOUT_S": "nan"}, "not between", id="not a number at all"),
        pytest.param({"TTS_DRAIN_TIMEOUT_S": "-1"}, "not between", id="a negative wait"),
        pytest.param({"TTS_ENGINE": "festival"}, "none of", id="unknown engine"),
        pytest.param({"TTS_HOST": "example.com; id"}, "not an IP address", id="host no address"),
        pytest.param({"TTS_ENGINE": "glm"}, "needed by engine glm", id="glm without its paths"),
        pytest.param({"TTS_ENGINE": "openai"}, "needed by engine openai", id="openai without address"),
        pytest.param({"TTS_OPENAI_URL": "file:///etc/passwd"}, "must start with", id="address no URL"),
        pytest.param({"TTS_ENGIN": "x"}, "did you mean TTS_ENGINE", id="a slip of the pen"),
        pytest.param({"TTS_DATA_DIR": "a\0b"}, "NUL", id="NUL in a path"),
        pytest.param({"TTS_CONFIG": "/nowhere/tts.yml"}, "cannot read", id="file missing"),
    ],
)
def test_a_wrong_value_is_named(env, says):
    assert any(says in line for line in problems(env))


@pytest.mark.parametrize(
    "content", ["- a list", "port: [1]", "port: {a: 1}", "port: true", "nonsense: 1", "port: 'x\n  y"]
)
def test_a_wrong_file_is_refused(tmp_path, content):
    config = tmp_path / "tts.yml"
    config.write_text(content)
    assert problems({"TTS_CONFIG": str(config)})


def test_port_boundaries_are_allowed():
    assert Settings.from_env({"TTS_PORT": "1"}).port == 1
    assert Settings.from_env({"TTS_PORT": "65535"}).port == 65535


def test_an_empty_variable_means_the_default():
    settings = Settings.from_env({"TTS_ADMIN_TOKEN_FILE": "", "TTS_PORT": "", "TTS_VOICE": ""})
    assert (settings.admin_token_file, settings.port, settings.voice) == (None, 7860, None)


def test_batch_folders_are_a_list():
    settings = Settings.from_env({"TTS_BATCH_AUDIO_DIRS": "/srv/a:/srv/b"})
    assert settings.batch_audio_dirs == (Path("/srv/a"), Path("/srv/b"))


def test_a_servers_voices_are_words_by_commas():
    assert Settings.from_env({"TTS_OPENAI_VOICES": "default, 小明,"}).openai_voices == ("default", "小明")
    assert "holds no value" in problems({"TTS_OPENAI_VOICES": " , "})[0]


@pytest.mark.parametrize(
    ("env", "drain_s", "doubtful"),
    [
        pytest.param({}, 300.0, False, id="a stop waits as long as a text may take"),
        pytest.param({"TTS_TASK_TIMEOUT_S": "90"}, 90.0, False, id="also when that is another time"),
        pytest.param({"TTS_DRAIN_TIMEOUT_S": "300"}, 300.0, False, id="just long enough"),
        pytest.param({"TTS_DRAIN_TIMEOUT_S": "299"}, 299.0, True, id="a little too short"),
        pytest.param({"TTS_DRAIN_TIMEOUT_S": "0"}, 0.0, True, id="no wait at all"),
    ],
)
def test_a_stop_that_can_cut_off_a_text_is_allowed_and_named(env, drain_s, doubtful):
    settings = Settings.from_env(env)
    assert settings.drain_s == drain_s
    assert [doubt.split(":")[0] for doubt in doubts(settings)] == ["TTS_DRAIN_TIMEOUT_S"] * doubtful


def test_files_that_cannot_be_read_are_named(tmp_path):
    settings = Settings(admin_token_file=tmp_path / "token", batch_audio_dirs=(tmp_path / "audio",))
    names = [line.split(":")[0] for line in missing_files(settings)]
    assert names == ["TTS_ADMIN_TOKEN_FILE", "TTS_BATCH_AUDIO_DIRS"]


def test_absolute_changes_only_paths():
    settings = Settings(data_dir=Path("data"), batch_audio_dirs=(Path("audio"),), port=7861).absolute()
    assert settings.data_dir == Path.cwd() / "data"
    assert settings.batch_audio_dirs == (Path.cwd() / "audio",)
    assert settings.port == 7861
