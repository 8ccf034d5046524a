"""Delete old batch archives, and nothing else.

The walk goes by directory descriptors opened with O_NOFOLLOW and never leaves its filesystem, so a link
or a directory swapped meanwhile cannot lead it out of its root. Root gives up its rights first: the
deleting is done as the service user. Ages are exact seconds, not find's rounded days.
"""

from __future__ import annotations

import fnmatch
import json
import os
import pwd
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from glmtts_remedy import disks, proc
from glmtts_remedy.config import Config, Instance
from glmtts_remedy.errors import HelperError, UsageProblem

DEEPEST = 3
NAMES_SHOWN = 50
OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Rules(NamedTuple):
    """What may go: older than `keep_days`, not among the `keep_newest`, until enough is free."""

    keep_days: float
    keep_newest: int
    target_free_pct: float | None
    dry_run: bool


class Archive(NamedTuple):
    """A file that matches, with the directory it was found in still open."""

    directory: int
    name: str
    shown: str
    key: tuple[int, int]
    size_b: int
    modified: float


@dataclass
class Report:
    """What the purge did."""

    freed_b: int = 0
    deleted: list[str] = field(default_factory=list)
    skipped_open: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    kept: int = 0
    target_reached: bool = False

    def as_json(self, dry_run: bool) -> dict[str, Any]:
        """The report with bounded lists of names."""
        return {
            "dry_run": dry_run,
            "freed_b": self.freed_b,
            "deleted_count": len(self.deleted),
            "deleted": self.deleted[:NAMES_SHOWN],
            "skipped_open": self.skipped_open[:NAMES_SHOWN],
            "failed": self.failed[:NAMES_SHOWN],
            "kept_count": self.kept,
            "target_reached": self.target_reached,
        }


def purge(config: Config, rules: Rules) -> dict[str, Any]:
    """Purge every instance's archives and report what was freed, and how full the disk is now."""
    check(rules)
    in_use = proc.open_files()  # as root: another user's descriptors are not ours to see later
    before = disks.free_pct(config.archives_path)
    report = _as_service_user(config, rules, in_use) if os.geteuid() == 0 else _purge(config, rules, in_use)
    report["free_pct_before"] = before
    report["free_pct_after"] = disks.free_pct(config.archives_path)
    if report["failed"]:
        raise HelperError("some archives could not be deleted", **report)
    return report


def check(rules: Rules) -> None:
    """Raise UsageProblem for rules nobody can mean."""
    if not 0 < rules.keep_days <= 3650:
        raise UsageProblem("--keep-days is more than 0 and at most 3650")
    if not 0 <= rules.keep_newest <= 100_000:
        raise UsageProblem("--keep-newest is 0 to 100000")
    if rules.target_free_pct is not None and not 0 < rules.target_free_pct < 100:
        raise UsageProblem("--target-free-pct is between 0 and 100")


def _purge(config: Config, rules: Rules, in_use: set[tuple[int, int]]) -> dict[str, Any]:
    report = Report()
    old: list[Archive] = []
    directories: list[int] = []
    for item in config.instances.values():
        root = _root(config, item)
        if root is None:
            continue
        found = sorted(walk(root, config.purge_pattern, directories), key=lambda one: -one.modified)
        candidates = [one for one in found[rules.keep_newest :] if _is_old(one, rules)]
        report.kept += len(found) - len(candidates)
        old += candidates
    for one in sorted(old, key=lambda one: one.modified):
        if _enough_free(config, rules):
            report.target_reached = True
            break
        _delete(one, rules, in_use, report)
    for directory in directories:
        os.close(directory)
    return report.as_json(rules.dry_run)


def _root(config: Config, item: Instance) -> int | None:
    """Open the folder of an instance's archives; None when there is none.

    Raises HelperError for an adopted service whose folder is reached through a link: it is never followed.
    """
    if item.adopted is None:
        return _open_below(os.path.realpath(config.data_dir), f"{item.port}/{config.purge_dir}")
    folder = item.adopted.outputs_dir
    if folder and os.path.realpath(folder) != os.path.normpath(folder):
        raise HelperError(
            f"outputs_dir {folder} leads through a link: give {os.path.realpath(folder)} instead"
        )
    return _open_below("/", os.path.normpath(folder).strip("/")) if folder else None


def walk(
    root: int, pattern: str, directories: list[int], shown: str = "", depth: int = 0
) -> Iterator[Archive]:
    """Yield the matching files below an open directory, staying on its filesystem.

    The descriptors stay open, for deleting, and are added to `directories`; the caller closes them.
    """
    directories.append(root)
    device = os.fstat(root).st_dev
    for name in sorted(os.listdir(root)):
        try:
            status = os.stat(name, dir_fd=root, follow_symlinks=False)
        except OSError:
            continue
        path = f"{shown}{printable(name)}"
        if stat.S_ISREG(status.st_mode) and fnmatch.fnmatchcase(name, pattern):
            key = (status.st_dev, status.st_ino)
            yield Archive(root, name, path, key, status.st_blocks * 512, status.st_mtime)
        elif stat.S_ISDIR(status.st_mode) and status.st_dev == device and depth < DEEPEST:
            below = _open_directory(name, root)
            if below is not None:
                yield from walk(below, pattern, directories, f"{path}/", depth + 1)


def printable(name: str) -> str:
    """A file name fit for JSON and logs, whatever bytes it has."""
    return os.fsencode(name).decode("utf-8", "replace")


def _delete(item: Archive, rules: Rules, in_use: set[tuple[int, int]], report: Report) -> None:
    if item.key in in_use:
        report.skipped_open.append(item.shown)
        return
    try:
        now = os.stat(item.name, dir_fd=item.directory, follow_symlinks=False)
        if (now.st_dev, now.st_ino) != item.key or now.st_mtime != item.modified:
            return  # replaced since the walk: no longer the old file
        if not rules.dry_run:
            os.unlink(item.name, dir_fd=item.directory)
    except OSError as error:
        report.failed.append(f"{item.shown}: {error.strerror}")
        return
    report.deleted.append(item.shown)
    report.freed_b += item.size_b if now.st_nlink == 1 else 0


def _is_old(item: Archive, rules: Rules) -> bool:
    return time.time() - item.modified > rules.keep_days * 86400


def _enough_free(config: Config, rules: Rules) -> bool:
    target = rules.target_free_pct
    return target is not None and disks.free_pct(config.archives_path) >= target


def _open_below(root: str, path: str) -> int | None:
    """Open root/path, following no link on the way; None when it is not a plain directory chain."""
    try:
        at = os.open(root, OPEN_DIRECTORY)
    except OSError:
        return None
    for part in path.split("/"):
        below = _open_directory(part, at)
        os.close(at)
        if below is None:
            return None
        at = below
    return at


def _open_directory(name: str, parent: int) -> int | None:
    try:
        return os.open(name, OPEN_DIRECTORY, dir_fd=parent)
    except OSError:
        return None


def _as_service_user(config: Config, rules: Rules, in_use: set[tuple[int, int]]) -> dict[str, Any]:
    """Do the purge in a child that has become the service user for good."""
    account = pwd.getpwnam(config.user)
    read_fd, write_fd = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read_fd)
            os.setgroups([])
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
            with os.fdopen(write_fd, "w") as pipe:
                json.dump(_purge(config, rules, in_use), pipe)
        finally:
            os._exit(0)
    os.close(write_fd)
    with os.fdopen(read_fd) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    if not text:
        raise HelperError(f"the purge as user {config.user} ended without an answer")
    report: dict[str, Any] = json.loads(text)
    return report
