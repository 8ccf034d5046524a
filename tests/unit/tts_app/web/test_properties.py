"""What holds for any text that people or programs send."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_app.errors import BadRequest
from tts_app.text.check import speakable
from tts_app.text.normalise import normalise
from tts_app.web.auth import bearer_of
from tts_app.web.page import boxes, fields
from tts_app.web.page.doors import is_open
from tts_app.web.page.language import COOKIE, is_chinese
from tts_app.web.page.speaking import split_for_people
from tts_app.web.references import decode_base64

anything = settings(max_examples=150, derandomize=True, deadline=None, database=None)
# texts as people write them, and what hides in them
TEXT = st.lists(
    st.one_of(
        st.text(max_size=40),
        st.sampled_from(["\n\n", "你好。", "Hi. ", "\u202e", "😀", "\0", "* * *", "\ud800"]),
    )
).map("".join)


@anything
@given(TEXT)
def test_every_part_holds_speech_or_the_text_has_none(text):
    parts = fields.parts_of(text)
    assert parts == [text] or all(speakable(normalise(part)) for part in parts)
    assert sum(map(len, parts)) <= len(text)


@anything
@given(TEXT)
def test_splitting_loses_nothing_that_can_be_spoken(text):
    def spoken(t):
        return [c for c in t if speakable(c)]

    assert spoken(split_for_people(text)) == spoken(text)


@anything
@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())))
def test_a_number_is_a_finite_number_or_named(value):
    try:
        found = fields.number(value, "speed")
    except BadRequest as error:
        assert error.field == "speed" and error.fix and error.fix_zh
    else:
        assert abs(found) < float("inf")


@anything
@given(TEXT)
def test_text_of_people_never_becomes_html(text):
    assert re.sub(r"</?div[^<>]*>|<br>", "", boxes.warnings([text, f"<b>{text}</b>"])).count("<") == 0


@anything
@given(
    st.one_of(
        st.text(), st.binary().map(lambda b: b.decode("latin-1")), st.just("data:audio/wav;base64,AAAA")
    )
)
def test_base64_is_decoded_or_refused_by_name(text):
    try:
        assert isinstance(decode_base64(text, field="ref_audio"), bytes)
    except BadRequest as error:
        assert error.field == "ref_audio"


@anything
@given(st.text())
def test_a_header_holds_a_token_or_none(header):
    token = bearer_of(header)
    assert token is None or (token and token == token.strip())


@anything
@given(st.text(), st.text())
def test_no_cookie_and_no_language_breaks_the_page(cookie, language):
    assert isinstance(is_chinese({"cookie": cookie, "accept-language": language}), bool)
    assert is_chinese({"cookie": f"{COOKIE}=zh; {cookie}", "accept-language": language})


@anything
@given(st.text(alphabet="/.%abgradio_piqueujnfl=\n\0", max_size=40))
def test_nothing_is_open_for_sending_but_five_addresses(path):
    for prefix in ("", "/gradio_api/", "/gradio_api/upload", "/gradio_api/queue/join"):
        whole = prefix + path
        known = {f"/gradio_api/{name}" for name in ("upload", "queue/join", "run/predict", "cancel", "reset")}
        assert is_open("POST", whole) is (whole in known)


@pytest.mark.parametrize("path", ["/gradio_api/file=a\nb", "/assets/\n", "/\n"])
def test_a_line_end_opens_nothing(path):
    assert not is_open("GET", path)
