"""How this machine reaches a lab: an ssh configuration for people, a second inventory for Ansible."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.lab.keys import lab_secrets
from tests.lab.network import ADDRESSES, Network

SSH_CONFIG = """Host {hosts}
  User root
  IdentityFile {keys}/provision
  IdentitiesOnly yes
  UserKnownHostsFile {keys}/known_hosts
  StrictHostKeyChecking yes
  ProxyCommand {proxy}
  ConnectTimeout 5
  LogLevel ERROR
"""


def write_connection(state: Path, name: str, network: Network, keys: Path, run_dir: Path) -> None:
    """Write `ssh_config` and `connection.yml` into the lab's folder."""
    proxy = " ".join(network.wrap("socat", "-", "TCP:%h:%p"))
    state.mkdir(parents=True, exist_ok=True)
    hosts = "".join(f"Host {host}\n  HostName {address}\n" for host, address in ADDRESSES.items())
    (state / "ssh_config").write_text(
        hosts + SSH_CONFIG.format(hosts=" ".join(ADDRESSES), keys=keys, proxy=proxy)
    )
    path = state / "connection.yml"
    path.touch(mode=0o600)
    text = json.dumps({"all": _inventory(state, name, keys, proxy, run_dir)}, indent=2)
    path.write_text(f"# How to reach the lab `{name}` from this machine; JSON is YAML.\n{text}\n")


def _inventory(state: Path, name: str, keys: Path, proxy: str, run_dir: Path) -> dict[str, Any]:
    arguments = (
        f"-o UserKnownHostsFile={keys}/known_hosts -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes "
        f'-o ProxyCommand="{proxy}"'
    )
    return {
        "vars": {
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(keys / "provision"),
            "ansible_ssh_common_args": arguments,
            # Every lab has the same addresses: shared connections must not be shared between labs.
            "ansible_control_path": f"{run_dir}/%%h-%%r",
            "lab_name": name,
            "lab_dir": str(state),
            "lab_known_hosts_file": str(keys / "known_hosts"),
            "lab_remedy_private_key_file": str(keys / "remedy"),
            "lab_remedy_public_key_file": str(keys / "remedy.pub"),
            "lab_secrets": lab_secrets(),
        },
        "hosts": {host: {"ansible_host": address} for host, address in ADDRESSES.items()},
    }
