"""The simulated robot judges messages as WeChat Work does."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http.client import RemoteDisconnected

import pytest

from tests.sim.wecom.robot import PER_MINUTE, Robot
from tests.sim.wecom.server import page, serve

NOW = 1_700_000_000.0
TEXT = json.dumps({"msgtype": "text", "text": {"content": "你好"}}).encode()


class Clock:
    """Stands still until told."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def errcode(reply) -> int:
    return json.loads(reply.body)["errcode"]


def test_a_good_message_is_kept():
    robot = Robot({"key"}, clock=Clock())
    assert errcode(robot.send("key", TEXT)) == 0
    assert [(m.at, m.msgtype, m.content) for m in robot.messages] == [(NOW, "text", "你好")]


@pytest.mark.parametrize(
    ("key", "body", "code"),
    [
        pytest.param("other", TEXT, 93000, id="unknown key"),
        pytest.param("key", b"{", 47001, id="no JSON"),
        pytest.param("key", b"[]", 47001, id="JSON of another shape"),
        pytest.param("key", b'{"msgtype": "song"}', 40008, id="unknown type"),
        pytest.param("key", b'{"msgtype": "text", "text": {"content": ""}}', 40058, id="nothing to say"),
    ],
)
def test_a_bad_message_is_answered_with_its_code_and_not_kept(key, body, code):
    robot = Robot({"key"}, clock=Clock())
    reply = robot.send(key, body)
    assert (reply.status, errcode(reply), robot.messages) == (200, code, [])


@pytest.mark.parametrize(
    ("kind", "characters", "code"),
    [
        pytest.param("text", 682, 0, id="2046 bytes of text fit"),
        pytest.param("text", 683, 40058, id="2049 bytes of text don't"),
        pytest.param("markdown", 1365, 0, id="4095 bytes of markdown fit"),
        pytest.param("markdown_v2", 1366, 40058, id="4098 bytes of markdown_v2 don't"),
    ],
)
def test_length_is_counted_in_bytes(kind, characters, code):
    body = json.dumps({"msgtype": kind, kind: {"content": "字" * characters}}).encode()
    assert errcode(Robot(clock=Clock()).send("key", body)) == code


def test_the_twenty_first_message_of_a_minute_is_refused_per_robot():
    clock = Clock()
    robot = Robot(clock=clock)
    codes = [errcode(robot.send("key", TEXT)) for _ in range(PER_MINUTE + 1)]
    assert codes == [0] * PER_MINUTE + [45009]
    assert errcode(robot.send("another", TEXT)) == 0
    clock.now += 61
    assert errcode(robot.send("key", TEXT)) == 0


def test_scripted_trouble_meets_the_next_calls_only():
    robot = Robot(clock=Clock())
    robot.script.add("errcode", "-1", times=2)
    assert [errcode(robot.send("key", TEXT)) for _ in range(3)] == [-1, -1, 0]


def test_a_slow_robot_answers_late_and_keeps_the_message():
    slept: list[float] = []
    robot = Robot(clock=Clock(), sleep=slept.append)
    robot.script.add("slow", "7")
    assert errcode(robot.send("key", TEXT)) == 0
    assert (slept, len(robot.messages)) == ([7.0], 1)


def test_messages_survive_a_restart(tmp_path):
    journal = tmp_path / "wecom.jsonl"
    Robot(clock=Clock(), journal=journal).send("key", TEXT)
    assert [m.content for m in Robot(journal=journal).messages] == ["你好"]


def test_the_page_shows_markup_inside_messages_as_text():
    robot = Robot(clock=Clock())
    body = json.dumps({"msgtype": "text", "text": {"content": "<script>x</script>"}}).encode()
    robot.send("key", body)
    assert "<script>" not in page(robot.messages)


def test_over_http_messages_arrive_and_trouble_looks_as_it_does_there():
    robot = Robot(clock=Clock())
    with serve(robot) as server:
        url = f"http://127.0.0.1:{server.port}/cgi-bin/webhook/send?key=key"
        with urllib.request.urlopen(url, TEXT, timeout=30) as answer:
            assert json.load(answer) == {"errcode": 0, "errmsg": "ok"}
        robot.script.add("html")
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(url, TEXT, timeout=30)
        caught.value.close()
        assert caught.value.code == 502
        robot.script.add("reset")
        with pytest.raises((RemoteDisconnected, ConnectionError)):
            urllib.request.urlopen(url, TEXT, timeout=30)
    assert len(robot.messages) == 1
