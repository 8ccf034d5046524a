"""Make a local channel: `python`, which is an interpreter of the machine behind a link, and `pip`.

In a process of its own, since py-rattler may crash when Python ends:
`python -m tests.sim.conda.channel FOLDER INTERPRETER VERSION`.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import io
import json
import os
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

import rattler.index

BUILT = 1_700_000_000  # seconds since 1970: the same content gives the same bytes


@dataclass(frozen=True)
class Package:
    """A package to be packed. `files` are contents, `links` targets, both by their path in the prefix."""

    name: str
    version: str
    files: dict[str, bytes] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    depends: tuple[str, ...] = ()


def make_channel(folder: Path, interpreter: Path, version: str) -> None:
    """Fill `folder` with a channel whose python `version` (such as 3.11.2) is `interpreter`."""
    packages = [python(interpreter, version), pip(version)]
    (folder / "linux-64").mkdir(parents=True)
    (folder / "noarch").mkdir()
    for package in packages:
        pack(package, folder / "noarch")
    index(folder)


def index(folder: Path) -> None:
    """Write the indexes of the channel `folder` anew."""
    asyncio.run(rattler.index.index_fs(folder, write_zst=False, write_shards=False))


def python(interpreter: Path, version: str) -> Package:
    """Return the package of an interpreter: the same files that make a virtual environment."""
    minor = ".".join(version.split(".")[:2])
    settings = f"home = {interpreter.parent}\ninclude-system-site-packages = false\nversion = {version}\n"
    return Package(
        "python",
        version,
        files={"pyvenv.cfg": settings.encode(), f"lib/python{minor}/site-packages/README.txt": b""},
        links={
            "bin/python": str(interpreter),
            "bin/python3": "python",
            f"bin/python{minor}": "python",
        },
    )


def pip(version: str) -> Package:
    """Return the pip of the interpreter that runs this, packed for python `version`."""
    minor = ".".join(version.split(".")[:2])
    spec = importlib.util.find_spec("pip")
    if spec is None or spec.origin is None:
        raise RuntimeError("this interpreter has no pip to put into the channel")
    top = Path(spec.origin).parent
    files = {
        f"lib/python{minor}/site-packages/pip/{path.relative_to(top)}": path.read_bytes()
        for path in sorted(top.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    }
    return Package("pip", importlib.import_module("pip").__version__, files, depends=(f"python {minor}.*",))


def pack(package: Package, folder: Path) -> Path:
    """Write the package as NAME-VERSION-0.tar.bz2 into `folder` and return its path."""
    entries = [
        {
            "_path": name,
            "path_type": "hardlink",
            "sha256": hashlib.sha256(data).hexdigest(),
            "size_in_bytes": len(data),
        }
        for name, data in sorted(package.files.items())
    ] + [{"_path": name, "path_type": "softlink"} for name in sorted(package.links)]
    about = {
        "name": package.name,
        "version": package.version,
        "build": "0",
        "build_number": 0,
        "depends": list(package.depends),
        "subdir": "noarch",
        "noarch": "generic",
        "license": "Apache-2.0",
        "timestamp": BUILT * 1000,
    }
    names = "\n".join(sorted([*package.files, *package.links])) + "\n"
    path = folder / f"{package.name}-{package.version}-0.tar.bz2"
    with tarfile.open(path, "w:bz2", compresslevel=1) as tar:
        _add(tar, "info/index.json", json.dumps(about).encode())
        _add(tar, "info/paths.json", json.dumps({"paths_version": 1, "paths": entries}).encode())
        _add(tar, "info/files", names.encode())
        for name, data in sorted(package.files.items()):
            _add(tar, name, data)
        for name, target in sorted(package.links.items()):
            link = tarfile.TarInfo(name)
            link.type, link.linkname, link.mtime = tarfile.SYMTYPE, target, BUILT
            tar.addfile(link)
    return path


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mtime = len(data), BUILT
    member.mode = 0o755 if name.startswith("bin/") else 0o644
    tar.addfile(member, io.BytesIO(data))


if __name__ == "__main__":
    make_channel(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
    sys.stdout.flush()
    os._exit(0)
