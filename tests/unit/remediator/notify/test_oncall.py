"""Whose turn it is, on both sides of every handover."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from remediator.errors import ConfigError
from remediator.notify.oncall import Rotation, load_rotation

FILE = """
timezone: Asia/Shanghai
people:
  wang: {name: 王伟, wecom: wangwei, mail: wang@example.com}
  li: {wecom: lina}
  zhao: {mail: zhao@example.com, language: en, timezone: Europe/Berlin}
rotation: {start: 2026-11-23 09:00, days: 7, order: [wang, li, zhao]}
overrides:
  - {from: 2026-11-25 09:00, to: 2026-11-26 09:00, person: zhao}
"""


def load(tmp_path: Path, text: str = FILE) -> Rotation:
    path = tmp_path / "oncall.yml"
    path.write_text(text, encoding="utf-8")
    return load_rotation(path)


def utc(day: int, hour: int, minute: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "level", "person"),
    [
        pytest.param(utc(23, 1), 0, "wang", id="first handover, 09:00 in Shanghai"),
        pytest.param(utc(23, 0, 59), 0, "zhao", id="a minute before it, the turn before"),
        pytest.param(utc(30, 0, 59), 0, "wang", id="last minute of the week"),
        pytest.param(utc(30, 1), 0, "li", id="next week"),
        pytest.param(utc(14, 1, month=12), 0, "wang", id="round again"),
        pytest.param(utc(25, 1), 0, "zhao", id="override begins"),
        pytest.param(utc(26, 1), 0, "wang", id="override ends"),
        pytest.param(utc(23, 1), 1, "li", id="nobody answered"),
        pytest.param(utc(23, 1), 2, "zhao", id="nobody answered twice"),
        pytest.param(utc(23, 1), 3, "wang", id="then again from the start"),
        pytest.param(utc(25, 1), 1, "wang", id="after an override the next in order"),
    ],
)
def test_on_duty(tmp_path: Path, now: datetime, level: int, person: str) -> None:
    assert load(tmp_path).on_duty(now, level).key == person


def test_a_handover_keeps_its_wall_clock_when_clocks_change(tmp_path: Path) -> None:
    text = FILE.replace("Asia/Shanghai", "Europe/Berlin").replace("2026-11-23", "2026-10-19")
    rotation = load(tmp_path, text)
    assert rotation.on_duty(datetime(2026, 10, 26, 7, 59, tzinfo=UTC)).key == "wang"  # 08:59 in winter time
    assert rotation.on_duty(datetime(2026, 10, 26, 8, 0, tzinfo=UTC)).key == "li"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("wecom: lina", "name: x"), "people.li: needs wecom or mail"),
        (("wecom: lina", "wecom: lina, aliases: [{}]"), "people.li.aliases: must be a list of names"),
        (("wecom: lina", "wecom: lina, aliases: books"), "people.li.aliases: must be a list of names"),
        (("  zhao: {", f"  {'z' * 57}: {{wecom: z}}\n  zhao: {{"), "must have at most 56 characters"),
        (("order: [wang, li, zhao]", "order: [wang, nobody]"), "nobody is not among people"),
        (("order: [wang, li, zhao]", "order: []"), "rotation.order: must list people"),
        (("days: 7", "days: 0"), "rotation.days"),
        (("start: 2026-11-23 09:00", "start: monday"), "rotation.start"),
        (("timezone: Asia/Shanghai", "timezone: Nowhere"), "timezone: must be an IANA name"),
        (("language: en", "language: fr"), "people.zhao.language"),
        (("person: zhao", "person: kim"), "kim is not among people"),
        (("to: 2026-11-26 09:00", "to: 2026-11-24 09:00"), "from must be before to"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, change: tuple[str, str], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, FILE.replace(*change))
    assert problem in str(caught.value)


def test_people_may_own_batches_under_other_names_and_need_no_turn(tmp_path: Path) -> None:
    text = FILE.replace("  zhao: {", "  kim: {wecom: kim, aliases: [nightly-books, 7]}\n  zhao: {")
    rotation = load(tmp_path, text)
    assert rotation.people["kim"].aliases == ("nightly-books", "7")
    assert rotation.people["li"].aliases == ()


@pytest.mark.parametrize("text", ["", "[]", "people: {", "people: {}"])
def test_a_file_that_is_no_rotation_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError):
        load(tmp_path, text)
