"""The robot: limits in bytes, errcode under HTTP 200, and a secret that never shows."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest
import requests

from remediator.errors import NotifyError
from remediator.notify.letter import Letter, Line
from remediator.notify.wecom import BODIES, Robot
from remediator.notify.wording import compose
from tests.unit.remediator.notify.kit import message, reader

KEY = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa"
URL = f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={KEY}"
LIMITS = {"markdown": 4096, "markdown_v2": 4096, "text": 2048}


class Reply:
    def __init__(self, status_code: int, body: Any) -> None:
        self.status_code, self._body = status_code, body

    def json(self) -> Any:
        if isinstance(self._body, ValueError):
            raise self._body
        return self._body


def letter(**changes: Any) -> Letter:
    return compose(message(**changes), reader(mentions=("ops",)))


def send(answer: Reply | Exception, style: str = "markdown") -> tuple[str, list[dict[str, Any]]]:
    calls: list[dict[str, Any]] = []

    def post(url: str, **options: Any) -> Reply:
        calls.append({"url": url, **options})
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Robot(URL, "robot 1", style=style, post=post).send(letter()), calls


def test_an_accepted_message_says_errcode_0() -> None:
    said, calls = send(Reply(200, {"errcode": 0, "errmsg": "ok"}))
    assert said == "errcode 0"
    assert calls[0]["json"]["msgtype"] == "markdown"
    assert calls[0]["allow_redirects"] is False


@pytest.mark.parametrize(
    ("answer", "permanent", "retry_after_s"),
    [
        pytest.param(Reply(200, {"errcode": -1}), False, None, id="busy"),
        pytest.param(Reply(200, {"errcode": 45009}), False, 60, id="too many"),
        pytest.param(Reply(200, {"errcode": 93000, "errmsg": f"key={KEY}"}), True, None, id="no such robot"),
        pytest.param(Reply(200, {"errcode": 40058}), True, None, id="bad parameter"),
        pytest.param(Reply(200, {"errcode": 99999}), False, None, id="a code nobody knows"),
        pytest.param(Reply(200, {}), False, None, id="no code"),
        pytest.param(Reply(200, ["x"]), False, None, id="not an object"),
        pytest.param(Reply(200, ValueError("<html>")), False, None, id="an HTML error page"),
        pytest.param(Reply(502, {}), False, None, id="a proxy's error"),
        pytest.param(requests.ConnectionError(URL), False, None, id="reset"),
        pytest.param(requests.ReadTimeout(URL), False, None, id="slow answer"),
    ],
)
def test_a_refusal_is_judged_by_its_code(
    answer: Reply | Exception, permanent: bool, retry_after_s: float | None
) -> None:
    with pytest.raises(NotifyError) as caught:
        send(answer)
    assert caught.value.permanent is permanent
    assert caught.value.retry_after_s == retry_after_s
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_address_is_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(NotifyError):
        send(requests.ConnectionError(URL))
    assert KEY not in caplog.text


@pytest.mark.parametrize("style", sorted(LIMITS))
@pytest.mark.parametrize(
    "found",
    [
        pytest.param("显" * 5000, id="long log line"),
        pytest.param("👩‍👩‍👧‍👦" * 900, id="emoji"),
        pytest.param('<font color="info">**`[x](y)' * 200, id="markup"),
        pytest.param("short", id="short"),
    ],
)
def test_a_message_keeps_to_its_limit_and_ends_with_its_id(style: str, found: str) -> None:
    long = replace(letter(found=found), mentions=("ops",))
    lines = tuple(replace(line, text=found) for line in long.lines)
    body = BODIES[style](replace(long, lines=lines, mentions=("ops",)))
    content = body[style]["content"]
    assert len(content.encode()) <= LIMITS[style]
    assert "msg-1" in content.splitlines()[-1]


def test_a_text_is_cut_between_lines_where_it_can_be() -> None:
    many = replace(letter(), lines=tuple(Line("发现", "显存不足" * 5) for _ in range(60)))
    rows = BODIES["text"](many)["text"]["content"].splitlines()
    cut = rows.index("…")
    assert rows[cut - 1] == "发现：" + "显存不足" * 5


def test_people_are_mentioned_by_their_id() -> None:
    page = compose(message(kind="escalation", state="escalated"), reader(mentions=("wang", "@all")))
    assert "<@wang>" in BODIES["markdown"](page)["markdown"]["content"]
    assert "@all" not in BODIES["markdown"](page)["markdown"]["content"]
    assert BODIES["text"](page)["text"]["mentioned_list"] == ["wang", "@all"]


def test_a_log_line_cannot_mention_anyone() -> None:
    found = compose(message(found="<@all> <@boss>"), reader())
    assert "<@" not in BODIES["markdown"](found)["markdown"]["content"]
    assert "<@" not in BODIES["text"](found)["text"]["content"]


def test_the_card_keeps_to_its_limits() -> None:
    card = BODIES["card"](letter(host="h" * 60, found="显" * 500))["template_card"]
    assert card["card_type"] == "text_notice"
    assert len(card["main_title"]["title"]) <= 26
    assert len(card["sub_title_text"]) <= 112
    assert len(card["horizontal_content_list"]) <= 6
    assert card["card_action"]["url"].startswith("https://")
