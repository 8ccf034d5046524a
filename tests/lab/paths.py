"""Where the lab keeps its things, and the names that keep labs apart."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent


def cache_dir() -> Path:
    """Return the user's cache folder for this project, made when missing."""
    parent = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    path = Path(parent) / "voicekeeper"
    path.mkdir(parents=True, exist_ok=True)
    return path


def state_dir(name: str) -> Path:
    """Return the folder of the lab called `name`."""
    return ROOT / "var" / "lab" / name


def lab_id(name: str, checkout: Path = ROOT) -> str:
    """Return six characters that differ between checkouts and between labs of one checkout."""
    return hashlib.sha256(f"{checkout}\0{name}".encode()).hexdigest()[:6]


def content_hash(paths: Iterable[Path], *words: str) -> str:
    """Hash the names, modes and contents of files and folders, and some words beside them."""
    digest = hashlib.sha256("\0".join(words).encode())
    for top in sorted(paths):
        for path in _files(top):
            digest.update(f"\0{path.relative_to(top.parent)}\0{path.stat().st_mode & 0o111}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _files(top: Path) -> list[Path]:
    if top.is_file():
        return [top]
    skipped = {"__pycache__", ".mypy_cache", ".ruff_cache"}
    return sorted(path for path in top.rglob("*") if path.is_file() and not skipped & set(path.parts))


@contextmanager
def locked(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`; call `waiting` once when another process has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting is not None:
                waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
