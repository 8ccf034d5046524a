"""Named tokens: who may do what. The file holds hashes; a token itself is shown once, when it is made.

    tokens:
      - name: alertmanager
        role: sender            # sender posts alerts, viewer reads, operator reads and decides
        hash: "sha256:9f86d0..."
        hosts: [gpu01, gpu02]   # optional, senders only: alerts for other hosts are refused

Tokens are 256 random bits, so one SHA-256 is enough: there is nothing to guess that salt could slow down.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import yaml

from remediator.errors import ConfigError


class Role(StrEnum):
    """What a token's holder may do."""

    SENDER = "sender"
    VIEWER = "viewer"
    OPERATOR = "operator"


# An operator may also look; nobody but a sender posts alerts.
GRANTS: Mapping[Role, frozenset[Role]] = {
    Role.SENDER: frozenset({Role.SENDER}),
    Role.VIEWER: frozenset({Role.VIEWER}),
    Role.OPERATOR: frozenset({Role.OPERATOR, Role.VIEWER}),
}


@dataclass(frozen=True)
class Holder:
    """Who presented a token. `hosts` empty: not bound to hosts."""

    name: str
    role: Role
    hosts: frozenset[str] = frozenset()

    def may(self, role: Role) -> bool:
        """Whether this holder may do what `role` may do."""
        return role in GRANTS[self.role]

    def may_report(self, host: str) -> bool:
        """Whether this sender may report alerts of `host`."""
        return not self.hosts or host in self.hosts


class Tokens:
    """The known tokens."""

    def __init__(self, holders: Mapping[str, Holder]) -> None:
        self._holders = dict(holders)

    def holder(self, token: str) -> Holder | None:
        """Return who holds `token`, or None. Takes as long whichever token matches."""
        presented = digest(token)
        found = None
        for known, holder in self._holders.items():
            if hmac.compare_digest(known, presented):
                found = holder
        return found

    def named(self, name: str, fingerprint: str) -> Holder | None:
        """Return the holder of that name whose token still has that fingerprint."""
        for known, holder in self._holders.items():
            if holder.name == name and hmac.compare_digest(_short(known), fingerprint):
                return holder
        return None

    def fingerprint(self, name: str) -> str:
        """Return what tells this holder's present token from an earlier one, and nothing more."""
        return next(_short(known) for known, holder in self._holders.items() if holder.name == name)

    def __len__(self) -> int:
        return len(self._holders)

    def names(self) -> list[str]:
        """Return the holders' names."""
        return [holder.name for holder in self._holders.values()]


def digest(token: str) -> str:
    """Return what the file stores for `token`."""
    return "sha256:" + hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _short(stored: str) -> str:
    return hashlib.sha256(stored.encode()).hexdigest()[:16]


def new_token() -> str:
    """Return a fresh token: 256 random bits, safe in headers and shells."""
    return secrets.token_urlsafe(32)


def load_tokens(path: Path) -> Tokens:
    """Read the token file. Raises ConfigError with every problem at once."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError([f"tokens_file: {path} can't be read ({type(error).__name__})"]) from None
    entries = data.get("tokens") if isinstance(data, dict) else None
    if not isinstance(entries, list):
        raise ConfigError([f"tokens_file: {path} must hold a list under `tokens:`"])
    problems: list[str] = []
    holders: dict[str, Holder] = {}
    for place, entry in enumerate(entries, start=1):
        _take(entry, f"tokens_file: entry {place}", holders, problems)
    if problems:
        raise ConfigError(problems)
    return Tokens(holders)


def _take(entry: object, where: str, holders: dict[str, Holder], problems: list[str]) -> None:
    if not isinstance(entry, dict):
        problems.append(f"{where}: must have name, role and hash")
        return
    name, role, stored, hosts = (entry.get(key) for key in ("name", "role", "hash", "hosts"))
    wrong = []
    if not isinstance(name, str) or not name:
        wrong.append("name: must be text")
    elif name in {holder.name for holder in holders.values()}:
        wrong.append(f"name: {name} is used twice; give each token a name of its own")
    if role not in list(Role):
        wrong.append(f"role: must be one of {', '.join(Role)}")
    if not _is_hash(stored):
        wrong.append("hash: must be sha256: and 64 hex digits; make one with `remediator token new`")
    elif stored in holders:
        wrong.append("hash: the same token is listed twice")
    if hosts is not None and not _is_names(hosts):
        wrong.append("hosts: must be a list of host names")
    if wrong:
        problems += [f"{where}: {problem}" for problem in wrong]
        return
    holders[str(stored)] = Holder(str(name), Role(str(role)), frozenset(hosts or ()))


def _is_hash(stored: object) -> bool:
    if not isinstance(stored, str) or not stored.startswith("sha256:"):
        return False
    hexes = stored.removeprefix("sha256:")
    return len(hexes) == 64 and set(hexes) <= set("0123456789abcdef")


def _is_names(hosts: object) -> bool:
    return isinstance(hosts, list) and all(isinstance(host, str) and host for host in hosts)
