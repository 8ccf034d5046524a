"""What people hear and are told when they click, in their language."""

import numpy as np
import pytest

from tests.unit.tts_app.fakes import WAIT_S, FakeEngine
from tests.unit.tts_app.web.people import EN, ZH, speak
from tts_app.engines.base import SpeechRequest
from tts_app.errors import LoadFailed, OutOfMemory, TtsError
from tts_app.substitute import Substitute
from tts_app.web.page.clearing import Clearing
from tts_app.web.page.handlers import Handlers


def test_speech_is_played_and_told(page):
    (rate, samples), message = speak(page)[-1]
    assert (rate, samples.dtype, len(samples)) == (24000, np.int16, 12000)
    assert "完成" in message


def test_the_same_in_english(page):
    assert "Done: 0.5 s of speech at 24000 Hz" in speak(page, request=EN)[-1][1]


def test_32_khz_is_called_resampled(page):
    assert "重采样" in speak(page, rate=32000)[-1][1]


def test_parts_are_spoken_one_after_the_other_into_one_sound(page, engine):
    (rate, samples), _ = speak(page, "aaaaaaaaaa\n\nbbbbbbbbbb")[-1]
    assert [request.text for request in engine.spoken] == ["aaaaaaaaaa", "bbbbbbbbbb"]
    assert len(samples) / rate == pytest.approx(2.3)


def test_a_line_of_stars_between_two_parts_is_passed_over(page, engine):
    assert "完成" in speak(page, "第一段。\n\n* * *\n\n第二段。")[-1][1]
    assert len(engine.spoken) == 2


def test_parts_do_not_get_around_the_limit(page, engine):
    message = speak(page, "\n\n".join(["字" * 1000] * 6))[-1][1]
    assert "6000" in message and "5000" in message
    assert engine.spoken == []


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("rate", None, "sample_rate"),
        ("rate", "24000", "sample_rate"),
        ("rate", 8000, "8000 Hz"),
        ("rate", float("nan"), "sample_rate"),
        ("seed", -1, "种子"),
        ("seed", 2**32, "种子"),
        ("seed", float("inf"), "seed"),
        ("seed", "one", "seed"),
        ("seed", [1], "seed"),
        ("speed", None, "speed"),
        ("speed", True, "speed"),
        ("speed", {}, "speed"),
        ("voice", "../../etc/passwd", "音色"),
        ("voice", "zf_test\0", "音色"),
    ],
)
def test_a_bad_field_is_told_with_its_name_and_the_next_click_works(page, engine, field, value, told):
    audio, message = speak(page, **{field: value})[-1]
    assert audio is None
    assert "vk-error" in message and told in message
    assert engine.spoken == []
    assert "完成" in speak(page)[-1][1]


def test_an_empty_seed_is_the_default_one(page, engine):
    speak(page, seed=None)
    assert engine.spoken[-1].seed == 42


@pytest.mark.parametrize("text", ["", "  ", "。！", "😀", "x" * 5001, "a\0b", None])
def test_what_cannot_be_spoken_is_told_and_nothing_is_queued(page, engine, text):
    audio, message = speak(page, text)[-1]
    assert audio is None
    assert "vk-error" in message
    assert engine.spoken == []


def test_html_in_a_voice_name_stays_text(page):
    message = speak(page, voice="<img src=x onerror=alert(1)>")[-1][1]
    assert "<img" not in message
    assert "&lt;img" in message


def test_a_full_queue_is_told(page, context, engine):
    engine.hold()
    context.service.submit(SpeechRequest("working"))
    assert engine.entered.wait(WAIT_S)
    context.service.submit(SpeechRequest("waiting")), context.service.submit(SpeechRequest("waiting"))
    assert "排队已满" in speak(page)[-1][1]
    assert "排队已满" in page.status(ZH)


def test_clicking_too_fast_is_told(make_context):
    page = Handlers(make_context(per_minute=6))
    speak(page)
    assert "操作过于频繁" in speak(page)[-1][1]


def test_an_engine_failure_is_told_and_the_next_click_works(page, engine):
    engine.next_errors = [OutOfMemory("CUDA out of memory")]
    assert "显存或内存不足" in speak(page)[-1][1]
    assert "显存或内存不足（OutOfMemory）" in page.status(ZH)
    assert "完成" in speak(page)[-1][1]


def test_a_closed_browser_gives_the_work_up(page, context, engine):
    engine.hold()
    work = page.speak("nobody hears this", "", 24000, 42, 1.0, None, "", ZH)
    next(work)
    work.close()
    engine.release()
    assert context.service.wait_until_idle(WAIT_S)
    assert engine.spoken == []


def test_a_double_click_is_one_click_and_others_are_not_held_up(page, context, engine):
    engine.hold()
    first = page.speak("one", "", 24000, 42, 1.0, None, "", ZH)
    next(first)
    assert speak(page, "two") == []
    other = page.speak("three", "", 24000, 42, 1.0, None, "", EN)
    assert next(other)
    first.close(), other.close()
    engine.release()
    assert context.service.wait_until_idle(WAIT_S)
    assert "完成" in speak(page, "four")[-1][1]
    assert [request.text for request in engine.spoken] == ["four"]


def test_a_damaged_recording_is_told_before_anything_is_spoken(page, engine, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"RIFF\xff\xff\xff\xffWAVEfmt ")
    audio, message = speak(page, audio=str(tmp_path / "bad.wav"))[-1]
    assert audio is None
    assert "vk-error" in message
    assert engine.spoken == []


def test_a_good_recording_reaches_the_engine(page, engine, recording):
    speak(page, audio=recording(5), transcript="what is said")
    assert engine.spoken[-1].reference.transcript == "what is said"


def test_a_cloning_engine_needs_the_transcript(page, engine, recording):
    engine.clones_voices = True
    assert "文字内容" in speak(page, audio=recording(5))[-1][1]
    assert engine.spoken == []


def test_a_plainer_voice_is_labelled_while_the_model_cannot_be_loaded(make_context, engine):
    engine.load_error = LoadFailed("no weights")
    page = Handlers(make_context(substitute=Substitute(FakeEngine())))
    assert "机械音" in speak(page)[-1][1]
    assert "机械音" in speak(page, "第一段\n\n第二段")[-1][1]
    assert "plainer voice" in page.status(EN)
    assert "模型加载失败" in speak(page, voice="zf_test")[-1][1]


def test_the_page_leaves_the_voice_open_for_the_substitute_also_where_the_settings_name_one(make_client):
    with make_client(with_page=True, voice="zf_test") as client:
        shown = client.get("/config").json()["components"]
    assert [c["props"]["value"] for c in shown if c["type"] == "dropdown"] == [""]


def test_clear_memory_shows_before_and_after(page):
    assert "清理前 500 MB，清理后 120 MB，释放 380 MB" in page.clear(ZH)


def test_many_who_clear_memory_take_one_place_and_leave_the_proofs_of_speech_theirs(context, engine):
    engine.hold()
    context.service.submit(SpeechRequest("working"))
    assert engine.entered.wait(WAIT_S)
    clearing = Clearing(context.service)
    for _ in range(10):
        with pytest.raises(TtsError, match="as soon as the task in hand has ended"):
            clearing.clear(chinese=True, timeout_s=0)
    for _ in range(3):
        context.service.submit(SpeechRequest("proof"), reserved=True)
    engine.release()
    assert context.service.wait_until_idle(WAIT_S)
    assert "清理后" in clearing.clear(chinese=True, timeout_s=WAIT_S)
    assert engine.clears == 2
