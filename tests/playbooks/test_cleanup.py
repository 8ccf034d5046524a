"""The daily cleanup, by cron or by a timer: what systemd and the helper are given is what they take."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import jinja2
import pytest
import yaml

ROLE = Path(__file__).parents[2] / "playbooks/roles/glmtts_cleanup"
DEFAULTS = yaml.safe_load((ROLE / "defaults/main.yml").read_text())


def rendered(text: str, **changes: object) -> str:
    """Render a template of the role, or a variable of it, as Ansible does."""
    engine = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    values = {"ansible_managed": "test", **DEFAULTS, **changes}
    command = yaml.safe_load((ROLE / "vars/main.yml").read_text())["__glmtts_cleanup_command"]
    values["__glmtts_cleanup_command"] = engine.from_string(command).render(values)
    return engine.from_string(text).render(values)


@pytest.mark.parametrize(
    ("target", "command"),
    [
        (0, "/usr/local/sbin/glmtts-remedy purge"),
        (20, "/usr/local/sbin/glmtts-remedy purge --target-free-pct 20"),
    ],
)
def test_a_target_of_free_space_is_handed_over_and_none_is_not(target, command):
    text = "{{ __glmtts_cleanup_command }}"
    assert rendered(text, glmtts_cleanup_target_free_pct=target) == command


def test_it_runs_at_three_as_the_service_user():
    timer = rendered((ROLE / "templates/glmtts-cleanup.timer.j2").read_text())
    service = rendered((ROLE / "templates/glmtts-cleanup.service.j2").read_text())
    assert "OnCalendar=*-*-* 03:00:00\n" in timer
    assert "User=glmtts\n" in service
    assert "ExecStart=/usr/local/sbin/glmtts-remedy purge\n" in service


KEPT = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.include_vars: {roles}/remedy_helper/defaults/main.yml
    - ansible.builtin.template:
        src: {roles}/remedy_helper/templates/remedy.json.j2
        dest: {folder}/{{{{ inventory_hostname }}}}.json
        mode: "0644"
"""


@pytest.mark.slow  # a play of its own
def test_days_are_set_by_one_name_for_cleanup_and_remedy(tmp_path):
    hosts = {"plain": {}, "site": {"outputs_keep_days": 30}}
    common = {"ansible_connection": "local", "glmtts_instances": []}
    inventory = {"all": {"hosts": {name: {**common, **own} for name, own in hosts.items()}}}
    (tmp_path / "inventory.yml").write_text(json.dumps(inventory))
    (tmp_path / "play.yml").write_text(KEPT.format(roles=ROLE.parent, folder=tmp_path))
    playbook = Path(sys.executable).with_name("ansible-playbook")
    command = [playbook, tmp_path / "play.yml", "-i", tmp_path / "inventory.yml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    kept = {name: json.loads((tmp_path / f"{name}.json").read_text())["keep_days"] for name in hosts}
    assert kept == {"plain": 7, "site": 30}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_wrong(tmp_path):
    for name in ("glmtts-cleanup.service", "glmtts-cleanup.timer"):
        text = rendered((ROLE / f"templates/{name}.j2").read_text(), glmtts_cleanup_helper="/bin/true")
        (tmp_path / name).write_text(text.replace("User=glmtts", "User=root"))
    command = ["systemd-analyze", "verify", "--man=no", *map(str, tmp_path.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
