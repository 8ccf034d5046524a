"""Whatever terminal or pipe takes the command's words, or takes them no more, the batch goes on."""

from __future__ import annotations

import io

import pytest

from tests.unit.tts_app.batch.helpers import tasks_file
from tests.unit.tts_app.batch.runs import run
from tts_app.batch import terminal
from tts_app.batch.progress import Bar, Plain
from tts_app.batch.report import Exit
from tts_app.batch.terminal import Heedless, listener_on, take_every_character


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


class Gone(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


@pytest.mark.parametrize(
    ("screen", "kind", "shown"),
    [
        pytest.param(Screen, "xterm-256color", Bar, id="terminal"),
        pytest.param(Screen, "dumb", Plain, id="terminal that can't draw"),
        pytest.param(io.StringIO, "xterm-256color", Plain, id="pipe or file"),
    ],
)
def test_a_bar_is_drawn_only_where_it_can_be(monkeypatch, screen, kind, shown) -> None:
    monkeypatch.setenv("TERM", kind)
    assert isinstance(listener_on(io.StringIO(), bar_on=screen()).inner, shown)


def test_a_reader_that_is_gone_costs_words_and_no_item(tmp_path, monkeypatch) -> None:
    dropped: list[bool] = []
    monkeypatch.setattr(terminal, "_drop_what_fails", lambda: dropped.append(True))
    report = run(tasks_file(2), tmp_path / "out", listener=Heedless(Plain(Gone())))
    assert report.exit_status is Exit.ALL_OK
    assert len(dropped) == 2


def test_an_old_locale_shows_numbers_for_what_it_lacks(monkeypatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="latin-1", write_through=True))
    take_every_character()
    print("可以开始")
    assert raw.getvalue().startswith(b"\\u53ef")
