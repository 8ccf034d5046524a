"""The parts of the documentation that are made from the code: `python -m tests.documents` writes them.

tests/unit/test_documents.py fails when a page no longer says what the code does.
"""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

from remediator import states
from remediator.catalogue import load
from remediator.settings import FIELDS
from tests import playbook_pages
from tts_app.settings import Settings

ROOT = Path(__file__).parents[1]
Render = Callable[[], str]


def remediator_settings() -> str:
    """Every setting of the remediator."""
    rows = [
        f"| `REMEDIATOR_{name.upper()}` | {_shown(rule.default)} | {rule.meaning} |"
        for name, rule in FIELDS.items()
    ]
    return _table(("variable", "default", "meaning"), rows)


def speech_settings() -> str:
    """Every setting of the speech service, with the comment that stands beside it."""
    source = (ROOT / "tts_app" / "settings.py").read_text(encoding="utf-8")
    tree = ast.parse(source)
    found = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "Settings")
    lines = source.splitlines()
    defaults = {field.name: field.default for field in dataclasses.fields(Settings)}
    rows = []
    for node in found.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            _, _, comment = lines[node.lineno - 1].partition("  # ")
            name = node.target.id
            rows.append(f"| `TTS_{name.upper()}` | {_shown(defaults[name])} | {comment} |")
    return _table(("variable", "default", "meaning"), rows)


def faults() -> str:
    """The catalogue's faults with their ladders, in the order in which they are acted on."""
    catalogue = load()
    rows = []
    for fault in sorted(catalogue.faults.values(), key=lambda one: one.precedence):
        told = {"oncall": "people", "batch_owner": "the batch's owner", "nobody": "nobody"}[fault.tell]
        ladder = " → ".join([*(f"`{rung.remedy}`" for rung in fault.ladder), told])
        page = f"[{fault.name}](runbooks/{fault.name}.md)"
        rows.append(f"| {page} | {fault.title.en} | {fault.title.zh} | {ladder} |")
    return _table(("fault", "is", "中文", "what is done, then who is told"), rows)


def _table(head: tuple[str, ...], rows: list[str]) -> str:
    return "\n".join([f"| {' | '.join(head)} |", "|" + "---|" * len(head), *rows])


def _shown(value: object) -> str:
    value = ",".join(map(str, value)) if isinstance(value, tuple) else value
    return f"`{value}`" if value not in (None, "", ()) else ""


SECTIONS: dict[str, dict[str, Render]] = {
    "ARCHITECTURE.md": {"states": states.diagram},
    "docs/settings.md": {"remediator": remediator_settings, "tts_app": speech_settings},
    "docs/faults.md": {"faults": faults},
    "docs/playbooks.md": {
        "provisioning": playbook_pages.provisioning,
        "remedies": playbook_pages.remedies,
        "roles": playbook_pages.roles,
    },
}


def rendered(page: str) -> str:
    """Return the page as it should be. Raises ValueError when a section's marks are missing."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for name, render in SECTIONS[page].items():
        pattern = re.compile(rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)", re.DOTALL)
        if not pattern.search(text):
            raise ValueError(f"{page}: the marks of section {name} are missing")
        body = render().strip()
        text = pattern.sub(lambda found, body=body: f"{found[1]}{body}\n{found[2]}", text)
    return text


def main() -> None:
    """Write every page."""
    for page in SECTIONS:
        (ROOT / page).write_text(rendered(page), encoding="utf-8")


if __name__ == "__main__":
    main()
