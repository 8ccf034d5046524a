"""The role glmtts_glm: the checkout at its commit, the weights by their checksums, and which engine can run."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import pytest

from tests.playbooks.provisioning import ROOT, Played, play_role

REQUIRED = ["llm/config.json", "flow/flow.pt"]
SAID = "its instances run the default engine kokoro"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A folder of weights on the controller, and beside it their manifest."""
    folder = tmp_path / "weights"
    lines = []
    for name in REQUIRED:
        path = folder / name
        path.parent.mkdir(parents=True)
        path.write_bytes(name.encode())
        lines.append(f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n")
    (tmp_path / "weights.sha256").write_text("".join(lines))
    return folder


@pytest.fixture
def provide(tmp_path: Path) -> Callable[..., Played]:
    """Play the role with an environment that is whole already; variables are the role's, without its name."""
    (tmp_path / "wheelhouse").mkdir()
    (tmp_path / "list.txt").write_text("")
    (tmp_path / "envs").mkdir()
    defaults = {
        "env_kind": "venv",
        "env_root": str(tmp_path / "envs"),
        "torch_packages": [],
        "requirements": [str(tmp_path / "list.txt")],
        "root": str(tmp_path / "GLM-TTS"),
        "weights_required": REQUIRED,
        "weights_free_mb": 0,
    }
    name = hashlib.sha256(b"").hexdigest()[:16]
    (tmp_path / "envs" / name).mkdir()
    (tmp_path / "envs" / name / "COMPLETE").touch()

    def provide(*options: str, **variables: Any) -> Played:
        named = {f"glmtts_glm_{name}": value for name, value in (defaults | variables).items()}
        instances = [{"port": 7860, "engine": "glm"}]
        return play_role("glmtts_glm", tmp_path, *options, **named, glmtts_instances=instances)

    return provide


@pytest.mark.slow  # two whole plays
def test_weights_are_copied_verified_and_left_alone_then(tmp_path, weights, provide):
    source = {"weights_source": str(weights), "weights_manifest": str(tmp_path / "weights.sha256")}
    first = provide(**source)
    assert first.code == 0, first.said
    assert SAID not in first.said
    assert (tmp_path / "GLM-TTS/ckpt/flow/flow.pt").read_bytes() == b"flow/flow.pt"
    second = provide(**source)
    assert (second.code, second.changed) == (0, 0), second.said


def test_without_weights_the_host_runs_the_default_engine_and_says_so(tmp_path, provide):
    done = provide()
    assert done.code == 0, done.said
    assert SAID in done.said
    assert "flow/flow.pt" in done.said
    assert "glmtts_glm_weights_source" in done.said


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        pytest.param("content", "flow/flow.pt: FAILED", id="another content"),
        pytest.param(
            "outside", "glmtts_glm_weights_manifest", id="a name that leads outside", marks=pytest.mark.slow
        ),
        pytest.param(
            "unlisted", "glmtts_glm_weights_manifest", id="a source without checksums", marks=pytest.mark.slow
        ),
        pytest.param("full", "glmtts_glm_weights_free_mb", id="too little space", marks=pytest.mark.slow),
    ],
)
def test_weights_that_cannot_be_trusted_or_held_are_refused(tmp_path, weights, provide, wrong, named):
    manifest = tmp_path / "weights.sha256"
    variables: dict[str, Any] = {"weights_source": str(weights), "weights_manifest": str(manifest)}
    if wrong == "content":
        (weights / "flow/flow.pt").write_bytes(b"something else")
    elif wrong == "outside":
        manifest.write_text(manifest.read_text().replace("flow/flow.pt", "../flow.pt"))
    elif wrong == "unlisted":
        variables["weights_manifest"] = ""
    else:
        variables["weights_free_mb"] = 10**12
    refused = provide(**variables)
    assert refused.code != 0
    assert named in refused.said
    assert not (tmp_path / "GLM-TTS/ckpt/MANIFEST.sha256").exists()


@pytest.mark.slow
def test_the_checkout_is_the_commit_and_keeps_what_somebody_changed(tmp_path, provide):
    upstream = tmp_path / "upstream"
    git = ["git", "-C", str(upstream), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "init", "--quiet", str(upstream)], check=True)
    commits = []
    for text in ("one", "two"):
        (upstream / "glmtts_inference.py").write_text(text)
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "--quiet", "-m", text], check=True)
        commits.append(subprocess.check_output([*git, "rev-parse", "HEAD"], text=True).strip())
    source = {"repository": f"file://{upstream}", "commit": commits[0]}
    first = provide(**source)
    assert first.code == 0, first.said
    code = tmp_path / "GLM-TTS/glmtts_inference.py"
    assert code.read_text() == "one"
    code.write_text("mine")
    refused = provide(repository=f"file://{upstream}", commit=commits[1])
    assert refused.code != 0
    assert code.read_text() == "mine"


@pytest.mark.slow  # the lab deploys in check mode too
def test_check_mode_on_a_fresh_host_passes_and_creates_nothing(tmp_path, weights, provide):
    done = provide("--check", weights_source=str(weights), weights_manifest=str(tmp_path / "weights.sha256"))
    assert done.code == 0, done.said
    assert SAID not in done.said
    assert not (tmp_path / "GLM-TTS").exists()


@pytest.mark.parametrize(
    ("engine", "usable", "runs"),
    [
        pytest.param("glm", True, "glm", id="with weights"),
        pytest.param("glm", False, "kokoro", id="without weights"),
        pytest.param("espeak", False, "espeak", id="another engine"),
    ],
)
def test_an_instance_runs_the_engine_it_can(engine, usable, runs):
    template = ROOT / "playbooks/roles/glmtts_service/templates/instance.env.j2"
    templates = jinja2.Environment(trim_blocks=True, autoescape=False)
    templates.filters["combine"] = lambda one, other: one | other
    text = templates.from_string(template.read_text()).render(
        item={"port": 7860, "engine": engine},
        glmtts_service_glm_usable=usable,
        glmtts_service_glm_python="/env/bin/python",
        glmtts_service_settings={},
    )
    settings = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    assert settings["TTS_ENGINE"] == runs
    assert settings.get("TTS_ENGINE_WANTED") == (None if runs == engine else engine)
    assert settings.get("TTS_GLM_PYTHON") == ("/env/bin/python" if runs == "glm" else None)
    assert "" not in text.splitlines()
