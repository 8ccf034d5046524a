"""What people are told as they type, in their language."""

import re
from dataclasses import replace

import pytest

from tests.unit.tts_app.web.people import EN, ZH, speak
from tts_app.web.page import fields, reference, speaking
from tts_app.web.page.language import COOKIE, is_chinese
from tts_app.web.page.words import LABELS, MESSAGES


def test_every_word_is_there_in_both_languages():
    for english, chinese in (LABELS | MESSAGES).values():
        assert english
        assert any("\u4e00" <= c <= "\u9fff" for c in chinese) or english == " ({why})", english


@pytest.mark.parametrize(
    ("header", "chinese"), [("zh-CN,en", True), ("zh", True), ("en,zh", False), ("", False), ("ZH-tw", True)]
)
def test_the_browsers_first_language_counts(header, chinese):
    assert is_chinese({"accept-language": header}) is chinese


@pytest.mark.parametrize(
    ("cookie", "chinese"),
    [
        ("en", False),
        ("zh", True),
        ("fr", True),
        ("", True),
    ],
)
def test_what_was_chosen_on_the_page_counts_more(cookie, chinese):
    headers = {"accept-language": "zh-CN", "cookie": f"other=en; {COOKIE}={cookie}; last=1"}
    assert is_chinese(headers) is chinese


@pytest.mark.parametrize(
    ("text", "rate", "words", "offers_split"),
    [
        pytest.param("短", 24000, [], False, id="nothing to say"),
        pytest.param("字" * 300, 24000, [], False, id="exactly long"),
        pytest.param("字" * 301, 24000, ["301", "建议拆分"], True, id="one too many"),
        pytest.param(f"{'字' * 200}\n\n{'字' * 200}", 24000, [], False, id="already in parts"),
        pytest.param("短", 32000, ["32 kHz"], False, id="32 kHz"),
        pytest.param("字" * 5001, 24000, ["上限"], False, id="over the limit, where splitting won't help"),
        pytest.param("\n\n".join(["字" * 200] * 26), 24000, ["上限"], False, id="over the limit in parts"),
        pytest.param(None, 24000, [], False, id="nothing yet"),
        pytest.param("短", None, [], False, id="no rate"),
    ],
)
def test_advice_while_typing(page, text, rate, words, offers_split):
    html, button = page.advise(text, rate, None, "", ZH)
    assert all(word in html for word in words)
    assert bool(html) is bool(words)
    assert button["visible"] is offers_split


@pytest.mark.parametrize(("seconds", "warned"), [(2.5, True), (3.2, False), (9.5, False), (12, True)])
def test_a_recording_outside_3_to_10_seconds_is_warned_about(page, recording, seconds, warned):
    html, _ = page.advise("短", 24000, recording(seconds), "transcript", ZH)
    assert bool(html) is warned


def test_a_recording_without_its_transcript_is_warned_about(page, recording):
    html, _ = page.advise("短", 24000, recording(5), "", ZH)
    assert "文字内容" in html


def test_a_recording_is_judged_once_however_much_is_typed(page, recording, monkeypatch):
    read = []
    original = reference.read_recording
    monkeypatch.setattr(reference, "read_recording", lambda path: read.append(path) or original(path))
    path = recording(2.5)
    for text in ("t", "ty", "typ", "type"):
        html, _ = page.advise(text, 24000, path, "transcript", ZH)
        assert "偏短" in html
    assert len(read) == 1


def test_a_recording_that_was_deleted_meanwhile_is_told(page, tmp_path):
    html, _ = page.advise("短", 24000, str(tmp_path / "gone.wav"), "transcript", ZH)
    assert "重新上传" in html


def test_splitting_loses_nothing(page):
    text = "今天天气很好，我们一起去公园散步。" * 30
    parts = page.split(text)
    assert "\n\n" in parts
    assert parts.replace("\n\n", "") == text


@pytest.mark.parametrize("text", ["。！" * 400_000, "\n" * 800_000, "字" * 5001])
def test_a_text_over_the_limit_is_looked_at_no_further(page, engine, monkeypatch, text):
    monkeypatch.setattr(fields, "normalise", lambda part: pytest.fail("cleaned"))
    monkeypatch.setattr(speaking, "split", lambda whole: pytest.fail("cut"))
    assert page.split(text) == text
    assert "5000" in page.advise(text, 24000, None, "", ZH)[0]
    assert "5000" in speak(page, text)[-1][1]
    assert engine.spoken == []


def test_a_text_at_the_limit_may_have_its_blank_lines_besides(page):
    text = page.split("今天天气很好。" * 714)
    assert len(text) > 5000 and page.advise(text, 24000, None, "", ZH)[0] == ""
    assert page.split(text).replace("\n\n", "") == text.replace("\n\n", "")


def test_the_status_line_says_preset_voice_not_a_clone(page, engine):
    assert "不是克隆" in page.status(ZH)
    assert "not a clone" in page.status(EN)
    engine.clones_voices = True
    assert "克隆" not in page.status(ZH)


@pytest.mark.parametrize(
    ("memory_mb", "kind", "told"),
    [
        pytest.param(8810.4, "cuda", r"内存 8810 MB（cuda）", id="of the engine"),
        pytest.param(
            None, "rss", r"内存 [1-9]\d+ MB（rss）", id="of the app, where the engine's is not known"
        ),
    ],
)
def test_the_status_line_shows_the_models_memory(page, engine, monkeypatch, memory_mb, kind, told):
    facts = replace(engine.status(), memory_mb=memory_mb, memory_kind=kind)
    monkeypatch.setattr(engine, "status", lambda: facts)
    assert re.search(told, page.status(ZH))
