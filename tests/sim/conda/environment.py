"""What to install: an environment.yml with names, or an explicit lock with addresses and checksums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from .failures import CondaFailure

ALIAS = "https://conda.anaconda.org"
EXPLICIT = "@EXPLICIT"


@dataclass(frozen=True)
class Wanted:
    """The content of an environment.yml: addresses of channels, and the packages' names with versions."""

    channels: Sequence[str]
    packages: Sequence[str]


def read_environment(path: Path) -> Wanted:
    """Read an environment.yml. Raises CondaFailure for a file that isn't there or holds something else."""
    content = yaml.safe_load(_text(path))
    if not isinstance(content, dict):
        raise CondaFailure("SpecNotFound", f"Environment file {path} is not valid.")
    names = [name for name in content.get("channels", []) if name != "nodefaults"]
    return Wanted(
        channels=[channel_url(name) for name in names or ["conda-forge"]],
        packages=[str(one) for one in content.get("dependencies", [])],
    )


def read_explicit(path: Path) -> list[tuple[str, str]]:
    """Read a lock; return address and md5 of each package. Raises CondaFailure when it is no lock."""
    lines = [line.strip() for line in _text(path).splitlines()]
    if EXPLICIT not in lines:
        raise CondaFailure("CondaValueError", f"{path}: only explicit locks are understood here")
    packages = [line for line in lines[lines.index(EXPLICIT) + 1 :] if line and not line.startswith("#")]
    return [(url, md5) for url, _, md5 in (line.partition("#") for line in packages)]


def channel_url(name: str) -> str:
    """Return the address that conda makes of a channel's name."""
    if "://" in name:
        return name.rstrip("/")
    return f"file://{Path(name).absolute()}" if name.startswith(("/", ".")) else f"{ALIAS}/{name}"


def _text(path: Path) -> str:
    if not path.is_file():
        raise CondaFailure("EnvironmentFileNotFound", f"'{path}' file not found")
    return path.read_text(encoding="utf-8")
