"""One folder with every Python package the hosts install, filled once from the package registry."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from tests.lab.paths import ROOT, cache_dir, content_hash, locked
from tests.lab.proc import call
from tests.lab.progress import Progress

LOCKS = ("remediator/requirements.lock", "tts_app/requirements.lock")
OPEN = ("tts_app/requirements-glm.txt", "tests/sim/glm_tts/requirements.txt")
TOOLS = ("pip", "setuptools", "wheel")
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")


def wheelhouse_key() -> str:
    """Name the content: the lists of packages and this recipe."""
    return content_hash([*_present(LOCKS + OPEN), Path(__file__)], sys.version.split()[0])


def ensure_wheelhouse(progress: Progress) -> Path:
    """Return the folder of packages, filling it when these lists were never filled here."""
    path = cache_dir() / f"wheelhouse-{wheelhouse_key()}"
    if path.is_dir():
        return path
    with locked(
        cache_dir() / "wheelhouse.lock", lambda: progress.say("another process fetches the packages; waiting")
    ):
        if not path.is_dir():
            with progress.step("fetch the Python packages of the hosts (1-3 minutes, once)"):
                _fill(path, progress)
    return path


def _fill(path: Path, progress: Progress) -> None:
    filling = path.with_suffix(".filling")
    filling.mkdir(exist_ok=True)  # what an interrupted try fetched is used
    for lock in _present(LOCKS):
        _download(filling, progress, "--no-deps", "--require-hashes", "-r", str(lock))
    for names in _present(OPEN):
        _download(filling, progress, "-r", str(names))
    _download(filling, progress, *TOOLS)
    for source in sorted(filling.glob("*.tar.gz")) + sorted(filling.glob("*.zip")):
        if not _has_wheel(filling, source):
            progress.say(f"  build a wheel of {source.name}")
            call([*PIP, "wheel", "--no-deps", "--wheel-dir", str(filling), str(source)], timeout_s=600)
    filling.rename(path)
    _forget_older(path)


def _download(folder: Path, progress: Progress, *what: str) -> None:
    progress.say(f"  fetch {what[-1].removeprefix(str(ROOT) + '/')}")
    find = ("--find-links", str(folder))
    call([*PIP, "download", *find, "--dest", str(folder), *what], timeout_s=1200)


def _has_wheel(folder: Path, source: Path) -> bool:
    project = re.sub(r"[-_.]+", "_", re.split(r"-\d", source.name)[0]).lower()
    return any(wheel.name.split("-")[0].lower() == project for wheel in folder.glob("*.whl"))


def _forget_older(current: Path) -> None:
    """Keep this one and the one before it: running labs may still read that."""
    others = [path for path in cache_dir().glob("wheelhouse-????????????????") if path != current]
    for path in sorted(others, key=lambda p: p.stat().st_mtime)[:-1]:
        shutil.rmtree(path)


def _present(names: tuple[str, ...]) -> list[Path]:
    return [ROOT / name for name in names if (ROOT / name).exists()]
