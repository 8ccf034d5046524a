"""The parts of docs/playbooks.md, made from the playbooks' first comments and the roles' argument specs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

PLAYBOOKS = Path(__file__).parents[1] / "playbooks"
PROVISIONING = (
    "deploy",
    "adopt",
    "control",
    "rollback",
)  # people's own identity; every other playbook is a remedy
Options = Mapping[str, Mapping[str, Any]]


def provisioning() -> str:
    """Return what brings hosts up, one part per playbook."""
    return "\n\n".join(_playbook(PLAYBOOKS / f"{name}.yml") for name in PROVISIONING)


def remedies() -> str:
    """Return what can be done to one host, one part per playbook."""
    paths = sorted(path for path in PLAYBOOKS.glob("*.yml") if path.stem not in PROVISIONING)
    return "\n\n".join(map(_playbook, paths))


def roles() -> str:
    """Return every role with its variables, one part per role."""
    return "\n\n".join(_role(path) for path in sorted((PLAYBOOKS / "roles").iterdir()) if path.is_dir())


def _playbook(path: Path) -> str:
    """Return the first comment as it stands: prose, with the command lines set apart."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").removeprefix(" "))
    parts: list[str] = []
    for line in lines:
        command = line.startswith("  ")
        if parts and command == parts[-1].startswith("    "):
            parts[-1] += f"\n    {line.strip()}" if command else f" {line}"
        else:
            parts.append(f"    {line.strip()}" if command else line)
    return "\n\n".join([f"### `{path.name}`", *parts])


def _role(path: Path) -> str:
    entries = yaml.safe_load((path / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    main = entries.get("main") or next(iter(entries.values()))
    parts = [f"### `{path.name}`", f"{main['short_description']}. {main.get('description', '')}".strip()]
    options: dict[str, Any] = {}
    for entry in entries.values():
        options |= entry.get("options", {})
    if options:
        parts.append(_table(options))
    return "\n\n".join(parts)


def _table(options: Options) -> str:
    rows = ["| variable | type | default | meaning |", "|---|---|---|---|"]
    for name, option in options.items():
        shown = "required" if option.get("required") else _shown(option.get("default"))
        rows.append(f"| `{name}` | {option.get('type', 'str')} | {shown} | {_cell(option['description'])} |")
    return "\n".join(rows)


def _shown(value: Any) -> str:
    return "" if value in (None, "", [], {}) else f"`{_cell(value)}`"


def _cell(value: Any) -> str:
    text = (
        " ".join(value) if isinstance(value, list) and all(isinstance(one, str) for one in value) else value
    )
    return re.sub(r"\s+", " ", str(text)).replace("|", "\\|")
