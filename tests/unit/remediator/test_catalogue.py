"""The catalogue: every mistake at once, and what is shipped is complete."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from remediator.catalogue import BUILT_IN, load, missing_playbooks
from remediator.errors import ConfigError
from remediator.model import Mode
from remediator.situation import mode_for
from tests.unit.remediator.world import CATALOGUE

ROOT = Path(__file__).parents[3]
PAGES = ROOT / "docs" / "runbooks"

FAULT = """
faults:
  odd_noise:
    precedence: 71
    title: {en: Odd noise, zh: 杂音}
    reason: {en: "It hums: {line}", zh: "有杂音：{line}"}
    advice: {en: Listen to it., zh: 听一听。}
    scope: instance
    severity: warning
    ladder: [restart]
    tell: oncall
    proved_by:
      - log: 'hum'
"""


def problems(tmp_path: Path, text: str, which: str = "faults") -> list[str]:
    file = tmp_path / f"{which}.yml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as wrong:
        load(**{f"{which}_file": file})
    return list(wrong.value.problems)


def test_a_teams_own_fault_starts_in_observe_mode(tmp_path: Path) -> None:
    file = tmp_path / "faults.yml"
    file.write_text(FAULT, encoding="utf-8")
    catalogue = load(faults_file=file)
    assert catalogue.faults["odd_noise"].modes == {"default": Mode.OBSERVE}
    assert len(catalogue.faults) == len(CATALOGUE.faults) + 1


def test_a_row_of_the_same_name_replaces_ours(tmp_path: Path) -> None:
    file = tmp_path / "faults.yml"
    file.write_text(FAULT.replace("odd_noise", "hung").replace("71", "60"), encoding="utf-8")
    assert load(faults_file=file).faults["hung"].title.en == "Odd noise"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("precedence: 71", "precedence: 70", "precedence: 70 is service_down's"),
        ("precedence: 71", "precedence: soon", "precedence: must be a whole number"),
        ("precedence: 71", "precedence: 0", "precedence: must be between 1 and 1000"),
        ("precedence: 71", "", "precedence: is missing"),
        ("odd_noise:", "Odd-Noise:", "must be lower case"),
        ("zh: 杂音", "cn: 杂音", "title: zh: is missing"),
        ("zh: 杂音", "cn: 杂音", "title: cn: is not a field here"),
        ("scope: instance", "scope: fleet", "scope: must be one of host, instance"),
        ("scope: instance", "scope: host", "restart needs an instance"),
        ("ladder: [restart]", "ladder: [reboot_all]", "no remedy 'reboot_all'"),
        ("ladder: [restart]", "ladder: restart", "ladder: must be a list"),
        ("ladder: [restart]", "ladder: [{remedy: restart, when: later}]", "ladder[0]: when: must be one of"),
        ("ladder: [restart]", "ladder: [{remedy: restart, times: 9}]", "ladder[0]: times: must be between"),
        ("log: 'hum'", "log: '('", "is not a regular expression"),
        ("log: 'hum'", "smell: burnt", "smell: no such condition"),
        ("log: 'hum'", "signal: [eleven]", "must be whole numbers"),
        ("log: 'hum'", "health: {outcome: [fine]}", "outcome: must be of"),
        ("log: 'hum'", "health: {status: [200]}", "status: is not a field here"),
        ("log: 'hum'", "disk_used_pct: 195", "must be between 1 and 100"),
        ("log: 'hum'", "gpu_action: [Explode]", "must be of"),
        ("log: 'hum'", "oom_kill: false", "only `true` has a meaning"),
        ("- log: 'hum'", "- {}", "a proof without a condition"),
        ("- log: 'hum'", "[]", "needs at least one proof"),
        ("tell: oncall", "tell: oncall\n    mode: sometimes", "mode: default: must be one of"),
        ("tell: oncall", "tell: oncall\n    mode: {canary: act}", "or a table with `default`"),
        ("tell: oncall", "tell: oncall\n    tell: nobody", "'tell' is written twice"),
        ("tell: oncall", "tell: oncall\n    color: red", "color: is not a field here"),
        ("faults:", "rows:", "faults: is missing"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, old: str, new: str, problem: str) -> None:
    assert any(problem in one for one in problems(tmp_path, FAULT.replace(old, new, 1)))


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = FAULT.replace("71", "soon").replace("severity: warning", "severity: bad").replace("'hum'", "'('")
    assert len(problems(tmp_path, text)) == 3


def test_a_remedys_contract_is_checked(tmp_path: Path) -> None:
    text = """
remedies:
  shout:
    title: {en: Shout, zh: 喊}
    playbook: ../etc/passwd
    scope: instance
    args: {loud: true, gpu_uuid: {fact: gpu_uuid}}
    timeout_s: 1
    cooldown_s: 10
    disruptive: maybe
    approval: false
