"""Fixtures of the batch tests."""

from pathlib import Path

import pytest

from tests.unit.tts_app.batch.place import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A place where the command runs."""
    return Place(tmp_path)
