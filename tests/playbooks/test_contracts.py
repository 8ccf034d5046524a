"""What every role and playbook promises, read from the files themselves."""

import re
from pathlib import Path

import pytest
import yaml

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
ROLES = sorted(path for path in (PLAYBOOKS / "roles").iterdir() if path.is_dir())
PROVISIONING = {
    "deploy",
    "adopt",
    "control",
    "rollback",
    "update",
}  # people's own identity, with its full rights
REMEDIES = sorted(path for path in PLAYBOOKS.glob("*.yml") if path.stem not in PROVISIONING)
NEVER = re.compile(r"become:\s*(true|yes)|ignore_errors")


def _yaml(path: Path):
    return yaml.safe_load(path.read_text()) if path.exists() else None


def _options(role: Path) -> dict[str, dict]:
    """Return every entry point of a role with its options."""
    return _yaml(role / "meta/argument_specs.yml")["argument_specs"]


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_defaults_are_the_same_in_the_argument_specs(role):
    defaults = _yaml(role / "defaults/main.yml") or {}
    described: dict[str, object] = {}
    for entry in _options(role).values():
        described |= {name: option.get("default") for name, option in entry.get("options", {}).items()}
    missing = sorted(set(defaults) - set(described))
    assert missing == [], "defaults without a description"
    differing = {
        name: (defaults[name], described[name]) for name in defaults if defaults[name] != described[name]
    }
    assert differing == {}


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_variable_carries_the_name_of_its_role(role):
    names = [name for entry in _options(role).values() for name in entry.get("options", {})]
    assert [name for name in names if not name.startswith(f"{role.name}_")] == []


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_entry_point_has_its_tasks(role):
    assert [name for name in _options(role) if not (role / f"tasks/{name}.yml").exists()] == []


@pytest.mark.parametrize("playbook", REMEDIES, ids=lambda path: path.stem)
def test_a_remedy_never_becomes_another_user_and_needs_a_named_host(playbook):
    play = _yaml(playbook)[0]
    assert play["hosts"] == "{{ target | default('set-target-to-one-host') }}"
    assert (play["become"], play["gather_facts"]) == (False, False)
    assert "glmtts-remedy" in play["vars"]["ansible_user"]
    assert not NEVER.search(playbook.read_text())


@pytest.mark.parametrize("playbook", REMEDIES, ids=lambda path: path.stem)
def test_the_first_comment_says_how_to_run_it_whether_again_and_what_a_failure_leaves(playbook):
    comment = " ".join(line for line in playbook.read_text().splitlines() if line.startswith("#"))
    assert f"ansible-playbook playbooks/{playbook.name} -e target=" in comment
    assert "dempotent" in comment
    assert "failure" in comment


@pytest.mark.parametrize("playbook", REMEDIES, ids=lambda path: path.stem)
def test_what_changes_a_host_gives_its_lease_back_whatever_happens(playbook):
    text = playbook.read_text()
    if "tasks_from: change" not in text:
        return
    block = next(task for task in _yaml(playbook)[0]["tasks"] if "always" in task)
    assert "take_lease" in str(block["block"][0])
    assert "release_lease" in str(block["always"])
    assert "report_failure" in str(block["rescue"])


def _restarts_speech(role: str) -> bool:
    tasks = (PLAYBOOKS / "roles" / role / "tasks").glob("*.yml")
    return any("Restart the speech services" in path.read_text() for path in tasks)


def test_every_tag_that_may_change_what_speaks_also_restarts_and_proves_it():
    plays = _yaml(PLAYBOOKS / "deploy.yml")
    tasks = next(play for play in plays if play["name"] == "Deploy the speech services")["tasks"]
    block = next(task for task in tasks if "block" in task)["block"]
    tags_of = {
        (role["name"], role.get("tasks_from", "main")): set(task["tags"])
        for task in block
        if (role := task.get("ansible.builtin.import_role"))
    }
    restart, prove = tags_of["glmtts_service", "restart"], tags_of["rollout", "prove"]
    changing = set().union(*(tags for (role, _), tags in tags_of.items() if _restarts_speech(role)))
    assert changing >= {"app", "glm", "service"}
    assert changing <= restart <= prove
