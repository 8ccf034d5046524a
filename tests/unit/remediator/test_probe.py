"""The own check: three in a row, busy is no sickness, one trouble has one start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from remediator.probe import Reply, Rules, Target, Watch, alert, judge, look, step

NOW = datetime(2026, 11, 27, 1, 2, 3, tzinfo=UTC)
RULES = Rules(interval_s=300, retry_s=10, limit=3)
WATCH = Watch("gpu01", "7860")
OK = Reply(200, {"status": "ok", "uptime_s": 5.0})


def ready(status: int = 200, **body: Any) -> Reply:
    return Reply(status, body)


@pytest.mark.parametrize(
    ("health", "answer", "wrong"),
    [
        pytest.param(OK, ready(), "", id="well"),
        pytest.param(OK, ready(503, reason="full"), "", id="busy"),
        pytest.param(OK, ready(503, reason="draining"), "", id="draining"),
        pytest.param(OK, ready(503, reason="loading"), "", id="loading"),
        pytest.param(Reply(200, {"uptime_s": 901.0}), ready(503, reason="loading"), "still loading after 901 s",
                     id="loading for too long"),
        pytest.param(OK, ready(503, reason="engine_stuck"), "/readyz: HTTP 503 engine_stuck", id="stuck"),
        pytest.param(OK, ready(500), "/readyz: HTTP 500", id="an error"),
        pytest.param(OK, Reply(None, {}, "ReadTimeout"), "/readyz: ReadTimeout", id="ready hangs"),
        pytest.param(Reply(503, {"reason": "context_dead"}), ready(), "/healthz: HTTP 503 context_dead", id="sick"),
        pytest.param(Reply(None, {}, "ConnectionError"), ready(), "/healthz: ConnectionError", id="nobody there"),
    ],
)  # fmt: skip
def test_judge(health: Reply, answer: Reply, wrong: str) -> None:
    assert judge(health, answer) == wrong


def series(*looks: str) -> list[tuple[int, str | None, float]]:
    """Return (failures, event, seconds to the next look) after each look."""
    watch, now, seen = WATCH, NOW, []
    for wrong in looks:
        watch, event = step(watch, wrong, now, RULES)
        assert watch.next_at is not None
        seen.append((watch.failures, event, (watch.next_at - now).total_seconds()))
        now = watch.next_at
    return seen


def test_three_failures_in_a_row_raise_an_alert_ten_seconds_apart() -> None:
    assert series("x", "x", "x") == [(1, None, 10), (2, None, 10), (3, "firing", 300)]


def test_two_failures_and_a_success_raise_none() -> None:
    assert series("x", "x", "", "x") == [(1, None, 10), (2, None, 10), (0, None, 300), (1, None, 10)]


def test_a_standing_failure_is_reported_again_and_recovery_ends_it_once() -> None:
    assert [event for _, event, _ in series("x", "x", "x", "x", "", "")] == [
        None, None, "firing", "firing", "resolved", None,
    ]  # fmt: skip


def test_one_trouble_has_one_start_however_often_it_is_reported() -> None:
    down, now = WATCH, NOW
    alerts = []
    for wrong in ("x", "x", "x", "x", ""):
        before = down
        down, event = step(before, wrong, now, RULES)
        if event:
            alerts.append(alert(before, down, event, now))
        now += timedelta(seconds=10)
    assert [one.status for one in alerts] == ["firing", "firing", "resolved"]
    assert len({one.starts_at for one in alerts}) == 1
    assert len({one.fingerprint for one in alerts}) == 1
    assert (alerts[0].host, alerts[0].instance) == ("gpu01", "7860")


def test_each_instance_has_a_fingerprint_of_its_own() -> None:
    one = alert(WATCH, WATCH, "firing", NOW)
    other = Watch("gpu01", "7861")
    assert one.fingerprint != alert(other, other, "firing", NOW).fingerprint


def test_a_look_follows_no_redirect_and_takes_any_answer() -> None:
    asked = []

    def get(url: str, **options: Any) -> requests.Response:
        asked.append((url, options["allow_redirects"]))
        answer = requests.Response()
        answer.status_code, answer._content = 200, b"[1]"
        return answer

    assert look(get, Target("http://gpu01:7860"), 5) == ""
    assert asked == [("http://gpu01:7860/healthz", False), ("http://gpu01:7860/readyz", False)]


def test_a_dead_instance_is_asked_once() -> None:
    def get(_url: str, **_options: Any) -> requests.Response:
        raise requests.ConnectionError("secret detail")

    assert look(get, Target("http://gpu01:7860"), 5) == "/healthz: ConnectionError"


@pytest.mark.parametrize(
    ("status", "wrong"), [(200, ""), (204, ""), (302, "/health: HTTP 302"), (500, "/health: HTTP 500")]
)
def test_a_service_of_others_is_asked_for_its_own_page_alone(status: int, wrong: str) -> None:
    asked = []

    def get(url: str, **_options: Any) -> requests.Response:
        asked.append(url)
        answer = requests.Response()
        answer.status_code, answer._content = status, b"<html>"
        return answer

    assert look(get, Target("http://old:7860", "/health", None), 5) == wrong
    assert asked == ["http://old:7860/health"]
