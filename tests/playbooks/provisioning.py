"""One role, played on this machine into folders of a test, with the real ansible-playbook."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {{name: {role}, tasks_from: "{{{{ entry }}}}"}}
      loop: {entries}
      loop_control: {{loop_var: entry}}
  handlers:
    - name: Restart the speech services
      ansible.builtin.copy:
        content: restarted
        dest: {folder}/restarted
        mode: "0644"
"""
RECAP = re.compile(r"changed=(\d+) .* failed=(\d+)")


@dataclass(frozen=True)
class Played:
    """How a play ended: exit status, how many tasks changed something, and all that was said."""

    code: int
    changed: int
    said: str


def play_role(
    role: str,
    folder: Path,
    *options: str,
    entries: tuple[str, ...] = ("main",),
    within: Sequence[str] = (),
    **variables: Any,
) -> Played:
    """Play one role, or some of its parts, with these variables; `folder` is the test's own.

    `within` is a command line that runs the rest of its arguments, such as `unshare --mount`.
    """
    (folder / "play.yml").write_text(PLAY.format(role=role, folder=folder, entries=json.dumps(entries)))
    (folder / "variables.json").write_text(json.dumps(variables))
    command = [
        *within, Path(sys.executable).parent / "ansible-playbook", folder / "play.yml", *options,
        "-i", "localhost,", "-c", "local", "-e", f"@{folder}/variables.json",
    ]  # fmt: skip
    environment = os.environ | {
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_ROLES_PATH": str(ROOT / "playbooks" / "roles"),
        "ANSIBLE_LOOKUP_PLUGINS": str(ROOT / "playbooks" / "lookup_plugins"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_NOCOLOR": "1",
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    ran = subprocess.run(
        command, env=environment, check=False, capture_output=True, text=True, timeout=300, cwd=folder
    )
    said = ran.stdout + ran.stderr
    recap = RECAP.search(ran.stdout)
    return Played(ran.returncode, int(recap[1]) if recap else 0, " ".join(said.split()))


def write_wheel(folder: Path, name: str, version: str = "1.0") -> None:
    """Write an installable wheel with one module, `name`, that knows its version."""
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    parts = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{name}-{version}.dist-info/METADATA": about,
        f"{name}-{version}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{name}-{version}.dist-info/RECORD"
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in parts.items():
            wheel.writestr(path, text)
        wheel.writestr(record, "".join(f"{path},,\n" for path in [*parts, record]))
