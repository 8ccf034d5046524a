"""Progress: a bar on a terminal, plain lines elsewhere, an honest time left."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tests.unit.tts_app.batch.helpers import tasks_file
from tests.unit.tts_app.batch.runs import DirectSpeaker, run
from tests.unit.tts_app.fakes import FakeEngine
from tts_app.batch.estimate import Estimate
from tts_app.batch.preflight import Preflight
from tts_app.batch.problems import problem
from tts_app.batch.progress import Bar, Pace, Plain, clock_time
from tts_app.batch.show import show_preflight
from tts_app.errors import OutOfMemory


class Clock:
    """Ten seconds pass at every look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 10.0
        return self.now


def failing_once() -> DirectSpeaker:
    engine = FakeEngine()
    engine.errors["第1句话"] = OutOfMemory("CUDA out of memory")
    return DirectSpeaker(engine)


def test_plain_lines_name_every_item_and_the_time_left(tmp_path) -> None:
    out = io.StringIO()
    run(tasks_file(3), tmp_path / "out", failing_once(), listener=Plain(out, Clock()))
    lines = out.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("[1/3, 0:20 left] ok line 1 t000")
    assert lines[1].endswith("FAILED line 2 t001: CUDA out of memory / 显存或内存不足：CUDA out of memory")
    assert "\x1b" not in out.getvalue()


def test_a_resumed_run_counts_what_was_finished(tmp_path) -> None:
    speaker = DirectSpeaker()
    run(tasks_file(3), tmp_path / "out", speaker, must_stop=lambda: len(speaker.spoken) == 2)
    out = io.StringIO()
    run(tasks_file(3), tmp_path / "out", listener=Plain(out))
    assert "2 of 3" in out.getvalue()
    assert "[3/3" in out.getvalue()


def test_the_bar_reaches_its_end_and_shows_failures(tmp_path) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120, legacy_windows=False)
    run(tasks_file(3), tmp_path / "out", failing_once(), listener=Bar(console))
    assert "3/3" in out.getvalue()
    assert "FAILED line 2" in out.getvalue()


def test_the_time_left_is_unknown_before_the_first_item() -> None:
    pace = Pace(Clock())
    assert pace.left_s(5) is None
    pace.step()
    assert pace.left_s(2) == pytest.approx(20.0)  # 10 s passed for one item


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (59.6, "1:00"), (61, "1:01"), (3723, "1:02:03")])
def test_times_are_shown_as_people_read_them(seconds, shown) -> None:
    assert clock_time(seconds) == shown


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_problems_are_a_table_that_keeps_brackets() -> None:
    out = Terminal()
    found = problem("path_missing", line=3, field="prompt_audio", value="[red]x[/red].wav")
    show_preflight(Preflight((), {}, (found,), Estimate(0, 0, 0, 0, 0, 0)), out, as_json=False)
    assert "[red]x" in out.getvalue().replace("\n", "")
    assert "prompt_audio" in out.getvalue()
