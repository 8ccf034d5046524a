"""The files of one machine: an overlay above the Debian tree, and a small real disk at /var/lib/glmtts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.proc import LabError, call

DATA_MOUNT = "/var/lib/glmtts"
DATA_SIZE = "1G"


@dataclass(frozen=True)
class Storage:
    """The folder `top` of one machine. `lower` lists the read-only layers, uppermost first."""

    top: Path
    lower: tuple[Path, ...]

    @property
    def merged(self) -> Path:
        """What the machine sees as its root."""
        return self.top / "root"

    @property
    def upper(self) -> Path:
        """What the machine wrote since its layers were made."""
        return self.top / "upper"

    @property
    def data(self) -> Path:
        """Where its small disk is mounted on this machine."""
        return self.top / "data"

    @property
    def image(self) -> Path:
        """The file that holds the small disk."""
        return self.top / "data.img"

    def mount(self) -> None:
        """Mount root and small disk; what is mounted already stays."""
        for path in (self.merged, self.upper, self.top / "work", self.data):
            path.mkdir(parents=True, exist_ok=True)
        if not os.path.ismount(self.merged):
            mount_overlay(self.merged, self.upper, self.top / "work", self.lower)
        if not self.image.exists():
            _make_disk(self.image)
        if not os.path.ismount(self.data):
            call(["mount", "-o", "loop", str(self.image), str(self.data)])
            shutil.rmtree(self.data / "lost+found", ignore_errors=True)

    def unmount(self) -> None:
        """Undo `mount`; a leftover of a crash is undone too."""
        for path in (self.data, self.merged):
            while os.path.ismount(path):
                if call(["umount", str(path)], check=False).returncode != 0:
                    call(["umount", "--lazy", str(path)])

    def keep_disk(self, to: Path) -> None:
        """Copy the small disk of the (stopped, unmounted) machine to the new folder `to`."""
        to.mkdir(parents=True)
        call(["cp", "--sparse=always", "--reflink=auto", str(self.image), str(to / "data.img")])

    def keep_root(self, to: Path) -> None:
        """Move what the machine wrote to `to`; from then on that is one of its layers."""
        move(self.upper, to / "upper")

    def take(self, kept: Path) -> None:
        """Start again from a kept small disk; the kept upper layer is in `lower` already."""
        self.forget()
        self.top.mkdir(parents=True, exist_ok=True)
        call(["cp", "--sparse=always", "--reflink=auto", str(kept / "data.img"), str(self.image)])

    def forget(self) -> None:
        """Remove everything of this machine."""
        self.unmount()
        shutil.rmtree(self.top, ignore_errors=True)


def mount_overlay(merged: Path, upper: Path, work: Path, lower: Sequence[Path]) -> None:
    """Mount an overlay. Raises LabError where this file system cannot hold one."""
    layers = ":".join(str(path) for path in lower)
    options = f"lowerdir={layers},upperdir={upper},workdir={work}"
    call(["mount", "-t", "overlay", "overlay", "-o", options, str(merged)])


def move(source: Path, target: Path) -> None:
    """Rename a folder, or copy it with every attribute where another file system is in between."""
    try:
        source.rename(target)
    except OSError:
        call(["cp", "-a", str(source), str(target)], timeout_s=600)
        shutil.rmtree(source)


def choose_place(candidates: Sequence[Path]) -> Path:
    """Return the first folder whose file system can hold an overlay."""
    problems = []
    for place in candidates:
        try:
            _try_overlay(place / "overlay-check")
        except LabError as error:
            problems.append(f"{place}: {error}")
        else:
            return place
    raise LabError("no folder can hold an overlay file system:\n" + "\n".join(problems))


def _try_overlay(folder: Path) -> None:
    parts = {name: folder / name for name in ("merged", "upper", "work", "lower")}
    for path in parts.values():
        path.mkdir(parents=True, exist_ok=True)
    try:
        mount_overlay(parts["merged"], parts["upper"], parts["work"], [parts["lower"]])
        call(["umount", str(parts["merged"])])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_disk(image: Path) -> None:
    call(["truncate", "-s", DATA_SIZE, str(image)])
    call(
        [
            "mkfs.ext4",
            "-q",
            "-m",
            "0",
            "-N",
            "16384",
            "-E",
            "lazy_itable_init=1,lazy_journal_init=1",
            str(image),
        ]
    )
