"""The key that remedies log in with reaches GPU hosts whatever a run is limited to, with the examples as they are."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.playbooks.test_inventories import BIN, EXAMPLE, ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace needs root"),
]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtleS1vZi10aGUtcmVtZWRpYXRvci1vZi10aGlzLXRlc3Q remediator"
APART = """
set -e
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/upper,workdir=$1/work" /etc
shift
exec "$@"
"""
SITE = """
- ansible.builtin.import_playbook: {playbook}
- hosts: gpu_hosts
  gather_facts: false
  tasks:
    - ansible.builtin.copy:
        content: "{{{{ remedy_helper_authorized_keys | to_json }}}}"
        dest: "{folder}/{{{{ inventory_hostname }}}}.keys"
        mode: "0600"
      check_mode: false
      tags: [always]
"""


def _play(folder: Path, playbook: str, example: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Play what every run plays of a playbook, over a copy of /etc thrown away later, and note the hosts' keys."""
    (folder / "site.yml").write_text(SITE.format(playbook=ROOT / playbook, folder=folder))
    (folder / "over").mkdir(exist_ok=True)
    vault = yaml.safe_load((EXAMPLE / "group_vars/all/vault.yml.example").read_text())
    given = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        **{name: secrets.token_urlsafe(32) for name in vault},
    }
    (folder / "given.json").write_text(json.dumps(given))
    control = {"remediator_state_dir": f"{folder}/state", "remediator_ssh_key_file": f"{folder}/key"}
    (folder / "control.yml").write_text(json.dumps({"control_hosts": {"hosts": {"control": control}}}))
    (folder / "key").write_text("the secret half")
    (folder / "key.pub").write_text(f"{KEY}\n")
    command = [
        "unshare", "--mount", "--propagation", "private", "sh", "-c", APART, "sh", folder / "over",
        BIN / "ansible-playbook", folder / "site.yml", "-i", example, "-i", folder / "control.yml",
        "-e", f"@{folder}/given.json", "--tags", "nothing-but-always", *options,
    ]  # fmt: skip
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=300)


def test_a_deployment_of_one_host_lets_the_remediator_in(tmp_path: Path) -> None:
    done = _play(tmp_path, "deploy.yml", EXAMPLE, "--limit", "gpu-a")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "gpu-a.keys").read_text()) == [KEY]
    assert not (tmp_path / "gpu-b.keys").exists()


def test_adopt_alone_lets_the_remediator_in_and_check_mode_makes_no_key(tmp_path: Path) -> None:
    for options, key in [(["--check"], ""), ([], KEY)]:
        done = _play(tmp_path, "playbooks/adopt.yml", EXAMPLE, *options)
        assert done.returncode == 0, done.stdout + done.stderr
        found = {path.name: json.loads(path.read_text()) for path in tmp_path.glob("*.keys")}
        assert found == {"gpu-a.keys": [key], "gpu-b.keys": [key]}
