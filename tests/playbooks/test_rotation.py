"""The service's own log under real rotations by the rules that are deployed: of 10,000 numbered lines none is lost."""

import gzip
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import jinja2
import pytest

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "playbooks/roles/glmtts_logs/templates/logrotate.j2"
LINES = 10_000
WRITER = f"""
import logging, pathlib, sys
from tts_app import logs
logs.set_up(pathlib.Path(sys.argv[1]), on_console=False)
for number in range({LINES}):
    logging.getLogger("tts_app.test").error("line %d", number)
"""
pytestmark = [
    pytest.mark.slow,  # it is a race, and needs some seconds of it
    pytest.mark.skipif(
        os.geteuid() != 0, reason="only root may give files to the service user, here root itself"
    ),
    pytest.mark.skipif(shutil.which("logrotate") is None, reason="logrotate is not installed"),
]


@pytest.fixture
def rotate(tmp_path):
    """Write the rules for a folder of this test and return what rotates once."""
    values = {"ansible_managed": "test", "glmtts_logs_dir": tmp_path, "glmtts_logs_user": "root"}
    bounds = {"glmtts_logs_max_size": "100M", "glmtts_logs_keep": 1000}
    rules = tmp_path / "rules"
    rules.write_text(jinja2.Template(TEMPLATE.read_text()).render(values | bounds))
    (tmp_path / "7860").mkdir()

    def once() -> None:
        command = ["logrotate", "--state", tmp_path / "state", "--force", rules]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")

    return once


def numbers(folder: Path) -> tuple[Counter, int]:
    """Return how often each number stands in the logs, and in how many files."""
    files = list(folder.glob("error.log*"))
    text = "".join(
        gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
        for path in files
    )
    return Counter(int(number) for number in re.findall(r": line (\d+)$", text, flags=re.MULTILINE)), len(
        files
    )


def test_ten_thousand_lines_survive_as_many_rotations_as_fit_in(rotate, tmp_path):
    writer = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path / "7860"], cwd=ROOT)
    try:
        while writer.poll() is None:
            rotate()
    finally:
        writer.kill()
        writer.wait()
    assert writer.returncode == 0
    found, files = numbers(tmp_path / "7860")
    assert files > 3, "it was rotated while it wrote"
    assert sorted(found) == list(range(LINES)), "a line is missing"
    assert max(found.values()) == 1, "a line was doubled"
