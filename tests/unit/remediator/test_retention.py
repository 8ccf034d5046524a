"""What was captured does not stay for ever."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from remediator.retention import clean_captures
from tests.unit.remediator.world import NOW


def test_old_captures_go_and_nothing_else(tmp_path: Path) -> None:
    ages = {"gpu01-7860-run-1.tar.gz": 91, "gpu01-7860-run-2.tar.gz": 89, "notes.txt": 400}
    for name, days in ages.items():
        (tmp_path / name).touch()
        at = (NOW - timedelta(days=days)).timestamp()
        os.utime(tmp_path / name, (at, at))
    assert clean_captures(tmp_path, NOW, 90) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gpu01-7860-run-2.tar.gz", "notes.txt"]
    assert clean_captures(tmp_path / "none", NOW, 90) == 0
