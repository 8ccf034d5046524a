"""A channel and a conda, both stand-ins (tests/sim/conda), in folders of the tests."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.playbooks.provisioning import ROOT
from tests.sim.conda.prefix import make_prefix


@pytest.fixture(scope="session")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a channel with this interpreter as `python`, and pip."""
    folder = tmp_path_factory.mktemp("channel") / "forge"
    base = Path(sys._base_executable).resolve()
    make = [sys.executable, "-m", "tests.sim.conda.channel", folder, base, platform.python_version()]
    subprocess.run(make, check=True, timeout=300, cwd=ROOT)
    return folder


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """Return the folder of a conda that was there before."""
    make_prefix(tmp_path / "conda", Path(sys.executable), carry=False)
    return tmp_path / "conda"


@pytest.fixture
def conda(prefix: Path) -> Path:
    """Return that conda's program."""
    return prefix / "bin/conda"
