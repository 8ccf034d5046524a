import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_app.text import split as cutting
from tts_app.text.check import speakable
from tts_app.text.normalise import normalise
from tts_app.text.split import MAX_UNITS, split, units

weight_of = cutting._weight
# F4: 29 words, no comma; upstream's own splitter ends with IndexError on sentences of this kind.
LONG_SENTENCE = " ".join(["internationalization"] * 29) + "."


def spoken(text: str) -> str:
    return "".join(char for char in text if speakable(char))


def test_a_long_english_sentence_without_commas_is_cut_between_words():
    pieces = split(LONG_SENTENCE)
    assert all(units(piece) <= MAX_UNITS for piece in pieces)
    assert " ".join(pieces) == LONG_SENTENCE


def test_short_sentences_are_joined_while_they_fit():
    assert split("你好。世界。") == ["你好。世界。"]


def test_it_cuts_at_sentence_ends_before_it_cuts_anywhere_else():
    assert split("今天天气很好。我们去公园吧。", 8) == ["今天天气很好。", "我们去公园吧。"]


def test_a_sentence_too_long_is_cut_at_commas():
    assert split("今天天气很好，我们去公园吧", 8) == ["今天天气很好，", "我们去公园吧"]


def test_one_endless_word_is_cut_between_characters():
    assert [len(piece) for piece in split("啊" * 150)] == [60, 60, 30]


def test_a_decimal_point_ends_no_sentence():
    assert split("圆周率是3.14左右", 6) != []
    assert all("3.14" in piece or "." not in piece for piece in split("价格 3.14 元。好", 8))


def test_punctuation_alone_makes_no_piece():
    assert split("。。。") == []
    assert split("好。……！！") == ["好。……！！"]


@pytest.mark.parametrize(("text", "weight"), [("", 0), ("你好", 2), ("12", 2), ("，。", 0), ("go", 0.7)])
def test_units(text, weight):
    assert units(text) == pytest.approx(weight)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("。！" * 300, id="sentences"),
        pytest.param("啊" * 61 + "(" * 1000, id="one endless word"),
    ],
)
def test_what_has_no_weight_is_not_weighed_over_and_over(monkeypatch, text):
    weighed = []
    monkeypatch.setattr(cutting, "_weight", lambda token: weighed.append(token) or weight_of(token))
    split(text)
    assert len(weighed) <= 8 * len(text)


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("你好世界abcdefgaeiou 0123456789，。！？,.!?\n'-éü😀"), max_size=300))
def test_no_speakable_character_is_lost_repeated_or_too_heavy(text):
    clean = normalise(text)
    pieces = split(clean, 12)
    assert spoken("".join(pieces)) == spoken(clean)
    assert all(units(piece) <= 12 + 1e-9 and speakable(piece) for piece in pieces)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_any_text_at_all_survives_cleaning_and_cutting(text):
    pieces = split(normalise(text))
    assert all(speakable(piece) for piece in pieces)
    assert not re.search(r"[\0\n]", "".join(pieces))
