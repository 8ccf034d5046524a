from datetime import UTC, datetime

import pytest

import bench.__main__ as program
from bench.figures import Figure
from bench.report import Conditions, rendered

AT = datetime(2026, 11, 27, tzinfo=UTC)


def conditions(load):
    return Conditions("python -m bench --rounds 5", AT, "2 cores, some CPU", 2, load)


def test_the_page_names_machine_command_and_day():
    page = rendered([Figure("x", 1.0, "s", 2, "how")], conditions(0.1))
    assert "2 cores, some CPU; load 0.1" in page
    assert "`python -m bench --rounds 5`, 2026-11-27" in page
    assert "| x | 1 s ✓ | at most 2 s | how |" in page


@pytest.mark.parametrize(("load", "said"), [(0.5, False), (0.6, True)])
def test_figures_of_a_busy_machine_say_so(load, said):
    assert ("measure again" in rendered([], conditions(load))) is said


def test_this_machine_can_be_described():
    here = Conditions.here("x", AT, 0.0)
    assert here.cores >= 1 and "GB of memory" in here.machine


@pytest.mark.parametrize("arguments", [["speed"], ["api", "--write"], ["--rounds", "0"], ["--texts", "1"]])
def test_wrong_usage_is_refused_before_anything_is_measured(arguments, monkeypatch, capsys):
    monkeypatch.setattr(program, "_measure", lambda *_: pytest.fail("measured"))
    with pytest.raises(SystemExit) as ended:
        program.main(arguments)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize(("value", "status"), [(1.0, 0), (3.0, 1)])
def test_all_parts_are_measured_written_and_judged(value, status, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(program, "SPEED", tmp_path / "speed.md")
    monkeypatch.setattr(program, "_measure", lambda part, _: [Figure(part, value, "s", 2, "")])
    assert program.main(["--write"]) == status
    page = (tmp_path / "speed.md").read_text("utf-8")
    assert all(f"| {part} |" in page for part in program.PARTS)
    assert page in capsys.readouterr().out
