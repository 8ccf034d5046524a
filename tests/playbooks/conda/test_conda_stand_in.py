"""The stand-in for conda fails as conda does: its messages, its exit status, and nothing half done."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ENVIRONMENT = "channels: [{channel}, nodefaults]\ndependencies: ['{package}']\n"


def create(tmp_path: Path, conda: Path, channel: str, package: str) -> subprocess.CompletedProcess[str]:
    """Ask for an environment with one package from one channel."""
    definition = tmp_path / "environment.yml"
    definition.write_text(ENVIRONMENT.format(channel=channel, package=package))
    command = [conda, "env", "create", "--quiet", "--prefix", tmp_path / "env", "--file", definition]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize(
    ("channel_name", "package", "said"),
    [
        pytest.param(
            None, "tensorflow", "PackagesNotFoundError: The following packages", id="no such package"
        ),
        pytest.param(None, "pip=99", "  - pip=99", id="no such version"),
        pytest.param(
            "file:///nowhere/forge",
            "pip",
            "UnavailableInvalidChannel: HTTP 404 NOT FOUND for channel forge <file:///nowhere/forge>",
            id="no such folder",
        ),
        pytest.param(
            "http://127.0.0.1:1/forge",
            "pip",
            "CondaHTTPError: HTTP 000 CONNECTION FAILED for url <http://127.0.0.1:1/forge/linux-64",
            id="no such server",
        ),
    ],
)
def test_what_cannot_be_had_ends_with_condas_message_and_no_environment(
    tmp_path, conda, channel, channel_name, package, said
):
    done = create(tmp_path, conda, channel_name or f"file://{channel}", package)
    assert done.returncode == 1
    assert said in done.stderr
    assert not (tmp_path / "env").exists()


def test_an_environment_that_is_there_is_not_touched(tmp_path, conda, channel):
    (tmp_path / "env").mkdir()
    (tmp_path / "env/mine").touch()
    done = create(tmp_path, conda, f"file://{channel}", "python")
    assert done.returncode == 1
    assert f"CondaValueError: prefix already exists: {tmp_path}/env" in done.stderr
    assert [path.name for path in (tmp_path / "env").iterdir()] == ["mine"]


def test_a_locked_package_with_other_bytes_is_refused(tmp_path, conda, channel):
    archive = next((channel / "noarch").glob("python-*.tar.bz2"))
    lock = tmp_path / "conda.lock"
    lock.write_text(f"@EXPLICIT\nfile://{archive}#{'0' * 32}\n")
    command = [conda, "create", "--yes", "--quiet", "--prefix", tmp_path / "env", "--file", lock]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "ChecksumMismatchError" in done.stderr
    assert not (tmp_path / "env").exists()


def test_options_that_it_does_not_know_are_refused(conda):
    done = subprocess.run([conda, "env", "update"], check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2
