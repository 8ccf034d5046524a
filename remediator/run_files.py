"""The files of one run, the only thing that its process and the remediator share.

`runs/<run id>/`: `request.json` (what to do), `lock` (held while the run's process lives), `started`
(who took the request; a request is taken once), `events.jsonl`, `outcome.json` (how it ended).
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from remediator.errors import RemediatorError

RUN_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9-]{0,63}$")
HOST = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
PLAYBOOK = re.compile(r"^[a-z][a-z0-9_]*$")
ARGUMENT = re.compile(r"^[a-z][a-z0-9_]*$")

Value = str | int | float | bool


class BadRequest(RemediatorError):
    """A run's request can't be what the remediator wrote; nothing is executed."""


@dataclass(frozen=True)
class RunRequest:
    """One remedy for one host. Everything that decides what happens is in here."""

    run_id: str
    playbook: str  # the remedy's playbook: restart means playbooks/restart.yml
    host: str  # inventory name
    instance: str | None = None  # port
    args: Mapping[str, Value] = field(default_factory=dict)  # names and types from the remedy's contract
    timeout_s: float = 300.0
    host_vars: Mapping[str, Any] = field(default_factory=dict)  # from the inventory, nothing else
    groups: tuple[str, ...] = ()  # the host's groups in the inventory

    def __post_init__(self) -> None:
        """Raise BadRequest for a name that could mean more than one thing to Ansible."""
        for pattern, value in ((RUN_ID, self.run_id), (PLAYBOOK, self.playbook), (HOST, self.host)):
            if not pattern.fullmatch(value):
                raise BadRequest(f"{value!r} is not allowed here")
        if self.host in ("all", "ungrouped", "localhost"):
            raise BadRequest(f"{self.host!r} is no inventory host")
        if self.instance is not None and not self.instance.isdecimal():
            raise BadRequest(f"instance {self.instance!r} is not a port")
        for name in self.args:
            if not ARGUMENT.fullmatch(name) or name.startswith("ansible_"):
                raise BadRequest(f"argument {name!r} is not allowed")

    @classmethod
    def read(cls, folder: Path) -> RunRequest:
        """Return the request in `folder`; BadRequest when there is none that can be used."""
        try:
            data = json.loads((folder / "request.json").read_text(encoding="utf-8"))
            return cls(**{**data, "groups": tuple(data.get("groups", ()))})
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise BadRequest(f"{folder.name}: request can't be read ({error})") from error

    def write(self, folder: Path) -> None:
        """Write the request. An older request in the same folder stays as it is."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (folder / "request.json").exists():
            write_json(folder / "request.json", asdict(self))


def write_json(path: Path, data: object) -> None:
    """Write `data` so that a reader sees all of it or nothing, also after a power cut."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    with scratch.open("w", encoding="utf-8") as stream:
        json.dump(data, stream, ensure_ascii=False)
        stream.flush()
        os.fsync(stream.fileno())
    scratch.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def lock(folder: Path) -> int | None:
    """Return the descriptor of the run's lock, or None while another process holds it.

    The kernel lets go of the lock when the last process that inherited the descriptor has ended.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def take(folder: Path, pid: int) -> bool:
    """Take the request, once and for ever; False when it was taken before."""
    try:
        descriptor = os.open(folder / "started", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(f"{pid}\n")
    return True
