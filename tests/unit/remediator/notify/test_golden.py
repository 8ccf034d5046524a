"""Every kind of message in Chinese and English is kept as a file; a change of words shows in review.

After a wanted change: `UPDATE_GOLDEN=1 python -m pytest tests/unit/remediator/notify/test_golden.py`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from remediator.notify.message import read_message
from remediator.notify.rendered import NOW, READERS, document, golden, letters
from remediator.notify.samples import samples
from remediator.notify.wecom import BODIES
from remediator.notify.wording import compose
from tests.unit.remediator.notify.test_markup import is_balanced

HERE = Path(__file__).parent / "golden"
DOCUMENT = Path(__file__).parents[4] / "docs" / "notifications.md"
NAMES = [(language, name) for language in READERS for name in letters(language)]
UPDATE = bool(os.environ.get("UPDATE_GOLDEN"))


def same(path: Path, text: str) -> None:
    if UPDATE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(("language", "name"), NAMES)
def test_a_message_reads_as_it_did(language: str, name: str) -> None:
    same(HERE / f"{name}.{language}.txt", golden(letters(language)[name]))


def test_no_golden_file_is_left_over() -> None:
    assert {path.name for path in HERE.iterdir()} == {f"{name}.{language}.txt" for language, name in NAMES}


@pytest.mark.parametrize(("language", "name"), NAMES)
def test_the_first_line_fits_a_lock_screen(language: str, name: str) -> None:
    assert 0 < len(letters(language)[name].headline) <= 40


@pytest.mark.parametrize(("language", "name"), NAMES)
@pytest.mark.parametrize(("style", "limit"), [("markdown", 4096), ("markdown_v2", 4096), ("text", 2048)])
def test_every_kind_keeps_to_the_robots_limit(language: str, name: str, style: str, limit: int) -> None:
    content = BODIES[style](letters(language)[name])[style]["content"]
    assert len(content.encode()) <= limit


NASTY = {
    "cjk": "显存不足，请检查。" * 600,
    "emoji": "👩‍👩‍👧‍👦🚀" * 900,
    "log line": "2026-11-27T01:02:03.123Z ERROR " + "x" * 5000,
    "markup": '</font>**`<font color="info">[x](https://evil.example)<@all>' * 90,
}


def spoiled(value: Any, text: str) -> Any:
    """Return facts with `text` wherever others wrote something."""
    if isinstance(value, dict):
        kept = (
            "kind",
            "state",
            "fault",
            "mode",
            "severity",
            "at",
            "opened_at",
            "verdict",
            "approve",
            "incident_id",
        )
        return {name: one if name in kept else spoiled(one, text) for name, one in value.items()}
    if isinstance(value, list):
        return [spoiled(one, text) for one in value]
    return text if isinstance(value, str) else value


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
@pytest.mark.parametrize(("language", "name"), NAMES)
def test_whatever_others_wrote_every_kind_stays_within_limits_and_in_order(
    language: str, name: str, text: str
) -> None:
    plain = samples(NOW)[name]
    message = read_message(plain.id, plain.kind, NOW, spoiled(dict(plain.facts), text))
    letter = compose(message, READERS[language])
    assert len(letter.headline) <= 40
    for style, limit in (("markdown", 4096), ("markdown_v2", 4096), ("text", 2048)):
        content = BODIES[style](letter)[style]["content"]
        assert len(content.encode()) <= limit
        assert is_balanced(content)
        assert message.id in content.splitlines()[-1]
        assert "<@all>" not in content
        assert "](https://evil" not in content
    assert "\n" not in letter.headline


@pytest.mark.parametrize(("language", "name"), NAMES)
def test_the_mode_is_always_shown(language: str, name: str) -> None:
    label = {"zh": "模式", "en": "Mode"}[language]
    assert any(line.label == label for line in letters(language)[name].lines)


def test_an_english_message_holds_no_chinese() -> None:
    for name, letter in letters("en").items():
        text = golden(letter)
        assert not [char for char in text if "\u4e00" <= char <= "\u9fff"], name


def test_the_document_shows_every_kind_as_it_is() -> None:
    same(DOCUMENT, document())
