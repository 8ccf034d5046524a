"""Releases and what they are bound to: upgrades of code or of GLM-TTS's environment, the way back, deletion."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.playbooks.conftest import Stage
from tests.playbooks.provisioning import Played, play_role

pytestmark = pytest.mark.slow
UNIT = Path("/etc/systemd/system/glm-tts@.service")
HELPER = """#!/bin/sh
echo "$@" >>{log}
case "$1 $2" in
  "maintenance show") echo '{{"maintenance_until": null}}' ;;
  drain*) exit 1 ;;
esac
"""
SYSTEMCTL = """#!/bin/sh
echo "systemctl $@" >>{log}
case "$1" in
  restart) rm {log}.fails 2>/dev/null && exit 1; date +%s >{log}.since ;;
esac
echo LoadState=loaded
echo ActiveState=active
echo MainPID=4242
echo "ExecMainStartTimestamp=@$(cat {log}.since 2>/dev/null || echo 1)"
"""


class Host:
    """Folders of one host: releases, environments, conda's link."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root, self.envs = folder, folder / "opt", folder / "conda/envs"
        for path in (self.root / "releases", self.root / "envs/aaaaaaaaaaaaaaaa", self.envs, folder / "app"):
            path.mkdir(parents=True)
        (folder / "app/code.py").write_text("one")

    def build(self, letter: str) -> Path:
        """Make an environment of conda with the evidence beside it, and let its name lead there."""
        build = self.envs / f"torch29-{letter * 12}"
        build.mkdir()
        build.with_name(f"{build.name}.freeze.txt").touch()
        link = self.envs / "torch29"
        link.unlink(missing_ok=True)
        link.symlink_to(build)
        return build

    def deploy(self, entry: str, build: Path | str = "") -> Played:
        """Play a part of the role glmtts_app with this environment of the worker."""
        return play_role(
            "glmtts_app",
            self.folder,
            entries=(entry,),
            glmtts_app_root=str(self.root),
            glmtts_app_source=str(self.folder / "app"),
            glmtts_env_path="",  # of another role
            glmtts_app_env_path=str(self.root / "envs/aaaaaaaaaaaaaaaa"),
            glmtts_app_glm_env_path=str(build),
        )

    def runs(self) -> tuple[str, Path | None]:
        """Return the code that is current and the environment of its worker."""
        current = self.root / "current"
        bound = current / "glm-env"
        return (current / "app/code.py").read_text(), bound.readlink() if bound.is_symlink() else None


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture
def rollback(stage: Stage, host: Host, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Play rollback.yml with stand-ins for helper and systemctl."""
    programs = host.folder / "bin"
    programs.mkdir()
    for name, text in {"helper": HELPER, "systemctl": SYSTEMCTL}.items():
        (programs / name).write_text(text.format(log=host.folder / "calls"))
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{Path(sys.executable).parent}:/usr/bin:/bin")

    def play(engine: str = "glm") -> Any:
        return stage.play(
            "rollback",
            rollout_helper=str(programs / "helper"),
            glmtts_app_root=str(host.root),
            glmtts_instances=[{"port": 7860, "engine": engine}],
        )

    return play


def test_the_way_back_takes_code_environment_and_condas_name_back_and_a_second_time_changes_nothing(
    host: Host, rollback: Callable[..., Any]
) -> None:
    first = host.build("a")
    done = host.deploy("main", first)
    assert done.code == 0, done.said
    second = host.build("b")
    (host.folder / "app/code.py").write_text("two")
    done = host.deploy("main", second)
    assert done.code == 0, done.said
    assert host.runs() == ("two", second)

    back = rollback()
    assert back.status == "successful", back.output
    assert host.runs() == ("one", first)
    assert (host.envs / "torch29").readlink() == first
    again = rollback()
    assert (again.status, again.changed) == ("successful", 0), again.output
    assert host.runs() == ("one", first)
    restarts = [call for call in back.calls if call.startswith("systemctl restart")]
    assert restarts == ["systemctl restart glm-tts@7860.service"]
    assert [call for call in again.calls if call.startswith("systemctl restart")] == restarts, (
        "restarted again"
    )


def _restarts(folder: Path) -> int:
    return (folder / "calls").read_text().count("systemctl restart glm-tts@7860.service")


def test_a_way_back_whose_restart_failed_is_finished_by_the_next_run(
    host: Host, rollback: Callable[..., Any]
) -> None:
    assert host.deploy("main").code == 0
    (host.folder / "app/code.py").write_text("two")
    assert host.deploy("main").code == 0
    (host.folder / "calls.fails").touch()
    assert rollback("kokoro").status == "failed"
    assert host.runs()[0] == "one", "the link leads back already"
    assert _restarts(host.folder) == 1
    again = rollback("kokoro")
    assert again.status == "successful", again.output
    assert _restarts(host.folder) == 2, "the process of the other release went on"
    assert rollback("kokoro").changed == 0
    assert _restarts(host.folder) == 2


def test_a_lease_is_given_back_when_the_window_could_not_be_opened(
    host: Host, rollback: Callable[..., Any]
) -> None:
    helper = host.folder / "bin/helper"
    full = '  "maintenance begin") echo "No space left on device" >&2; exit 5 ;;'
    helper.write_text(helper.read_text().replace("  drain*)", f"{full}\n  drain*)"))
    assert rollback("kokoro").status == "failed"
    calls = (host.folder / "calls").read_text().splitlines()
    assert [call.split()[:2] for call in calls] == [
        ["lease", "take"],
        ["maintenance", "show"],
        ["maintenance", "begin"],
        ["lease", "release"],
    ]


def test_an_environment_alone_makes_a_release_of_the_same_code_that_can_be_taken_back(
    host: Host, rollback: Callable[..., Any]
) -> None:
    first = host.build("a")
    done = host.deploy("main", first)
    assert done.code == 0, done.said
    (host.folder / "app/code.py").write_text("two, which nobody asked for")
    second = host.build("b")
    done = host.deploy("rebind", second)
    assert done.code == 0, done.said
    assert host.runs() == ("one", second)
    again = host.deploy("rebind", second)
    assert (again.code, again.changed) == (0, 0), again.said
    assert rollback().status == "successful"
    assert host.runs() == ("one", first)


def test_a_release_without_an_environment_is_no_way_back_for_a_host_that_needs_one(
    host: Host, rollback: Callable[..., Any]
) -> None:
    done = host.deploy("main")
    assert done.code == 0, done.said
    build = host.build("a")
    done = host.deploy("main", build)
    assert done.code == 0, done.said
    refused = rollback()
    assert refused.status == "failed"
    assert "no environment of GLM-TTS" in refused.output
    assert host.runs() == ("one", build)


def test_a_host_without_a_release_is_left_alone(host: Host) -> None:
    done = host.deploy("rebind", host.build("a"))
    assert (done.code, done.changed) == (0, 0), done.said


def test_environments_that_no_release_runs_in_are_deleted_and_nobody_elses(host: Host) -> None:
    builds = [host.build(letter) for letter in "abc"]
    for build, text in zip(builds, ["one", "two", "three"], strict=True):
        (host.folder / "app/code.py").write_text(text)
        done = host.deploy("main", build)
    assert done.code == 0, done.said
    newest = host.build("d")
    (host.envs / "torch29-mine").mkdir()
    done = play_role(
        "glmtts_glm",
        host.folder,
        entries=("prune",),
        glmtts_glm_env_build=str(newest),
        glmtts_glm_env_kind="conda",
        glmtts_glm_releases=str(host.root / "releases"),
        glmtts_conda_prefix=str(host.folder / "conda"),
        glmtts_conda_env_name="torch29",
        glmtts_instances=[{"port": 7860, "engine": "glm"}],
    )
    assert done.code == 0, done.said
    kept = {path.name.split(".")[0] for path in host.envs.iterdir()}
    assert kept == {"torch29", "torch29-mine", *(build.name for build in (*builds[1:], newest))}


APART = """
mount -t tmpfs none /etc/systemd/system && touch -d @50 "$1" && shift && exec "$@"
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace needs root")
@pytest.mark.parametrize(
    ("newer", "pid", "restarted"),
    [
        pytest.param("", 4242, False, id="nothing changed since its start"),
        pytest.param("current", 4242, True, id="another release"),
        pytest.param("7860.env", 4242, True, id="other settings"),
        pytest.param("admin-token", 4242, True, id="another secret"),
        pytest.param("", 0, True, id="it does not run"),
    ],
)
def test_an_instance_is_restarted_when_it_is_older_than_what_it_starts_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, newer: str, pid: int, restarted: bool
) -> None:
    for name in ("current", "7860.env", "admin-token"):
        (tmp_path / name).symlink_to("release")
        at = 101 if name == newer else 100
        os.utime(tmp_path / name, (at, at), follow_symlinks=False)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/systemctl").write_text(
        SYSTEMCTL.format(log=tmp_path / "calls").replace("4242", str(pid))
    )
    (tmp_path / "bin/systemctl").chmod(0o755)
    (tmp_path / "calls.since").write_text("100")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    done = play_role(
        "glmtts_service",
        tmp_path,
        entries=("restart",),
        within=["unshare", "--mount", "--propagation", "private", "sh", "-c", APART, "sh", UNIT],
        glmtts_instances=[{"port": 7860}],
        glmtts_service_root=str(tmp_path),
        glmtts_service_config_dir=str(tmp_path),
    )
    assert done.code == 0, done.said
    assert _restarts(tmp_path) == restarted, done.said


@pytest.mark.skipif(UNIT.exists(), reason=f"{UNIT} exists here")
def test_a_host_that_has_no_service_yet_has_nothing_to_restart(tmp_path: Path) -> None:
    instances = [{"port": 7860, "engine": "glm"}]
    done = play_role(
        "glmtts_service",
        tmp_path,
        entries=("restart",),
        glmtts_instances=instances,
        __glmtts_service_restart=True,  # as the handler of a deployment of GLM-TTS alone leaves it
    )
    assert (done.code, done.changed) == (0, 0), done.said
