"""Who may speak while the embedded model can't be loaded."""

from pathlib import Path

import pytest

from tts_app.settings import Settings
from tts_app.substitute import make_substitute

GLM = {"engine": "glm", "glm_python": Path("/x"), "glm_root": Path("/y")}


@pytest.mark.parametrize(
    ("installed", "settings", "name"),
    [
        pytest.param(True, {}, "espeak", id="the embedded voice has one"),
        pytest.param(
            True, {"voice": "zf_xiaoxiao"}, "espeak", id="its own voices are none of the other's business"
        ),
        pytest.param(False, {}, None, id="not installed"),
        pytest.param(True, {"substitute": False}, None, id="not wanted"),
        pytest.param(True, {"engine": "espeak"}, None, id="it is the engine itself"),
        pytest.param(True, GLM, None, id="nobody wants a robot for a cloned voice"),
        pytest.param(
            True, {"engine": "openai", "openai_url": "http://tts"}, None, id="another server's voice"
        ),
    ],
)
def test_only_the_embedded_engine_has_a_substitute(monkeypatch, installed, settings, name):
    monkeypatch.setattr("shutil.which", lambda program: f"/usr/bin/{program}" if installed else None)
    substitute = make_substitute(Settings(**settings))
    assert (substitute and substitute.name) == name
