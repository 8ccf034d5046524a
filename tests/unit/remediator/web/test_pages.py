"""The page: who gets in, what a form needs, and that data stays data."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.unit.remediator.web.kit import SECRETS, FakeDesk, app, as_role, csrf_of, log_in

FORMS = {
    "/incidents/inc-1/ack": ("ack", "inc-1", "a-operator"),
    "/incidents/inc-1/hold": ("hold", "inc-1", "a-operator", ""),
    "/incidents/inc-1/resume": ("resume_incident", "inc-1", "a-operator"),
    "/approvals/ask-1/approve": ("decide", "ask-1", True, "a-operator"),
    "/approvals/ask-1/deny": ("decide", "ask-1", False, "a-operator"),
    "/runs/run-1/cancel": ("cancel", "run-1", "a-operator"),
    "/stop": ("stop", "a-operator", ""),
    "/resume": ("resume", "a-operator"),
}


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
def client(desk: FakeDesk) -> FlaskClient:
    return app(desk).test_client()


@pytest.mark.parametrize("path", ["/", "/incidents/inc-1"])
def test_a_stranger_is_asked_for_a_token(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer.location == "/login"


@pytest.mark.parametrize("token", ["wrong", "", SECRETS["sender"]])
def test_a_wrong_token_and_a_senders_token_do_not_get_in(client: FlaskClient, token: str) -> None:
    word = csrf_of(client.get("/login").get_data(as_text=True))
    assert client.post("/login", data={"csrf": word, "token": token}).status_code == 401
    assert client.get("/").status_code == 302


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(client: FlaskClient) -> None:
    word = csrf_of(client.get("/login").get_data(as_text=True))
    answer = client.post("/login", data={"csrf": word, "token": SECRETS["viewer"]})
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert SECRETS["viewer"] not in cookie


def test_the_overview_says_what_is_wrong_and_what_to_do(client: FlaskClient) -> None:
    log_in(client, "viewer")
    html = client.get("/", headers={"Accept-Language": "zh-CN"}).get_data(as_text=True)
    for words in ("gpu01:7860 服务停止", "需要您处理", "请检查电源。", "探测失败", "正在运行"):
        assert words in html


def test_the_page_is_english_when_the_reader_wants_it(client: FlaskClient) -> None:
    word = log_in(client, "viewer")
    client.post("/language/en", data={"csrf": word})
    html = client.get("/").get_data(as_text=True)
    assert "service down" in html
    assert "Look at the power." in html


def test_what_logs_say_is_shown_and_never_run(client: FlaskClient) -> None:
    log_in(client, "viewer")
    for path in ("/", "/incidents/inc-1"):
        assert "<b>x</b>" not in client.get(path).get_data(as_text=True)


def test_nothing_is_loaded_from_elsewhere(client: FlaskClient) -> None:
    log_in(client, "operator")
    answer = client.get("/")
    html = answer.get_data(as_text=True)
    assert "http://" not in html
    assert "https://" not in html
    assert "<script" not in html
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", sorted(FORMS))
def test_an_operators_form_acts(client: FlaskClient, desk: FakeDesk, path: str) -> None:
    word = log_in(client, "operator")
    desk.calls.clear()
    assert client.post(path, data={"csrf": word}).status_code == 303
    assert desk.calls == [FORMS[path]]


@pytest.mark.parametrize("path", sorted(FORMS))
def test_a_form_without_the_csrf_word_does_nothing(client: FlaskClient, desk: FakeDesk, path: str) -> None:
    log_in(client, "operator")
    desk.calls.clear()
    for data in ({}, {"csrf": ""}, {"csrf": "guess"}, {"csrf": "猜"}):
        assert client.post(path, data=data).status_code == 400
    assert desk.calls == []


@pytest.mark.parametrize("path", sorted(FORMS))
def test_a_viewer_sees_no_buttons_and_cannot_act(client: FlaskClient, desk: FakeDesk, path: str) -> None:
    word = log_in(client, "viewer")
    assert f'action="{path}"' not in client.get("/").get_data(as_text=True)
    desk.calls.clear()
    assert client.post(path, data={"csrf": word}).status_code == 403
    assert desk.calls == []


def test_a_bearer_token_opens_no_page(client: FlaskClient) -> None:
    assert client.get("/", headers=as_role("operator")).status_code == 302


def test_logging_out_ends_the_session(client: FlaskClient) -> None:
    word = log_in(client, "viewer")
    client.post("/logout", data={"csrf": word})
    assert client.get("/").status_code == 302


def test_a_token_that_was_taken_back_ends_its_sessions(client: FlaskClient) -> None:
    from remediator.tokens import Tokens

    log_in(client, "viewer")
    client.application.extensions["tokens"] = Tokens({})
    assert client.get("/").status_code == 302


def test_an_unknown_incident_is_explained_on_a_page(client: FlaskClient) -> None:
    log_in(client, "viewer")
    answer = client.get("/incidents/other")
    assert answer.status_code == 404
    assert "<h1>" in answer.get_data(as_text=True)


def test_a_form_of_the_stop_shows_that_everything_is_stopped(client: FlaskClient, desk: FakeDesk) -> None:
    desk.stopped = True
    log_in(client, "operator")
    assert 'action="/resume"' in client.get("/").get_data(as_text=True)


def test_the_cookie_key_is_made_once_and_is_private(tmp_path) -> None:
    from remediator.web.app import cookie_secret

    path = tmp_path / "state" / "cookie-key"
    first = cookie_secret(path)
    assert len(first) == 32
    assert cookie_secret(path) == first
    assert path.stat().st_mode & 0o077 == 0
