"""What deploying writes for a service of others is what helper and remediator read, and what logrotate takes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from remediator.inventory import parse
from tests.playbooks.test_inventories import BIN, ROLES, ROOT

ADOPT = ROOT / "inventory/adopt"
sys.path.insert(0, str(ROLES / "remedy_helper/files"))
from glmtts_remedy.config import from_json  # noqa: E402 - found through the line above

RENDER = f"""
- hosts: gpu-old
  gather_facts: false
  connection: local
  vars_files: [{ROLES}/remedy_helper/defaults/main.yml, {ROLES}/glmtts_logs/defaults/main.yml]
  vars:
    ansible_managed: test
    ansible_python_interpreter: {sys.executable}
  tasks:
    - ansible.builtin.template: {{src: "{ROLES}/remedy_helper/templates/remedy.json.j2", dest: "{{{{ folder }}}}/remedy.json", mode: "0644"}}
    - ansible.builtin.template: {{src: "{ROLES}/glmtts_logs/templates/adopted.j2", dest: "{{{{ folder }}}}/logrotate", mode: "0644"}}
"""  # noqa: E501 - a playbook


@pytest.fixture(scope="module")
def listing():
    ran = subprocess.run(
        [BIN / "ansible-inventory", "-i", ADOPT, "--list"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    return json.loads(ran.stdout)


def test_the_example_is_what_the_remediator_takes(listing):
    host = parse(listing).hosts["gpu-old"]
    assert (host.adopted, host.adoptions["7860"].health_path, host.adoptions["7860"].speaks) == (
        True,
        "/",
        False,
    )
    assert listing["_meta"]["hostvars"]["control"]["remediator_mode"] == "observe"


def test_all_that_can_be_said_is_said_in_the_example():
    spec = yaml.safe_load((ROLES / "remedy_helper/meta/argument_specs.yml").read_text())["argument_specs"]
    options = spec["main"]["options"]["remedy_helper_instances"]["options"]["adopted"]["options"]
    text = (ADOPT / "hosts.yml").read_text()
    assert [name for name in options if f"{name}:" not in text] == []


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become the owner of a log")
def test_what_is_written_is_read(tmp_path: Path):
    (tmp_path / "render.yml").write_text(RENDER)
    files = [{"path": str(tmp_path / "app.log"), "user": "root"}]
    given = json.dumps({"folder": str(tmp_path), "glmtts_logs_adopted_files": files})
    command = [BIN / "ansible-playbook", tmp_path / "render.yml", "-i", ADOPT, "-e", given]
    ran = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout
    config = from_json(json.loads((tmp_path / "remedy.json").read_text()))
    assert config.units == {"glm-tts.service": "7860"}
    assert config.instances["7860"].adopted.outputs_dir == "/root/GLM-TTS/outputs/batch"
    log, inode = tmp_path / "app.log", None
    with log.open("a") as writing:
        writing.write("before\n")
        writing.flush()
        inode = log.stat().st_ino
        state = ["--state", tmp_path / "state", "--force", tmp_path / "logrotate"]
        subprocess.run(["/usr/sbin/logrotate", *state], check=True, timeout=60)
        writing.write("after\n")
    assert (log.stat().st_ino, log.read_text()) == (inode, "after\n"), "emptied in place, without a hole"
    assert (tmp_path / "app.log.1").read_text() == "before\n"
