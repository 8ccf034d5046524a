"""The role glmtts_conda, played for real with a stand-in for conda over a local channel (tests/sim/conda)."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.playbooks.provisioning import Played, play_role, write_wheel
from tests.sim.conda.installer import write_installer

VERSION = platform.python_version()
MINOR = ".".join(VERSION.split(".")[:2])


@pytest.fixture
def provide(tmp_path: Path, channel: Path) -> Callable[..., Played]:
    """Play the role; variables are the role's, without its name in front."""
    write_wheel(tmp_path / "wheelhouse", "speech_marker", "1.0")
    write_wheel(tmp_path / "wheelhouse", "speech_marker", "2.0")
    defaults = {
        "prefix": str(tmp_path / "conda"),
        "channels": [f"file://{channel}"],
        "python": MINOR,
        "pip_packages": "speech_marker==1.0",
        "wheelhouse": str(tmp_path / "wheelhouse"),
        "notify": ["Restart the speech services"],
    }

    def provide(*options: str, **variables: Any) -> Played:
        named = {f"glmtts_conda_{name}": value for name, value in (defaults | variables).items()}
        return play_role("glmtts_conda", tmp_path, *options, **named)

    return provide


@pytest.fixture
def older(prefix: Path) -> Path:
    """An environment that is in use since an earlier build."""
    build = prefix / "envs/torch29-0123456789ab"
    (build / "conda-meta").mkdir(parents=True)
    build.with_name(f"{build.name}.freeze.txt").write_text("torch==2.8.0\n")
    (prefix / "envs/torch29").symlink_to(build)
    return build


def imported(prefix: Path) -> str:
    """Return which version of the marker the environment in use holds."""
    program = "import speech_marker; print(speech_marker.VERSION)"
    ask = [prefix / "envs/torch29/bin/python", "-c", program]
    return subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.slow  # the lab's deployment shows it too
def test_conda_is_installed_an_environment_built_once_and_its_evidence_kept(tmp_path, provide, channel):
    checksum = write_installer(tmp_path / "installer.sh")
    installer = {"installer_file": str(tmp_path / "installer.sh"), "installer_sha256": checksum}
    first = provide(**installer)
    assert first.code == 0, first.said
    prefix = tmp_path / "conda"
    assert (prefix / "envs/torch29").is_symlink()
    assert imported(prefix) == "1.0"
    build = (prefix / "envs/torch29").resolve()
    archive = channel / f"noarch/python-{VERSION}-0.tar.bz2"
    md5 = hashlib.md5(archive.read_bytes()).hexdigest()
    explicit = build.with_name(f"{build.name}.explicit.txt").read_text()
    assert "@EXPLICIT\n" in explicit
    assert f"file://{archive}#{md5}\n" in explicit
    assert "speech_marker==1.0" in build.with_name(f"{build.name}.freeze.txt").read_text()
    assert (tmp_path / "restarted").exists()
    assert not list(tmp_path.glob("conda.installer*"))
    second = provide(**installer)
    assert (second.code, second.changed) == (0, 0), second.said


@pytest.mark.slow
def test_other_content_is_built_beside_and_switched_and_the_older_build_stays(prefix, older, provide):
    envs = prefix / "envs"
    (envs / "torch29-mine").mkdir()  # somebody else's environment
    done = provide()
    assert done.code == 0, done.said
    assert imported(prefix) == "1.0"
    build = (envs / "torch29").resolve()
    kept = {path.name.split(".")[0] for path in envs.iterdir()}
    assert kept == {"torch29", "torch29-mine", older.name, build.name}
    assert older.with_name(f"{older.name}.freeze.txt").exists()


@pytest.mark.parametrize(
    ("broken", "said", "named"),
    [
        pytest.param(
            {"python": "3.99"},
            "PackagesNotFoundError",
            "glmtts_conda_python",
            id="no such python",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"pip_packages": "speech_marker==9"},
            "No matching distribution",
            "glmtts_conda_wheelhouse",
            id="no such package",
        ),
    ],
)
def test_a_failed_build_leaves_the_environment_in_use_and_names_what_to_set(
    prefix, older, provide, broken, said, named
):
    failed = provide(**broken)
    assert failed.code != 0
    assert said in failed.said
    assert named in failed.said
    assert (prefix / "envs/torch29").resolve() == older
    assert [path for path in (prefix / "envs").iterdir() if path.is_dir() and path.resolve() != older] == []


@pytest.mark.slow  # the lab's deployment shows it too
def test_check_mode_on_a_fresh_host_passes_and_creates_nothing(tmp_path, provide):
    done = provide("--check", "--diff")
    assert done.code == 0, done.said
    assert not (tmp_path / "conda").exists()


def test_another_installer_is_never_run(tmp_path, provide):
    write_installer(tmp_path / "installer.sh")
    refused = provide(installer_file=str(tmp_path / "installer.sh"), installer_sha256="0" * 64)
    assert refused.code != 0
    assert "glmtts_conda_installer_sha256" in refused.said
    assert not list(tmp_path.glob("conda*"))


@pytest.mark.slow
def test_an_explicit_lock_builds_what_it_names_and_asks_no_channel(tmp_path, prefix, provide, channel):
    lock = tmp_path / "conda.lock"
    archives = sorted((channel / "noarch").glob("*.tar.bz2"))
    lines = [f"file://{path}#{hashlib.md5(path.read_bytes()).hexdigest()}\n" for path in archives]
    lock.write_text("# platform: linux-64\n@EXPLICIT\n" + "".join(lines))
    done = provide(lock=str(lock), channels=["file:///nowhere"])
    assert done.code == 0, done.said
    assert imported(prefix) == "1.0"
    build = (prefix / "envs/torch29").resolve()
    assert build.with_name(f"{build.name}.explicit.txt").read_text().endswith("".join(lines))


@pytest.mark.slow
def test_an_environment_of_that_name_that_somebody_built_is_left_alone(prefix, provide):
    (prefix / "envs/torch29/conda-meta").mkdir(parents=True)
    refused = provide()
    assert refused.code != 0
    assert "glmtts_conda_env_name" in refused.said
    assert not (prefix / "envs/torch29").is_symlink()
