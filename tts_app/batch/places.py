"""The places a run writes to: what keeps it from writing there, and what would be overwritten."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tts_app.batch.out_dir import OutDir
from tts_app.batch.problems import Problem, problem


def places(out_dir: Path, archive_dir: Path | None, there: OutDir) -> Iterator[Problem]:
    """Yield why results can't go to `out_dir`, where `there` lies already, or the zip to `archive_dir`."""
    if detail := unusable(out_dir):
        yield problem("out_dir_unusable", detail=detail)
    yield from there.strangers()
    if archive_dir is not None and (detail := unusable(archive_dir)):
        yield problem("archive_dir_unusable", place=archive_dir, detail=detail)


def unusable(folder: Path) -> str | None:
    """Return why nothing can be written to `folder`, which needn't exist yet."""
    for place in (folder.absolute(), *folder.absolute().parents):
        if place.is_dir():
            return None if os.access(place, os.W_OK | os.X_OK) else f"{place}: Permission denied"
        if place.exists() or place.is_symlink():
            return f"{place}: Not a directory"
    return "no such place"
