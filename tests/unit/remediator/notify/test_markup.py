"""Cuts fall on characters, markup stays balanced, and what others wrote is never obeyed."""

from __future__ import annotations

import random
import re

import pytest

from remediator.notify.markup import cut_chars, cut_columns, cut_markdown, one_line, quoted

PIECES = [
    "显存不足", "CUDA out of memory", "👩‍👩‍👧", "é́", "**bold**", '<font color="warning">red</font>',
    "\n", "> ", "`code`", "<@ops>", "[page](https://control.example/a)", " ", "🚀", "x" * 50,
]  # fmt: skip


def is_balanced(text: str) -> bool:
    fonts = re.findall(r"<font color=\"[a-z]+\">|</font>", text)
    depth = 0
    for tag in fonts:
        depth += -1 if tag == "</font>" else 1
        if depth < 0:
            return False
    return depth == 0 and text.count("**") % 2 == 0 and text.count("`") % 2 == 0


@pytest.mark.parametrize("seed", range(200))
def test_a_cut_keeps_to_the_limit_and_leaves_no_markup_open(seed: int) -> None:
    dice = random.Random(seed)
    text = "".join(dice.choices(PIECES, k=dice.randint(1, 120)))
    limit = dice.randint(60, 600)
    cut = cut_markdown(text, limit)
    assert len(cut.encode()) <= limit
    assert is_balanced(cut)
    assert cut == text or "…" in cut


def test_a_text_that_fits_is_left_alone() -> None:
    text = '**<font color="info">gpu01</font>**\n> 你好'
    assert cut_markdown(text, len(text.encode())) == text


def test_a_cut_prefers_the_end_of_a_line() -> None:
    assert (
        cut_markdown("first line\nsecond line\nthird line that is long", 40) == "first line\nsecond line\n…"
    )


def test_a_cut_inside_a_colour_closes_it() -> None:
    assert cut_markdown('**<font color="info">' + "显" * 100 + "</font>**", 60).endswith("…</font>**")


@pytest.mark.parametrize(
    ("text", "limit", "cut"),
    [
        pytest.param("显存不足", 12, "显存不足", id="exactly the limit"),
        pytest.param("显存不足", 11, "显存…", id="never half a character"),
        pytest.param("ab👩‍👩", 12, "ab👩‍👩"[:3] + "…", id="no joiner left at the end"),
        pytest.param("", 10, "", id="empty"),
    ],
)
def test_bytes_are_cut_on_characters(text: str, limit: int, cut: str) -> None:
    assert cut_markdown(text, limit) == cut


def test_characters_are_cut_with_an_ellipsis() -> None:
    assert cut_chars("abcdef", 4) == "abc…"


@pytest.mark.parametrize(
    "text",
    [
        "<@all> look",
        '<font color="warning">x</font>',
        "[click](http://evil.example)",
        "**bold** `code` # head",
        "> quote",
    ],
)
def test_markup_in_a_log_line_is_shown_and_not_obeyed(text: str) -> None:
    assert not re.search(r"[<>\[\]*`#]", quoted(text))


def test_one_line_takes_out_line_breaks_control_and_reordering_characters() -> None:
    assert one_line("a\r\nb\x00c\u202ed\u2028e\ud800") == "a b cd e"


def test_a_long_log_line_is_cut() -> None:
    assert len(one_line("显" * 5000)) == 300


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("拦下的措施", "拦下的措施"),
        ("请检查该通道", "请检查该通"),
        ("Do now", "Do now"),
        ("Held back by", "Held back"),
    ],
)
def test_a_label_has_room_for_five_chinese_characters_or_ten_latin_ones(label: str, shown: str) -> None:
    assert cut_columns(label, 10) == shown
