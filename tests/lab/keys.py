"""The keys of the lab: made at the first start, kept in the user's cache, never in the repository."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from tests.lab.network import ADDRESSES
from tests.lab.paths import cache_dir, locked
from tests.lab.proc import call

SECRETS = ("sender_token", "viewer_token", "operator_token", "admin_token", "robot_key")


def ensure_keys() -> Path:
    """Return the folder with provision, remedy, host-<name> (and .pub), known_hosts, secrets.json."""
    folder = cache_dir() / "keys"
    with locked(cache_dir() / "keys.lock"):
        folder.mkdir(mode=0o700, exist_ok=True)
        for name in ("provision", "remedy", *(f"host-{host}" for host in ADDRESSES)):
            if not (folder / f"{name}.pub").exists():
                call(
                    [
                        "ssh-keygen",
                        "-q",
                        "-t",
                        "ed25519",
                        "-N",
                        "",
                        "-C",
                        f"lab {name}",
                        "-f",
                        str(folder / name),
                    ]
                )
        (folder / "known_hosts").write_text(_known_hosts(folder))
        if not (folder / "secrets.json").exists():
            _write_secrets(folder / "secrets.json")
    return folder


def lab_secrets() -> dict[str, str]:
    """Return the lab's tokens by name."""
    secrets_by_name: dict[str, str] = json.loads((ensure_keys() / "secrets.json").read_text())
    return secrets_by_name


def _known_hosts(folder: Path) -> str:
    return "".join(
        f"{host},{address} {' '.join((folder / f'host-{host}.pub').read_text().split()[:2])}\n"
        for host, address in ADDRESSES.items()
    )


def _write_secrets(path: Path) -> None:
    path.touch(mode=0o600)
    path.write_text(json.dumps({name: secrets.token_urlsafe(24) for name in SECRETS}, indent=1))
