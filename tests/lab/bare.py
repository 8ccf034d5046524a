"""Hosts on which nothing was deployed yet, for one test or one file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab import cgroups
from tests.lab.lab import Lab, cannot_run_here
from tests.lab.proc import call


def require_lab() -> None:
    """Skip, with the reason, where this machine cannot run a lab."""
    reason = cannot_run_here()
    if reason:
        pytest.skip(reason)


@contextmanager
def bare_lab(name: str) -> Iterator[Lab]:
    """Boot a lab of that name, and take it down at the end whatever happened."""
    require_lab()
    lab = Lab(name)
    lab.down()
    try:
        lab.up()
        yield lab
    finally:
        lab.down()
    assert traces(lab) == [], "a lab that was taken down leaves nothing"


def traces(lab: Lab) -> list[str]:
    """Name what this machine still holds of a lab: folders, mounts, loop devices, processes, control groups."""
    names = (str(lab.state), str(lab.run_dir), lab.network.name)
    places = [lab.state, lab.run_dir, lab.network.path]
    places += [place for root in cgroups.ROOTS for place in root.glob(f"*{lab.id}*")]
    listed = [
        Path("/proc/mounts").read_text(),
        call(["losetup", "--list", "--noheadings"]).stdout,
        _commands(),
    ]
    found = [line for text in listed for line in text.splitlines() if any(name in line for name in names)]
    return found + [str(place) for place in places if place.exists()]


def _commands() -> str:
    """Return the command line of every process that has one, one a line."""
    return call(["ps", "-eo", "args", "--no-headers", "-ww"]).stdout