"""
    wrong = problems(tmp_path, text, "remedies")
    for part in (
        "playbook: must be a file name",
        "args: loud",
        "gpu_uuid: pattern: is missing",
        "timeout_s",
        "disrup",
    ):
        assert any(part in one for one in wrong), part


def test_a_file_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    assert "cannot be read" in problems(tmp_path, "faults: [")[0]


def test_modes_take_the_safest_group_that_is_named() -> None:
    modes = {"default": Mode.ACT, "canary": Mode.OBSERVE, "prod": Mode.PROPOSE}
    assert mode_for(modes, ("gpu_hosts",)) is Mode.ACT
    assert mode_for(modes, ("gpu_hosts", "prod")) is Mode.PROPOSE
    assert mode_for(modes, ("prod", "canary")) is Mode.OBSERVE


def test_every_remedy_has_its_playbook() -> None:
    assert missing_playbooks(CATALOGUE, ROOT / "playbooks") == []


def test_every_fault_has_its_page_and_every_page_its_fault() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} - {"README"} == set(CATALOGUE.faults)


@pytest.mark.parametrize("name", sorted(CATALOGUE.faults))
def test_a_page_answers_the_same_questions_in_the_same_order(name: str) -> None:
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {name}\n")
    heads = [line for line in text.splitlines() if line.startswith("## ")]
    assert heads == ["## What it means", "## What the service does by itself", "## What you do", "## 中文"]
    for remedy in {rung.remedy for rung in CATALOGUE.faults[name].ladder}:
        assert f"`{remedy}`" in text, f"the page does not name {remedy}"


def test_the_first_faults_are_there() -> None:
    first = {
        "service_down", "hung", "start_limit_hit", "segfault", "port_conflict", "disk_full", "cuda_oom", "overloaded",
        "unreachable", "false_alarm", "unknown",
    }  # fmt: skip
    assert first <= set(CATALOGUE.faults) and set(CATALOGUE.remedies) >= {
        "restart",
        "purge_outputs",
        "clear_memory",
    }
    assert set(BUILT_IN) <= set(CATALOGUE.faults)


def test_no_ladder_for_gpu_memory_ends_in_more_than_a_restart() -> None:
    assert [rung.remedy for rung in CATALOGUE.faults["cuda_oom"].ladder] == ["clear_memory", "restart"]
    assert [rung.remedy for rung in CATALOGUE.faults["vram_pressure"].ladder] == ["clear_memory"]
    growth = CATALOGUE.faults["vram_growth"].ladder
    assert [(rung.remedy, rung.when) for rung in growth] == [("clear_memory", "idle"), ("restart", "idle")]


@pytest.mark.parametrize(
    ("fault", "groups", "mode"),
    [
        ("gpu_needs_reset", ("gpu_hosts",), Mode.PROPOSE),
        ("gpu_needs_reset", ("gpu_hosts", "gpu_exclusive"), Mode.ACT),
        ("gpu_needs_reboot", ("gpu_hosts", "gpu_exclusive"), Mode.PROPOSE),
        ("port_conflict", ("gpu_hosts", "gpu_exclusive"), Mode.PROPOSE),
        ("inodes_full", (), Mode.ACT),
        ("log_runaway", (), Mode.ACT),
        ("hung", (), Mode.ACT),
        ("service_down", (), Mode.ACT),
    ],
)
def test_the_shipped_modes(fault: str, groups: tuple[str, ...], mode: Mode) -> None:
    assert mode_for(CATALOGUE.faults[fault].modes, groups) is mode


def test_only_a_reboot_asks_a_person_in_every_mode_and_only_a_capture_heals_nothing() -> None:
    assert [one.name for one in CATALOGUE.remedies.values() if one.approval] == ["reboot"]
    assert CATALOGUE.only_look == {"capture"}


def test_what_takes_a_service_away_is_marked_disruptive() -> None:
    marked = {one.name for one in CATALOGUE.remedies.values() if one.disruptive}
    assert marked == {"restart", "free_port", "gpu_reset", "reboot"}


def test_no_fault_ends_in_a_reset_or_a_reboot_but_those_of_the_device() -> None:
    found = {
        fault.name: rung.remedy
        for fault in CATALOGUE.faults.values()
        for rung in fault.ladder
        if rung.remedy in ("gpu_reset", "reboot")
    }
    assert found == {"gpu_needs_reset": "gpu_reset", "gpu_needs_reboot": "reboot"}


def test_the_shipped_files_are_plain_yaml() -> None:
    for name in ("faults", "remedies"):
        text = (ROOT / "remediator" / f"{name}.yml").read_text(encoding="utf-8")
        assert list(yaml.safe_load(text)) == [name]


def test_people_are_told_where_this_installations_captures_are() -> None:
    catalogue = load(captures=Path("/srv/state/captures"))
    advice = catalogue.faults["hung"].advice
    assert "/srv/state/captures" in advice.en and "/srv/state/captures" in advice.zh
    assert not any(
        "{captures}" in text for one in catalogue.faults.values() for text in (one.advice.en, one.advice.zh)
    )
