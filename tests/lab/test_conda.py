"""The worker's conda environment on a real host: built once, and a build that fails leaves the old one speaking."""

from __future__ import annotations

import pytest

from tests.lab.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.slow]
LINK = "/opt/miniconda3/envs/torch29"
DEPLOY = ("deploy.yml", "--limit", "gpu02", "--tags", "glm,prove")


def test_the_worker_runs_in_the_environment_and_what_was_installed_is_written_beside_it(lab: Lab) -> None:
    host = lab.host("gpu02")
    build = host.run(["readlink", LINK]).stdout.strip()
    assert build.startswith(f"{LINK}-")
    assert "torch==" in host.run(["cat", f"{build}.freeze.txt"]).stdout
    assert "@EXPLICIT" in host.run(["cat", f"{build}.explicit.txt"]).stdout
    workers = host.run(["pgrep", "--full", "--list-full", "tts_app.glm_worker"]).stdout
    assert f"{LINK}/bin/python -m tts_app.glm_worker" in workers


def test_a_build_that_fails_leaves_the_old_environment_speaking(lab: Lab) -> None:
    host = lab.host("gpu02")
    lab.note("used")
    before = host.run(["readlink", LINK]).stdout
    failed = lab.playbook(*DEPLOY, "-e", "glmtts_glm_torch_version=99.0")
    assert failed.returncode != 0
    assert "glmtts_conda_wheelhouse" in failed.stdout
    assert host.run(["readlink", LINK]).stdout == before
    host.run(["/usr/local/sbin/glmtts-remedy", "speak", "7860"], timeout_s=180)
