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
LOCAL = ROOT / "inventory/local"
EXAMPLES = [EXAMPLE, CHINA]
FILES = [file for example in [*EXAMPLES, LOCAL] for file in sorted(example.glob("group_vars/*/*.yml"))]
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


def preflight(folder: Path, vault: dict[str, object], example: Path = EXAMPLE) -> tuple[int, str]:
    """Play the preflight checks over an example with further variables; return exit status and output."""
    (folder / "preflight.yml").write_text(PREFLIGHT)
    (folder / "roles").symlink_to(ROLES)
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
            {"vault_smtp_password": ""},
            "remediator_credentials.smtp_password",
            id="an empty secret",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"vault_tls_key": ""}, "nginx_key", id="a certificate without its key", marks=pytest.mark.slow
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


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param({"remediator_settings": {"probe_interval_s": 0}}, id="nobody asks"),
        pytest.param({"ansible_host": "127.0.0.1"}, id="the control host is the same machine"),
    ],
)
@pytest.mark.slow
def test_an_instance_may_listen_on_loopback_where_nobody_asks_from_outside(tmp_path, variables):
    code, said = preflight(tmp_path, _vault() | {"glmtts_service_listen": "127.0.0.1"} | variables)
    assert code == 0, said


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        pytest.param({"glmtts_host_key": ""}, "glmtts_host_key", id="a host that anybody may pretend to be"),
        pytest.param(
            {"glmtts_instances": [{"port": 7860, "engine": "gml"}]}, "kokoro, glm", id="no such engine"
        ),
        pytest.param(
            {"glmtts_glm_weights_source": "https://example.org"},
            "glmtts_glm_weights_manifest",
            id="weights without checksums",
        ),
        pytest.param(
            {"glmtts_service_tasks_max": "many"}, "glmtts_service_tasks_max", id="a word instead of a number"
        ),
        pytest.param(
            {"glmtts_service_listen": "127.0.0.1"},
            "glmtts_service_listen",
            id="an instance that nobody can ask",
        ),
        pytest.param(
            {"glmtts_service_listen": "10.0.0.1"},
            "on 10.0.0.1 the host's own checks",
            id="an instance that its own host can't ask",
        ),
        pytest.param(
            {"glmtts_service_listen": "::"}, "to 0.0.0.0, or to 127.0.0.1", id="an instance without IPv4"
        ),
        pytest.param({"remediator_mode": "obey"}, "observe, propose, act", id="no such mode"),
        pytest.param(
            {"glmtts_service_memory_maxx": "8G", "prometheus_of_others": 1},
            "No role knows glmtts_service_memory_maxx of host",
            id="a misspelled name",
        ),
    ],
)
@pytest.mark.slow
def test_what_a_host_lacks_is_named_before_anything_changes(tmp_path, variables, named):
    code, said = preflight(tmp_path, _vault() | variables)
    assert code != 0
    assert named in said


def test_the_variables_of_every_role_are_checked_before_anything_changes():
    (task,) = yaml.safe_load((ROOT / "playbooks/tasks/preflight_types.yml").read_text())
    named = {role for key in ("both", "gpu", "control") for role in task["vars"][f"__preflight_{key}"]}
    parts = {"rollout", "remedy_steps"}  # what playbooks are made of; a host has none of it
    assert named == {path.name for path in ROLES.iterdir() if path.is_dir()} - parts


def test_misspelled_variables_of_every_role_of_ours_are_found():
    (task,) = yaml.safe_load((ROOT / "playbooks/tasks/preflight_names.yml").read_text())
    ours = ("glmtts_", "host_monitoring", "remediator", "remedy_", "rollout")
    listed = task["vars"]["__preflight_roles"]
    assert set(listed) == {path.name for path in ROLES.iterdir() if path.name.startswith(ours)}


def test_this_one_machine_passes_with_secrets_made_once_for_the_person_who_deploys(tmp_path):
    secrets_of_mine = {"local_secrets": str(tmp_path / "local"), "glmtts_host_key": "ssh-ed25519 " + "A" * 68}
    code, said = preflight(tmp_path, secrets_of_mine, LOCAL)
    assert code == 0, said
    made = {path.name: path.read_text() for path in (tmp_path / "local").iterdir()}
    assert made.keys() == {"sender_token", "viewer_token", "operator_token"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "local").iterdir())
    assert len(set(made.values())) == 3


def test_this_one_machine_is_reached_without_ssh_and_the_remediator_reaches_it_with():
    hosts = _hosts(LOCAL)
    assert hosts.keys() == {"local"}
    assert hosts["local"]["ansible_connection"] == "local"
    assert hosts["local"]["ansible_host"] == "127.0.0.1"
    listed = subprocess.run(
        [BIN / "ansible-playbook", "deploy.yml", "-i", LOCAL, "--list-hosts"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    assert listed.stdout.count("    local") == listed.stdout.count("hosts (1):") > 0
