"""What people are told as they type and click, in their language."""

import io
import wave
from types import SimpleNamespace

import numpy as np
import pytest

from tests.unit.tts_app.fakes import WAIT_S
from tts_app.engines.base import SpeechRequest
from tts_app.errors import OutOfMemory
from tts_app.web.page.batch_handlers import BatchHandlers
from tts_app.web.page.handlers import Handlers
from tts_app.web.page.words import LABELS, MESSAGES, is_chinese

ZH = SimpleNamespace(
    headers={"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"}, client=SimpleNamespace(host="10.0.0.5")
)
EN = SimpleNamespace(headers={"accept-language": "en-GB"}, client=SimpleNamespace(host="10.0.0.6"))


@pytest.fixture
def context(make_context):
    return make_context()


@pytest.fixture
def page(context):
    return Handlers(context)


def speak(page, text="你好，世界", *, voice="", rate=24000, seed=42, audio=None, transcript="", request=ZH):
    return list(page.speak(text, voice, rate, seed, 1.0, audio, transcript, request))


@pytest.fixture
def recording(tmp_path):
    """Return a function that writes a tone of some length."""

    def write(seconds, level=0.3, rate=24000):
        path = tmp_path / f"tone-{seconds}.wav"
        samples = (level * 32767 * np.sin(np.arange(int(seconds * rate)) * 0.05)).astype("<i2")
        with wave.open(str(path), "wb") as sound:
            sound.setnchannels(1), sound.setsampwidth(2), sound.setframerate(rate)
            sound.writeframes(samples.tobytes())
        return str(path)

    return write


def test_every_word_is_there_in_both_languages():
    for english, chinese in (LABELS | MESSAGES).values():
        assert english
        assert any("\u4e00" <= c <= "\u9fff" for c in chinese)


@pytest.mark.parametrize(
    ("header", "chinese"), [("zh-CN,en", True), ("zh", True), ("en,zh", False), ("", False), ("ZH-tw", True)]
)
def test_the_browsers_first_language_counts(header, chinese):
    assert is_chinese({"accept-language": header}) is chinese


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
    assert "OutOfMemory" in page.status(ZH)
    assert "完成" in speak(page)[-1][1]


def test_a_closed_browser_gives_the_work_up(page, context, engine):
    engine.hold()
    work = page.speak("nobody hears this", "", 24000, 42, 1.0, None, "", ZH)
    next(work)
    work.close()
    engine.release()
    assert context.service.wait_until_idle(WAIT_S)
    assert engine.spoken == []


@pytest.mark.parametrize(
    ("text", "rate", "words", "offers_split"),
    [
        pytest.param("短", 24000, [], False, id="nothing to say"),
        pytest.param("字" * 300, 24000, [], False, id="exactly long"),
        pytest.param("字" * 301, 24000, ["301", "建议拆分"], True, id="one too many"),
        pytest.param(f"{'字' * 200}\n\n{'字' * 200}", 24000, [], False, id="already in parts"),
        pytest.param("短", 32000, ["32 kHz"], False, id="32 kHz"),
        pytest.param("字" * 5001, 24000, ["上限"], True, id="over the limit"),
        pytest.param(None, 24000, [], False, id="nothing yet"),
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


def test_splitting_loses_nothing(page):
    text = "今天天气很好，我们一起去公园散步。" * 30
    parts = page.split(text)
    assert "\n\n" in parts
    assert parts.replace("\n\n", "") == text


def test_the_status_line_says_preset_voice_not_a_clone(page, engine):
    assert "不是克隆" in page.status(ZH)
    assert "not a clone" in page.status(EN)
    engine.clones_voices = True
    assert "克隆" not in page.status(ZH)


def test_clear_memory_shows_before_and_after(page):
    assert "清理前 500 MB，清理后 120 MB，释放 380 MB" in page.clear(ZH)


# -- the batch tab


@pytest.fixture
def tab(context):
    return BatchHandlers(context)


@pytest.fixture
def tasks(tmp_path):
    def write(*lines):
        path = tmp_path / "tasks.jsonl"
        path.write_text("\n".join(lines), encoding="utf-8")
        return str(path)

    return write


GOOD = '{"output_name": "a", "input_text": "你好", "voice": "zf_test"}'


def test_the_check_shows_a_table_by_line(tab, tasks):
    html = tab.check(tasks(GOOD, "{half"), None, ZH)
    assert "<td>2</td>" in html
    assert "无法运行" in html
    assert "可以开始" in tab.check(tasks(GOOD), None, ZH)


def test_without_a_file_the_check_says_so(tab):
    assert "未选择任务文件" in tab.check(None, None, ZH)
    assert "no tasks file chosen" in tab.start(None, None, "", False, EN)[0]


def test_a_batch_is_started_watched_and_given_up(tab, tasks, engine, context):
    engine.hold()
    html, batch_id = tab.start(tasks(GOOD), None, "desk", False, ZH)
    assert "0/1" in html
    assert context.batches.status(batch_id).owner == "desk"
    assert engine.entered.wait(WAIT_S)
    assert "运行中" in tab.look(batch_id, ZH)
    tab.cancel(batch_id, ZH)
    engine.release()
    assert context.service.wait_until_idle(WAIT_S)
    assert engine.spoken == []


def test_names_with_html_stay_text(tab, tasks):
    html = tab.check(tasks('{"output_name": "<b>x</b>", "input_text": "你好", "voice": "zf_test"}'), None, ZH)
    assert "<b>" not in html


def test_a_bad_file_starts_nothing(tab, tasks, engine):
    html, _ = tab.start(tasks("nonsense"), None, "", False, ZH)
    assert "无法运行" in html
    assert engine.spoken == []


@pytest.mark.parametrize("batch_id", ["", None, "nope"])
def test_an_unknown_batch_changes_nothing(tab, batch_id):
    assert not isinstance(tab.look(batch_id, ZH), str)


def test_the_zip_of_recordings_may_be_damaged(tab, tasks, tmp_path):
    (tmp_path / "bad.zip").write_bytes(io.BytesIO(b"PK").getvalue())
    assert "无法运行" in tab.check(tasks(GOOD), str(tmp_path / "bad.zip"), ZH)
