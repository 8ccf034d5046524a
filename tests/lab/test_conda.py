"""The worker's conda environment on a real host: built once, and a build that fails leaves the old one speaking."""

from __future__ import annotations

import pytest

from tests.lab.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.slow]
LINK = "/opt/miniconda3/envs/torch29"
RELEASE = "/opt/glmtts/current/glm-env"
DEPLOY = ("deploy.yml", "--limit", "gpu02", "--tags", "glm,prove")


def test_the_worker_runs_in_the_environment_and_what_was_installed_is_written_beside_it(lab: Lab) -> None:
    host = lab.host("gpu02")
    build = host.run(["readlink", LINK]).stdout.strip()
    assert build.startswith(f"{LINK}-")
    assert "torch==" in host.run(["cat", f"{build}.freeze.txt"]).stdout
    assert "@EXPLICIT" in host.run(["cat", f"{build}.explicit.txt"]).stdout
    workers = host.run(["pgrep", "--full", "--list-full", "tts_app.glm_worker"]).stdout
    assert f"{RELEASE}/bin/python -m tts_app.glm_worker" in workers
    assert host.run(["readlink", RELEASE]).stdout.strip() == build


def test_a_build_that_fails_leaves_the_old_environment_speaking(lab: Lab) -> None:
    host = lab.host("gpu02")
    lab.note("used")
    before = host.run(["readlink", LINK]).stdout
    failed = lab.playbook(*DEPLOY, "-e", "glmtts_glm_torch_version=99.0")
    assert failed.returncode != 0
    assert "glmtts_conda_wheelhouse" in failed.stdout
    assert host.run(["readlink", LINK]).stdout == before
    host.run(["/usr/local/sbin/glmtts-remedy", "speak", "7860"], timeout_s=180)


def test_another_environment_is_a_release_that_is_taken_back_with_it(lab: Lab) -> None:
    host = lab.host("gpu02")
    lab.note("used")

    def running() -> list[str]:
        return host.run(["readlink", "/opt/glmtts/current", RELEASE, LINK]).stdout.split()

    before = running()
    exact = host.run([f"{LINK}/bin/python", "-c", "import platform; print(platform.python_version())"]).stdout
    done = lab.playbook(*DEPLOY, "-e", f"glmtts_conda_python={exact.strip()}")
    assert done.returncode == 0, done.stdout[-4000:]
    after = running()
    assert all(new != old for new, old in zip(after, before, strict=True))
    assert after[1] == after[2]
    back = lab.playbook("playbooks/rollback.yml", "--limit", "gpu02")
    assert back.returncode == 0, back.stdout[-4000:]
    assert running() == before
    workers = host.run(["pgrep", "--full", "--list-full", "tts_app.glm_worker"]).stdout
    assert f"{RELEASE}/bin/python -m tts_app.glm_worker" in workers
