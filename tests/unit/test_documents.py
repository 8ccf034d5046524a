"""Pages say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from remediator.catalogue import load
from remediator.cli import main as program
from tests.documents import SECTIONS, rendered
from tests.lab.faults import FAULTS

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", SECTIONS)
def test_a_generated_section_is_what_the_code_says(page: str) -> None:
    assert (ROOT / page).read_text(encoding="utf-8") == rendered(page), "run: python -m tests.documents"


def test_every_remedy_has_its_playbook_and_every_fault_its_page() -> None:
    catalogue = load()
    missing = [
        row.playbook
        for row in catalogue.remedies.values()
        if not (ROOT / "playbooks" / row.playbook).is_file()
    ]
    missing += [
        name for name in catalogue.faults if not (ROOT / "docs" / "runbooks" / f"{name}.md").is_file()
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("command", ["make demo", "make test"])
@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_first_page_gives_both_commands(page: str, command: str) -> None:
    assert command in (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_first_page_lists_every_command_of_the_remediator_and_every_fault_of_the_lab(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    (listed,) = re.findall(r"`(serve check [a-z ]+)`", text)
    assert set(listed.split()) == {name for name, command in program.commands.items() if not command.hidden}
    (faults,) = re.findall(r"`(crash segfault [a-z_ ]+)`", text)
    assert set(faults.split()) == set(FAULTS)


def test_both_first_pages_show_the_same_commands() -> None:
    shown = [
        [
            line.split("#")[0].strip()
            for block in re.findall(r"```\n(.*?)```", text, re.DOTALL)
            for line in block.splitlines()
        ]
        for text in ((ROOT / page).read_text(encoding="utf-8") for page in ("README.md", "README.zh-CN.md"))
    ]
    assert shown[0] == shown[1] and len(shown[0]) >= 6


def test_every_make_target_of_the_documentation_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = {
        target
        for page in PAGES
        for target in re.findall(
            r"^(?:`)?make ([a-z-]+)", page.read_text(encoding="utf-8"), flags=re.MULTILINE
        )
    }
    assert named <= targets


def test_every_tag_of_the_documentation_exists() -> None:
    playbooks = sorted((ROOT / "playbooks").glob("*.yml"))
    deployed = [
        (ROOT / "playbooks" / f"{name}.yml").read_text(encoding="utf-8")
        for name in ("deploy", "control", "adopt")
    ]
    tags = {
        tag
        for text in deployed
        for found in re.findall(r"^\s*tags: \[([a-z_, ]+)\]$", text, flags=re.MULTILINE)
        for tag in found.split(", ")
    }
    comments = [
        "".join(re.findall(r"^#.*\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE))
        for path in playbooks
    ]
    named = {
        tag
        for text in [*comments, *(page.read_text(encoding="utf-8") for page in PAGES)]
        for found in re.findall(r"--(?:skip-)?tags[ =]([\w,]+)", text)
        for tag in found.split(",")
    }
    assert {"app", "glm", "helper"} <= named
    assert named - tags == set()


def test_whoever_meets_a_host_marked_as_unable_to_reset_reads_how_to_clear_that() -> None:
    from_helper = (ROOT / "playbooks/roles/remedy_helper/files/glmtts_remedy/gpu_reset.py").read_text(
        encoding="utf-8"
    )
    mark = re.search(r'^MARK = "(\w+)"$', from_helper, flags=re.MULTILINE)
    assert mark is not None
    page = (ROOT / "docs/runbooks/gpu_needs_reboot.md").read_text(encoding="utf-8")
    command = f"sudo rm /var/lib/glmtts-remedy/{mark[1]}"
    assert [command in part for part in page.split("## 中文")] == [True, True]
