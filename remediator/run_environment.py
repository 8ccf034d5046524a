"""What Ansible gets to see in a run: an environment, one host, and variables that are only data."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any

from remediator.run_files import RunRequest
from remediator.settings import Settings

KEPT = ("LANG", "LC_ALL", "TZ", "PYTHONPYCACHEPREFIX")


def environment(settings: Settings, private: Path) -> dict[str, str]:
    """Return the whole environment of Ansible: nothing is inherited but KEPT."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {
        "LANG": "C.UTF-8",
        **kept,
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(private),
        "TMPDIR": str(private),
        "ANSIBLE_CONFIG": str(_config(settings, private)),
        "ANSIBLE_HOME": str(private / "home"),
        "ANSIBLE_LOCAL_TEMP": str(private / "tmp"),
        "ANSIBLE_ROLES_PATH": str(settings.playbooks_dir / "roles"),
        "ANSIBLE_COLLECTIONS_PATH": str(settings.playbooks_dir / "collections"),
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
        "ANSIBLE_NOCOLOR": "True",
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_TIMEOUT": "10",
        "ANSIBLE_HOST_PATTERN_MISMATCH": "error",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(private / "cp"),
        "ANSIBLE_SSH_RETRIES": "0",  # a verb that may have been carried out is not sent again
        "ANSIBLE_SSH_ARGS": _ssh_arguments(settings),
    }


def _config(settings: Settings, private: Path) -> Path:
    """Return the release's ansible.cfg, else an empty one: none that happens to lie somewhere is read."""
    config = settings.playbooks_dir.parent / "ansible.cfg"
    if not config.exists():
        config = private / "ansible.cfg"
        config.write_text("[defaults]\n", encoding="ascii")
    return config


def inventory(request: RunRequest, settings: Settings) -> dict[str, Any]:
    """Return an inventory of the run's one host, as the remediation identity reaches it."""
    identity = {
        "ansible_user": settings.ssh_user,
        "ansible_ssh_private_key_file": str(settings.ssh_key or settings.ssh_dir / "id_ed25519"),
        "ansible_ssh_common_args": "",
    }
    member: dict[str, Any] = {"hosts": {request.host: {}}}
    groups = {name: member for name in request.groups if name not in ("all", "ungrouped")}
    hosts = {request.host: {**request.host_vars, **identity}}
    # Where the remedy `capture` writes to; as a variable of the inventory it stays a default for people.
    common = {"capture_dir": str(settings.captures_dir)}
    return {"all": {"hosts": hosts, "children": groups, "vars": common}}


def extra_variables(request: RunRequest) -> dict[str, Any]:
    """Return the run's variables; every text in them is marked as data that Ansible must not evaluate."""
    variables: dict[str, Any] = {**request.args, "target": request.host, "run_id": request.run_id}
    if request.instance is not None:
        variables["instance"] = request.instance
    return {**{name: as_data(value) for name, value in variables.items()}, "ansible_become": False}


def as_data(value: Any) -> Any:
    """Return `value` with every text wrapped, however deep it lies."""
    if isinstance(value, str):
        return {"__ansible_unsafe": value}
    if isinstance(value, dict):
        return {name: as_data(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_data(item) for item in value]
    return value


def _ssh_arguments(settings: Settings) -> str:
    """Return ssh options for a connection of the run's own, checked against the same host keys."""
    known_hosts = settings.ssh_known_hosts or settings.ssh_dir / "known_hosts"
    options = {
        "ControlMaster": "auto",
        "ControlPersist": "60s",
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": str(known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "IdentitiesOnly": "yes",
        "ConnectTimeout": "5",
        "ServerAliveInterval": "3",
        "ServerAliveCountMax": "2",
    }
    flags = [item for name, value in options.items() for item in ("-o", f"{name}={value}")]
    return shlex.join(["-F", str(settings.ssh_config_extra or "none"), *flags])
