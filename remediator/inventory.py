"""Which hosts exist, with their instances and groups: what `ansible-inventory --list` says, checked.

No other host is ever touched. Names are matched exactly; a name that Ansible could read as a pattern is a
mistake in the inventory.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from remediator.errors import ConfigError

HOST = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
GPU_HOSTS = "gpu_hosts"
EXCLUSIVE = "gpu_exclusive"  # a variable: the host's devices serve nothing but the speech services
TIMEOUT_S = 60


@dataclass(frozen=True)
class Adoption:
    """What is known of an instance that somebody else deployed."""

    health_path: str = "/"
    speaks: bool = False  # its page can be asked to say something; else it is verified over HTTP alone


@dataclass(frozen=True)
class Host:
    """One GPU machine."""

    name: str
    groups: tuple[str, ...]
    instances: Mapping[str, frozenset[str]]  # port -> UUIDs of its GPUs
    variables: Mapping[str, Any] = field(repr=False)  # everything the inventory says about it
    adoptions: Mapping[str, Adoption] = field(default_factory=dict)  # port -> for instances of others

    @property
    def adopted(self) -> bool:
        """Whether any service of the host was there before us; then few remedies are offered on all of it."""
        return bool(self.adoptions)

    @property
    def memberships(self) -> tuple[str, ...]:
        """What a fault's modes may name: the groups, and `gpu_exclusive` where that variable is true."""
        return (*self.groups, EXCLUSIVE) if self.variables.get(EXCLUSIVE) is True else self.groups


@dataclass(frozen=True)
class Inventory:
    """All GPU hosts by name."""

    hosts: Mapping[str, Host]

    @property
    def ports(self) -> dict[str, frozenset[str]]:
        """Host name -> ports, what alerts are checked against."""
        return {name: frozenset(host.instances) for name, host in self.hosts.items()}

    def adoption_of(self, host: str, instance: str) -> Adoption | None:
        """What is known of an instance that others deployed; None for one of our own."""
        known = self.hosts.get(host)
        return known.adoptions.get(instance) if known else None

    @property
    def names(self) -> frozenset[str]:
        """The whole fleet."""
        return frozenset(self.hosts)


def load(path: Path, run: Callable[..., subprocess.CompletedProcess[str]] = subprocess.run) -> Inventory:
    """Ask ansible-inventory about `path` (a file or a folder). Raises ConfigError with every problem."""
    program = Path(sys.executable).with_name("ansible-inventory")
    command = [str(program), "--inventory", str(path), "--list"]
    try:
        answer = run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"inventory: ansible-inventory gave no answer: {error}") from error
    if answer.returncode != 0:
        raise ConfigError(f"inventory: {path} cannot be read: {answer.stderr.strip()[-500:]}")
    try:
        return parse(json.loads(answer.stdout))
    except ValueError as error:
        raise ConfigError(f"inventory: ansible-inventory gave no JSON: {error}") from error


def parse(listing: Mapping[str, Any]) -> Inventory:
    """Read the JSON of `ansible-inventory --list`. Raises ConfigError with every problem at once."""
    problems: list[str] = []
    variables = listing.get("_meta", {}).get("hostvars", {})
    members = _members(listing, GPU_HOSTS)
    if not members:
        problems.append(f"inventory: group {GPU_HOSTS} has no host; put the GPU machines there")
    hosts = {}
    for name in sorted(members):
        if not HOST.fullmatch(name) or name in ("all", "localhost", "ungrouped"):
            problems.append(
                f"inventory: {name!r} is no host name; use letters, digits, dot, dash, underscore"
            )
            continue
        mine = variables.get(name, {})
        groups = tuple(
            sorted(group for group in listing if group != "_meta" and name in _members(listing, group))
        )
        taken = _adoptions(name, mine, problems)
        hosts[name] = Host(name, groups, _instances(name, mine, problems), mine, taken)
    if problems:
        raise ConfigError(problems)
    return Inventory(hosts)


def _members(listing: Mapping[str, Any], group: str, above: tuple[str, ...] = ()) -> frozenset[str]:
    entry = listing.get(group, {})
    found = set(entry.get("hosts", []))
    for child in entry.get("children", []):
        if child not in above:
            found |= _members(listing, child, (*above, group))
    return frozenset(found)


def _instances(host: str, variables: Mapping[str, Any], problems: list[str]) -> dict[str, frozenset[str]]:
    rows = variables.get("glmtts_instances", [{"port": 7860}])
    found: dict[str, frozenset[str]] = {}
    for row in rows if isinstance(rows, list) and rows else [None]:
        port = row.get("port") if isinstance(row, Mapping) else None
        good = isinstance(port, int) and not isinstance(port, bool) and 0 < port < 65536
        if not good or str(port) in found:
            problems.append(f"inventory: {host}: glmtts_instances: needs a list with one entry per port")
            continue
        uuids = row.get("gpu_uuids", []) if isinstance(row, Mapping) else []
        found[str(port)] = frozenset(str(uuid) for uuid in uuids if uuid)
    return found


def _adoptions(host: str, variables: Mapping[str, Any], problems: list[str]) -> dict[str, Adoption]:
    """Read what is said under `adopted`; a host is ours wholly or not at all."""
    rows = variables.get("glmtts_instances")
    rows = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    taken = {str(row.get("port")): row["adopted"] for row in rows if "adopted" in row}
    if taken and len(taken) < len(rows):
        problems.append(
            f"inventory: {host}: glmtts_instances: give every instance `adopted`, or none of them"
        )
    found = {}
    for port, raw in taken.items():
        path = raw.get("health_path", "/") if isinstance(raw, Mapping) else None
        if not isinstance(raw, Mapping) or not raw.get("unit") or not str(path).startswith("/"):
            problems.append(f"inventory: {host}: port {port}: adopted: needs unit, and a health_path from /")
        found[port] = Adoption(str(path), isinstance(raw, Mapping) and bool(raw.get("gradio_api")))
    return found
