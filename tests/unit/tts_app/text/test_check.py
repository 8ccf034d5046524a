import pytest

from tts_app.errors import BadRequest
from tts_app.text.check import prepare, speakable


@pytest.mark.parametrize("text", ["好", "a", "7", "é", "㐀", "〇", "\U00020000", "!a!"])
def test_one_character_that_can_be_spoken_is_enough(text):
    assert speakable(text)


# F5: GLM-TTS speaks noise for these, without an error.
@pytest.mark.parametrize(
    "text", ["", "   ", "\n\n", "。！？", "...", "😀😀", "\u202e\u200b", "—", "\ufe0f", "♪♫"]
)
def test_a_text_without_anything_to_speak_is_refused_with_the_fix(text):
    with pytest.raises(BadRequest) as caught:
        prepare(text, max_chars=100)
    assert caught.value.field == "text"
    assert "emoji" in caught.value.fix
    assert "表情" in caught.value.fix_zh


def test_a_text_at_the_limit_passes_and_one_more_character_does_not():
    assert prepare("好" * 10, max_chars=10) == "好" * 10
    with pytest.raises(BadRequest, match="11 characters, the limit is 10"):
        prepare("好" * 11, max_chars=10)


def test_a_nul_character_is_refused_rather_than_dropped():
    with pytest.raises(BadRequest, match="NUL"):
        prepare("你好\0", max_chars=10)


@pytest.mark.parametrize("text", [None, 5, ["你好"], b"abc", {"text": "a"}])
def test_another_type_is_refused_and_the_field_named(text):
    with pytest.raises(BadRequest) as caught:
        prepare(text, max_chars=10, field="input")
    assert caught.value.field == "input"
