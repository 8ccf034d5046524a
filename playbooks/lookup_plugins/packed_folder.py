"""Pack a folder of this controller into one archive whose bytes depend on its content alone."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

DOCUMENTATION = """
name: packed_folder
short_description: Pack a folder of the controller, the same content giving the same bytes
description:
  - Returns a dictionary with the path of the archive and the id of its content, so that a host is
    changed only when the content changed.
  - C(zipapp) makes one executable Python file out of a package that has a C(__main__.py).
options:
  _terms:
    description: The folder.
    required: true
  kind:
    description: What to make of it.
    choices: [tar, zipapp]
    default: tar
    type: str
"""

SKIPPED = {"__pycache__", ".mypy_cache", ".ruff_cache"}
EPOCH = (1980, 1, 1, 0, 0, 0)
START = "import sys\n\nfrom {package}.cli import main\n\nsys.exit(main(sys.argv[1:]))\n"


class LookupModule(LookupBase):
    """The lookup `packed_folder`."""

    def run(self, terms: list[str], variables: Any = None, **kwargs: Any) -> list[dict[str, str]]:
        """Pack each folder and return path and id."""
        self.set_options(var_options=variables, direct=kwargs)
        return [self._pack(Path(term), self.get_option("kind")) for term in terms]

    def _pack(self, folder: Path, kind: str) -> dict[str, str]:
        if not folder.is_dir():
            raise AnsibleLookupError(f"packed_folder: {folder} is no folder on this machine")
        data = zipapp_of(folder) if kind == "zipapp" else tar_of(folder)
        digest = hashlib.sha256(data).hexdigest()[:16]
        path = _cache() / f"{folder.name}-{digest}.{'pyz' if kind == 'zipapp' else 'tar'}"
        if not path.exists():
            fresh = path.with_name(f"{path.name}.{os.getpid()}")
            fresh.write_bytes(data)
            fresh.replace(path)
        return {"path": str(path), "id": digest}


def tar_of(folder: Path) -> bytes:
    """Pack a folder under its own name; the last member, COMPLETE, tells that the unpacking was whole."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in _files(folder):
            _add(tar, f"{folder.name}/{path.relative_to(folder)}", path.read_bytes(), path.stat().st_mode)
        _add(tar, "COMPLETE", b"", 0o644)
    return buffer.getvalue()


def zipapp_of(folder: Path) -> bytes:
    """Pack a package into one executable file for the system's own Python."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in _files(folder):
            name = f"{folder.name}/{path.relative_to(folder)}"
            archive.writestr(zipfile.ZipInfo(name, EPOCH), path.read_bytes(), zipfile.ZIP_DEFLATED)
        archive.writestr(zipfile.ZipInfo("__main__.py", EPOCH), START.format(package=folder.name))
    return b"#!/usr/bin/python3 -I\n" + buffer.getvalue()


def _add(tar: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    member.mode = 0o755 if mode & stat.S_IXUSR else 0o644
    tar.addfile(member, io.BytesIO(data))


def _files(folder: Path) -> list[Path]:
    found = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return sorted(path for path in found if not SKIPPED & set(path.relative_to(folder).parts))


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    path = Path(home) / "voicekeeper" / "packed"
    path.mkdir(parents=True, exist_ok=True)
    return path
