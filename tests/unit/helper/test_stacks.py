"""Where a hung process is: by the py-spy that the service's own environment brings along."""

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from glmtts_remedy import capture
from glmtts_remedy.config import Config

ROOT = Path(__file__).parents[3]
HUNG = "def stuck_in_the_driver():\n    print(flush=True)\n    input()\nstuck_in_the_driver()"


def test_the_helper_looks_for_the_program_where_the_deployment_puts_it():
    folder, name = os.path.split(Config.__dataclass_fields__["py_spy"].default)
    assert folder == "/opt/glmtts/current/env/bin"
    assert re.search(rf"^{name}==", (ROOT / "tts_app" / "requirements.txt").read_text("utf-8"), re.MULTILINE)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into another process, as the helper does")
def test_the_function_a_process_hangs_in_is_told(config, tmp_path):
    (tmp_path / "service.py").write_text(HUNG)
    config = dataclasses.replace(config, py_spy=str(Path(sys.executable).with_name("py-spy")))
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "service.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        told = capture._stack(config, process.pid)
        process.kill()
    assert "stuck_in_the_driver" in told
