"""Which hosts exist, as `ansible-inventory --list` says."""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from remediator.errors import ConfigError
from remediator.inventory import load, parse
from tests.unit.remediator.world import GPU, LISTING

LAB = Path(__file__).parents[3] / "inventory" / "lab"


def listing(name: str, instances: Any) -> dict[str, Any]:
    changed = copy.deepcopy(LISTING)
    changed["_meta"]["hostvars"][name] = {"glmtts_instances": instances}
    changed["gpu_hosts"]["hosts"].append(name)
    return changed


def test_a_host_whose_devices_serve_nothing_else_counts_as_a_member_of_that_group() -> None:
    hosts = {"gpu01": {"gpu_exclusive": True}, "gpu02": {"gpu_exclusive": "yes"}}
    found = parse({"_meta": {"hostvars": hosts}, "gpu_hosts": {"hosts": ["gpu01", "gpu02"]}}).hosts
    assert found["gpu01"].memberships == ("gpu_hosts", "gpu_exclusive")
    assert found["gpu02"].memberships == found["gpu02"].groups == ("gpu_hosts",)


def test_hosts_have_instances_groups_and_gpus() -> None:
    hosts = parse(LISTING).hosts
    assert hosts["gpu01"].instances == {"7860": {GPU}, "7861": {GPU}}
    assert hosts["gpu02"].groups == ("all", "canary", "gpu_hosts")
    assert hosts["gpu02"].instances == {"7860": frozenset()}


def test_hosts_outside_the_group_do_not_exist() -> None:
    changed = copy.deepcopy(LISTING) | {"control_hosts": {"hosts": ["control"]}}
    assert set(parse(changed).hosts) == {"gpu01", "gpu02"}


def test_groups_of_groups_count() -> None:
    changed = copy.deepcopy(LISTING)
    changed["gpu_hosts"] = {"children": ["rack1"]}
    changed["rack1"] = {"hosts": ["gpu01"], "children": ["gpu_hosts"]}  # a loop must not hang the reader
    assert set(parse(changed).hosts) == {"gpu01"}


def test_a_host_that_says_nothing_has_one_instance() -> None:
    changed = copy.deepcopy(LISTING)
    changed["_meta"]["hostvars"] = {}
    assert parse(changed).ports == {"gpu01": {"7860"}, "gpu02": {"7860"}}


@pytest.mark.parametrize(
    "name", ["gpu*", "~gpu", "!gpu01", "a,b", "a:b", "@file", "all", "localhost", "-x", "", "a b"]
)
def test_a_name_that_ansible_could_read_as_a_pattern_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="no host name"):
        parse(listing(name, [{"port": 7860}]))


@pytest.mark.parametrize(
    "instances",
    [[], "7860", {"port": 7860}, [7860], [{}], [{"port": "7860"}], [{"port": 0}], [{"port": 65536}], [{"port": True}],
     [{"port": 7860}, {"port": 7860}]],
)  # fmt: skip
def test_malformed_instances_are_named_with_their_host(instances: Any) -> None:
    with pytest.raises(ConfigError, match="gpu03: glmtts_instances"):
        parse(listing("gpu03", instances))


def test_an_inventory_without_gpu_hosts_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="gpu_hosts has no host"):
        parse({"_meta": {"hostvars": {}}, "all": {"children": []}})


def test_what_ansible_inventory_says_is_asked_for_the_given_path(tmp_path: Path) -> None:
    asked: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, json.dumps(LISTING), "")

    assert set(load(tmp_path, run=run).hosts) == {"gpu01", "gpu02"}
    assert asked[0][1:] == ["--inventory", str(tmp_path), "--list"]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (subprocess.CompletedProcess([], 1, "", "ERROR! no such file"), "no such file"),
        (subprocess.CompletedProcess([], 0, "not json", ""), "no JSON"),
        (subprocess.TimeoutExpired("ansible-inventory", 60), "no answer"),
        (FileNotFoundError("ansible-inventory"), "no answer"),
    ],
)
def test_an_inventory_that_cannot_be_read_is_a_mistake_of_the_operator(answer: Any, problem: str) -> None:
    def run(*_: Any, **__: Any) -> subprocess.CompletedProcess[str]:
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(ConfigError, match=problem):
        load(Path("/nowhere"), run=run)


def test_the_labs_inventory_is_understood() -> None:
    assert load(LAB / "hosts.yml").ports == {"gpu01": {"7860", "7861"}, "gpu02": {"7860"}}
