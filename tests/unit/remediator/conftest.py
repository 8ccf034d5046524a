"""Fixtures of the remediator's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.remediator.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Two hosts, all well, everything allowed."""
    made = World(tmp_path)
    yield made
    made.store.close()
