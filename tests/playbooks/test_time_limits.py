"""The time a remedy is given holds every step of its playbook, and the lease holds the remedy."""

import re
import sys
from pathlib import Path

import pytest
import yaml

from remediator.catalogue import load

ROOT = Path(__file__).parents[2]
ROLES = ROOT / "playbooks" / "roles"
sys.path.insert(0, str(ROLES / "remedy_helper" / "files"))

from glmtts_remedy.config import Config  # noqa: E402
from glmtts_remedy.lease import VERB_WAIT_S  # noqa: E402
from glmtts_remedy.verbs import VERBS  # noqa: E402

ANSIBLE_S = 30  # to start Ansible, to connect, and its own work between the steps
LEASE = ("lease", "lease")  # taken and given back
TAKE_OUT = ("gpu-holders", "drain", "stop", "gpu-holders")
PUT_BACK = ("gpu-persistence", "exporters")
# Verbs in the order in which the playbook calls them, of one instance; of two ways, the one that takes longer. `settle`
# is left out: it only follows a run that was cut off.
STEPS = {
    "restart": (*LEASE, "restart", "speak"),
    "clear_memory": (*LEASE, "clear-memory", "speak"),
    "purge_outputs": (*LEASE, "purge"),
    "rotate_logs": (*LEASE, "rotate-logs"),
    "capture": ("capture",),
    "free_port": (*LEASE, "examine", "free-port", "start", "speak"),
    "gpu_reset": (
        *LEASE,
        *TAKE_OUT,
        "exporters",
        "gpu-persistence",
        "gpu-reset",
        *PUT_BACK,
        "start",
        "speak",
    ),
    "reboot": (*LEASE, "examine", "drain", "reboot", "lease", "examine", "speak"),
}
WAITS = {"reboot": 2}  # for the host, then for its services: remedy_steps_ready_timeout_s each
REMEDIES = load().remedies


def defaults_of(role: str) -> dict[str, object]:
    return yaml.safe_load((ROLES / role / "defaults/main.yml").read_text("utf-8"))


def config() -> Config:
    """The helper's settings as the role deploys them."""
    role = defaults_of("remedy_helper")
    names = ("start_timeout_s", "stop_timeout_s", "speak_timeout_s")
    return Config(**{name: role[f"remedy_helper_{name}"] for name in names})


def longest_s(remedy: str) -> float:
    """Every step at its limit; what changes the host may first wait for another verb to end."""
    verbs = [VERBS[name] for name in STEPS[remedy]]
    waits_s = WAITS.get(remedy, 0) * defaults_of("remedy_steps")["remedy_steps_ready_timeout_s"]
    return ANSIBLE_S + waits_s + VERB_WAIT_S + sum(verb.timeout_s(config()) for verb in verbs)


def lease_s(remedy: str) -> int:
    """The lease that the playbook takes."""
    play = yaml.safe_load((ROOT / "playbooks" / REMEDIES[remedy].playbook).read_text("utf-8"))[0]
    own = next((task["vars"] for task in play["tasks"] if "always" in task), {})
    return own.get("remedy_steps_lease_ttl_s", defaults_of("remedy_steps")["remedy_steps_lease_ttl_s"])


def test_every_remedy_is_looked_at():
    assert set(STEPS) == set(REMEDIES)


def source(remedy: str) -> str:
    """The playbook's text with the files of tasks it calls, however deep."""
    text, read = (ROOT / "playbooks" / REMEDIES[remedy].playbook).read_text("utf-8"), {"take_lease"}
    while names := set(re.findall(r"(?:tasks_from: |include_tasks: )(\w+)", text)) - read:
        read |= names
        text += "".join((ROLES / f"remedy_steps/tasks/{name}.yml").read_text("utf-8") for name in names)
    return text


@pytest.mark.parametrize("remedy", STEPS)
def test_no_verb_of_the_playbook_is_forgotten_here(remedy):
    called = re.findall(
        r"(?:remedy_steps_verb: \[|remedy_steps_each: |remedy_steps_helper }}\", |\{\{ \['(?!sudo))([a-z-]+)",
        source(remedy),
    )
    assert called != []
    assert set(called) | {"lease"} == set(STEPS[remedy]) | {"lease"}


@pytest.mark.parametrize("remedy", STEPS)
def test_a_run_is_given_more_time_than_its_steps_may_take(remedy):
    assert REMEDIES[remedy].timeout_s > longest_s(remedy)


@pytest.mark.parametrize("remedy", sorted(set(STEPS) - {"capture", "reboot"}))
def test_the_lease_outlives_the_run(remedy):
    """A reboot ends it by itself and takes it again; a capture needs none."""
    assert lease_s(remedy) > REMEDIES[remedy].timeout_s


@pytest.mark.parametrize("verb", ["start", "restart"])
def test_a_start_is_waited_for_as_long_as_systemd_lets_it_load(verb):
    service_s = defaults_of("glmtts_service")["glmtts_service_start_timeout_s"]
    assert (
        service_s
        < defaults_of("remedy_helper")["remedy_helper_start_timeout_s"]
        < VERBS[verb].timeout_s(config())
    )
