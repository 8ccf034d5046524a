from pathlib import Path

import pytest

from tts_app.engines import ENGINES, make_engine
from tts_app.errors import ConfigError
from tts_app.settings import ENGINES as SETTING_CHOICES
from tts_app.settings import Settings

COMPLETE = {
    "kokoro": {},
    "glm": {"glm_python": Path("/opt/glm/bin/python"), "glm_root": Path("/opt/GLM-TTS")},
    "openai": {"openai_url": "http://10.0.0.5:8091"},
    "espeak": {},
}


def test_every_engine_the_settings_offer_can_be_made():
    assert set(ENGINES) == set(SETTING_CHOICES) == set(COMPLETE)


@pytest.mark.parametrize("name", COMPLETE)
def test_an_engine_is_made_without_loading_anything(name, tmp_path):
    engine = make_engine(Settings(engine=name, data_dir=tmp_path / "data", **COMPLETE[name]))
    assert engine.name == engine.status().name == name
    assert engine.voices()
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", COMPLETE)
def test_only_engines_that_can_clone_say_so(name):
    status = make_engine(Settings(engine=name, **COMPLETE[name])).status()
    assert status.clones_voices is (name == "glm")


@pytest.mark.parametrize("name", ["glm", "openai"])
def test_missing_settings_are_named(name):
    with pytest.raises(ConfigError, match=f"TTS_{name.upper()}"):
        make_engine(Settings(engine=name))
