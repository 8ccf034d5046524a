"""Whatever is wrong with a line, the lines around it are spoken and nothing is written anywhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.tts_app.batch.bad_inputs import FIELDS, SYNTAX, as_bytes
from tests.unit.tts_app.batch.helpers import PRESET, line, recordings
from tests.unit.tts_app.batch.runs import DirectSpeaker, run
from tts_app.batch.report import Exit

BEFORE = line(output_name="before", input_text="前一句")
AFTER = line(output_name="after", input_text="后一句")
MIDDLE = [pytest.param(row[1], PRESET if len(row) == 4 else row[4], id=row[0]) for row in (*SYNTAX, *FIELDS)]


def content(place: Path) -> dict[str, bytes | None]:
    """Every file below `place` with what it holds."""
    found: dict[str, bytes | None] = {}
    for folder, _, names in os.walk(place):
        for name in names:
            path = Path(folder) / name
            found[str(path)] = path.read_bytes() if path.is_file() and not path.is_symlink() else None
    return found


@pytest.mark.parametrize(("bad", "engine"), MIDDLE)
def test_a_bad_line_costs_itself_alone(tmp_path, bad, engine) -> None:
    folder = recordings(tmp_path)
    before, speaker = content(tmp_path), DirectSpeaker()
    data = b"\n".join([BEFORE.encode(), as_bytes(bad), AFTER.encode()])
    report = run(data, folder / "results", speaker, engine=engine)
    assert speaker.spoken == ["前一句", "后一句"]
    assert [(row.line, row.status) for row in report.rows] == [(1, "ok"), (2, "failed"), (3, "ok")]
    assert report.exit_status is Exit.SOME_FAILED
    after = content(tmp_path)
    assert {path: after[path] for path in before} == before
    assert {Path(path).parent for path in after.keys() - before.keys()} == {folder / "results"}
