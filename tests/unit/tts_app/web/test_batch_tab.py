"""What people are told on the batch tab, in their language."""

import io
from dataclasses import replace

import pytest

from tests.unit.tts_app.fakes import WAIT_S
from tests.unit.tts_app.web.people import EN, ZH
from tts_app.batch.status import State
from tts_app.web.page.batch_handlers import BatchHandlers
from tts_app.web.page.tables import in_sight, status


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
    assert "no tasks file chosen" in tab.start(None, None, "", False, "", EN)[0]


@pytest.mark.parametrize("gone", ["tasks", "audio"])
@pytest.mark.parametrize(("request_", "told"), [(ZH, "请重新上传"), (EN, "Upload it again")])
def test_a_file_that_was_deleted_meanwhile_is_told(tab, tasks, tmp_path, engine, gone, request_, told):
    files = [str(tmp_path / "gone") if gone == name else tasks(GOOD) for name in ("tasks", "audio")]
    assert told in tab.check(*files, request_)
    assert told in tab.start(*files, "", False, "", request_)[0]
    assert engine.spoken == []


def test_a_batch_is_started_watched_and_given_up(tab, tasks, engine, context):
    engine.hold()
    report, html, batch_id = tab.start(tasks(GOOD), None, "desk", False, "", ZH)
    assert "0/1" in html
    assert report == ""
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
    html, progress, batch_id = tab.start(tasks("nonsense"), None, "", False, "", ZH)
    assert "无法运行" in html
    assert not isinstance(progress, str) and not isinstance(batch_id, str)  # what runs stays in sight
    assert engine.spoken == []


@pytest.mark.parametrize("batch_id", ["", None, "nope", "../..", "a\0", 5, ["a"], {"a": 1}])
def test_an_unknown_batch_changes_nothing(tab, batch_id):
    assert not isinstance(tab.look(batch_id, ZH), str)


def test_giving_up_what_is_unknown_is_told(tab):
    assert "没有这个批次" in tab.cancel("nope", ZH)
    assert not isinstance(tab.cancel({"a": 1}, ZH), str)


def test_the_zip_of_recordings_may_be_damaged(tab, tasks, tmp_path):
    (tmp_path / "bad.zip").write_bytes(io.BytesIO(b"PK").getvalue())
    assert "无法运行" in tab.check(tasks(GOOD), str(tmp_path / "bad.zip"), ZH)


def test_a_second_batch_of_this_browser_waits_for_the_end_of_the_first(tab, tasks, engine, context):
    engine.hold()
    _, _, batch_id = tab.start(tasks(GOOD), None, "desk", False, "", ZH)
    report, progress, second = tab.start(tasks(GOOD), None, "desk", False, batch_id, ZH)
    assert "仍在进行" in report
    assert not isinstance(progress, str) and not isinstance(second, str)
    tab.cancel(batch_id, ZH)
    engine.release()
    assert context.service.wait_until_idle(WAIT_S)
    assert tab.start(tasks(GOOD), None, "desk", False, "forgotten", ZH)[0] == ""


def test_a_double_click_on_the_check_is_one_and_others_are_not_held_up(tab, tasks, context, monkeypatch):
    check, file, further = context.batches.check, tasks(GOOD), []

    def click_again(*values, **names):
        monkeypatch.setattr(context.batches, "check", check)
        further.extend(tab.check(file, None, person) for person in (ZH, EN))
        return check(*values, **names)

    monkeypatch.setattr(context.batches, "check", click_again)
    assert "可以开始" in tab.check(file, None, ZH)
    assert not isinstance(further[0], str) and "May start" in further[1]
    assert "可以开始" in tab.check(file, None, ZH)


def test_every_task_has_a_row_from_the_start(tab, tasks, engine, context):
    engine.hold()
    lines = [GOOD.replace('"a"', f'"t{n}"') for n in range(3)]
    _, html, batch_id = tab.start(tasks(*lines), None, "desk", False, "", ZH)
    assert engine.entered.wait(WAIT_S)
    html = tab.look(batch_id, ZH)
    assert [html.count(f"<td>t{n}</td>") for n in range(3)] == [1, 1, 1]
    assert (html.count("合成中"), html.count("等待中")) == (1, 2)
    engine.release()


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("disk_full", "（磁盘已满）"),
        ("busy", "（语音服务端繁忙）"),
        ("PermissionError", "（PermissionError）"),
    ],
)
def test_a_paused_batch_says_why(tab, tasks, engine, context, reason, told):
    engine.hold()
    _, _, batch_id = tab.start(tasks(GOOD), None, "desk", False, "", ZH)
    paused = replace(context.batches.status(batch_id), state=State.PAUSED, reason=reason)
    assert f"已暂停，将自动继续{told}" in status(paused, chinese=True)
    engine.release()


@pytest.mark.parametrize(("chinese", "told"), [(True, "预计还需 2:05"), (False, "about 2:05 left")])
def test_the_bar_shows_how_much_is_done_and_the_time_left(tab, tasks, engine, context, chinese, told):
    engine.hold()
    _, _, batch_id = tab.start(tasks(GOOD), None, "desk", False, "", ZH)
    half = replace(context.batches.status(batch_id), total=8, ok=3, failed=1, eta_s=125)
    html = status(half, chinese=chinese)
    assert told in html
    assert '<progress max="8" value="4"' in html
    engine.release()


def row(state):
    return {"line": 0, "name": "t", "status": state}


@pytest.mark.parametrize(
    ("statuses", "shown"),
    [
        pytest.param(["ok", "running", "waiting"], [0, 1, 2], id="all, where they fit"),
        pytest.param(["ok"] * 5 + ["running"] + ["waiting"] * 5, [4, 5, 6], id="round the work"),
        pytest.param(
            ["failed", *["ok"] * 5, "running", *["waiting"] * 5], [0, 5, 6], id="what failed, always"
        ),
        pytest.param(["ok"] * 9, [6, 7, 8], id="the last ones, at the end"),
        pytest.param(["waiting"] * 9, [0, 1, 2], id="the first ones, before it begins"),
        pytest.param(["ok"] * 8 + ["running"], [6, 7, 8], id="the last one runs"),
    ],
)
def test_of_a_large_batch_the_rows_that_matter_are_in_sight(statuses, shown):
    items = [row(state) | {"line": number} for number, state in enumerate(statuses)]
    assert [item["line"] for item in in_sight(items, limit=3)] == shown
