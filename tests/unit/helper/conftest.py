"""The helper is a program of its own for the hosts' Python; here its modules are imported from the role."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

FILES = Path(__file__).parents[3] / "playbooks/roles/remedy_helper/files"
sys.path.insert(0, str(FILES))

from glmtts_remedy import commands  # noqa: E402 - found through the line above
from glmtts_remedy.config import Config, Instance  # noqa: E402


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return the settings of a host whose every path lies in the test's own folder."""
    for name in ("data/7860", "log/7860", "run", "state"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "token").write_text("the-admin-token\n")
    return Config(
        host="gpu01",
        instances={"7860": Instance(7860, "kokoro", ("GPU-1",))},
        data_dir=str(tmp_path / "data"),
        log_dir=str(tmp_path / "log"),
        run_dir=str(tmp_path / "run"),
        state_dir=str(tmp_path / "state"),
        admin_token_file=str(tmp_path / "token"),
        kernel_log=str(tmp_path / "kern.log"),
        nvidia_smi="nvidia-smi",
    )


@pytest.fixture
def config_file(tmp_path: Path, config: Config) -> Path:
    """Write the settings as the role does."""
    path = tmp_path / "remedy.json"
    values = {name: value for name, value in vars(replace(config)).items() if name != "instances"}
    instances = {"7860": {"engine": "kokoro", "gpu_uuids": ["GPU-1"]}}
    path.write_text(json.dumps({**values, "instances": instances}))
    return path


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Put a shell script of the given name first on the helper's PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    path = f"{folder}:{commands.ENVIRONMENT['PATH']}"
    monkeypatch.setitem(commands.ENVIRONMENT, "PATH", path)
    monkeypatch.setenv("PATH", path)

    def install(name: str, script: str) -> None:
        target = folder / name
        target.write_text(f"#!/bin/sh\n{script}\n")
        target.chmod(0o755)

    return install
