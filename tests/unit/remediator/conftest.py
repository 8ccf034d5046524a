"""Fixtures of the remediator's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.postgresql import Cluster, cluster
from tests.unit.remediator.world import World

BOTH = ("sqlite", pytest.param("postgresql", marks=pytest.mark.slow))

# The same examples on every machine, and no limits that a slow one could miss.
settings.register_profile("steady", deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
settings.load_profile("steady")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Two hosts, all well, everything allowed."""
    made = World(tmp_path)
    yield made
    made.store.close()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    """A real PostgreSQL of our own."""
    with cluster() as running:
        yield running


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/deep/remediator.db"
        return
    with request.getfixturevalue("postgresql").database() as address:
        yield address
