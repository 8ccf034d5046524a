"""The production inventories: variables belong to roles, and what is missing is named before anything changes."""

import json
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "inventory/example"
CHINA = ROOT / "inventory/example-cn"
EXAMPLES = [EXAMPLE, CHINA]
FILES = [file for example in EXAMPLES for file in sorted(example.glob("group_vars/*/*.yml"))]
ROLES = ROOT / "playbooks/roles"
BIN = Path(sys.executable).parent
SITE = {"site", "vault"}  # files that hold variables of several roles
PREFLIGHT = f"""
- hosts: gpu_hosts:control_hosts
  gather_facts: false
  tasks:
    - ansible.builtin.include_tasks: {ROOT}/playbooks/tasks/preflight.yml
"""


def _described(role: str) -> set[str]:
    spec = yaml.safe_load((ROLES / role / "meta/argument_specs.yml").read_text())["argument_specs"]
    return {name for entry in spec.values() for name in entry.get("options", {})}


def _vault(**changes: str) -> dict[str, str]:
    names = yaml.safe_load((EXAMPLE / "group_vars/all/vault.yml.example").read_text())
    return {name: secrets.token_urlsafe(32) for name in names} | changes


def preflight(folder: Path, vault: dict[str, str], example: Path = EXAMPLE) -> tuple[int, str]:
    """Play the preflight checks over an example; return the exit status and the output."""
    (folder / "preflight.yml").write_text(PREFLIGHT)
    (folder / "vault.json").write_text(json.dumps(vault))
    command = [
        BIN / "ansible-playbook",
        folder / "preflight.yml",
        "-i",
        example,
        "-e",
        f"@{folder}/vault.json",
    ]
    ran = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=300)
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.parametrize("file", FILES, ids=lambda path: f"{path.parts[-4]}-{path.stem}")
def test_every_variable_of_a_file_belongs_to_the_role_that_the_file_is_named_after(file):
    names = set(yaml.safe_load(file.read_text()) or {})
    if file.stem in SITE:
        roles = {path.name for path in ROLES.iterdir() if path.is_dir()}
        known = set().union(*map(_described, roles))
        assert names - known == set()
    else:
        assert names - _described(file.stem) == set()


def _hosts(example: Path) -> dict[str, dict[str, object]]:
    ran = subprocess.run(
        [BIN / "ansible-inventory", "-i", example, "--list"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    return json.loads(ran.stdout)["_meta"]["hostvars"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_ansible_reads_the_example(example):
    hosts = _hosts(example)
    assert [one["port"] for one in hosts["gpu-b"]["glmtts_instances"]] == [7860, 7861]
    assert hosts["control"]["remediator_mode"] == "observe"
    assert all("ansible_become" not in values for values in hosts.values()), (
        "remedies must stay without rights"
    )


def test_the_chinese_example_says_all_that_the_other_says_and_asks_mirrors_in_china():
    hosts, other = _hosts(CHINA)["gpu-a"], _hosts(EXAMPLE)["gpu-a"]
    assert set(other) - set(hosts) == set()
    asked = [
        hosts["glmtts_env_index_url"],
        *hosts["glmtts_conda_channels"],
        hosts["glmtts_conda_installer_url"],
    ]
    assert [address for address in asked if ".tuna.tsinghua.edu.cn/" not in address] == []
    assert _hosts(CHINA)["control"]["remediator_settings"]["timezone"] == "Asia/Shanghai"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_a_site_whose_secrets_are_filled_in_passes(tmp_path, example):
    code, said = preflight(tmp_path, _vault(), example)
    assert code == 0, said


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        pytest.param({"vault_sender_token": "short"}, "alertmanager_token", id="a token one can guess"),
        pytest.param(
            {"vault_smtp_password": ""}, "remediator_credentials.smtp_password", id="an empty secret"
        ),
    ],
)
def test_a_missing_secret_is_named_and_no_other_is_shown(tmp_path, changes, named):
    vault = _vault(**changes)
    code, said = preflight(tmp_path, vault)
    assert code != 0
    assert named in said
    assert all(value not in said for value in vault.values() if len(value) > 10)


def test_a_forgotten_vault_is_named_by_its_first_variable(tmp_path):
    code, said = preflight(tmp_path, {})
    assert code != 0
    assert "vault_sender_token" in said
