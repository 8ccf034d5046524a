"""What a sender is told, and by which status code."""

from __future__ import annotations

import json

import pytest

from tests.unit.remediator.web.kit import ERRORS, FakeDesk, app, as_role

URL = "/api/v1/alerts/alertmanager"
BODY = {"version": "4", "alerts": [{"ok": True}]}


def post(desk: FakeDesk, body: object = BODY, role: str | None = "sender", url: str = URL):
    headers = as_role(role) if role else {}
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return app(desk).test_client().post(url, data=data, headers=headers)


def test_a_stored_alert_is_answered_with_202() -> None:
    desk = FakeDesk()
    answer = post(desk)
    assert answer.status_code == 202
    assert desk.calls == [("receive", "alertmanager", "a-sender", BODY)]


def test_grafana_has_a_door_of_its_own() -> None:
    desk = FakeDesk()
    assert post(desk, url="/api/v1/alerts/grafana").status_code == 202
    assert desk.calls[0][1] == "grafana"


def test_an_empty_list_is_stored_well() -> None:
    assert post(FakeDesk(), {"version": "4", "alerts": []}).status_code == 202


def test_when_one_of_two_is_stored_the_sender_need_not_come_back() -> None:
    answer = post(FakeDesk(), {"alerts": [{"ok": True}, {"ok": False}]})
    assert answer.status_code == 202
    assert [one["stored"] for one in answer.get_json()["alerts"]] == [True, False]


def test_when_none_can_ever_be_stored_it_is_400() -> None:
    assert post(FakeDesk(), {"alerts": [{"ok": False}]}).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="no JSON"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"\xff\xfe\x00", id="no text"),
        pytest.param(b"[" * 100_000, id="too deep"),
    ],
)
def test_a_body_that_can_never_work_is_400_with_the_fix(body: bytes) -> None:
    answer = post(FakeDesk(), body)
    assert answer.status_code == 400
    assert answer.get_json()["error"]["fix"]


def test_a_body_over_a_megabyte_is_413() -> None:
    assert post(FakeDesk(), b"x" * 1_000_001).status_code == 413


def test_what_could_not_be_stored_is_503_so_that_the_sender_comes_back() -> None:
    desk = FakeDesk()
    desk.error = ERRORS[503]
    answer = post(desk)
    assert answer.status_code == 503
    assert "secret" not in answer.get_data(as_text=True)


@pytest.mark.parametrize(("role", "code"), [(None, 401), ("viewer", 403), ("operator", 403)])
def test_only_senders_may_post_alerts(role: str | None, code: int) -> None:
    desk = FakeDesk()
    assert post(desk, role=role).status_code == code
    assert desk.calls == []


def test_a_wrong_token_is_401_and_says_which_scheme_is_wanted() -> None:
    answer = app(FakeDesk()).test_client().post(URL, headers={"Authorization": "Bearer wrong"})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_the_token_is_not_taken_from_the_address() -> None:
    answer = app(FakeDesk()).test_client().post(URL + "?token=sender-token", json=BODY)
    assert answer.status_code == 401
