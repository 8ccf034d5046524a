"""Hosts on which nothing was deployed yet, for one test or one file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.lab.lab import Lab, cannot_run_here


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
