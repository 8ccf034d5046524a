"""Fixtures of the remediator's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.unit.remediator.world import World

# The same examples on every machine, and no limits that a slow one could miss.
settings.register_profile("steady", deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
settings.load_profile("steady")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Two hosts, all well, everything allowed."""
    made = World(tmp_path)
    yield made
    made.store.close()
