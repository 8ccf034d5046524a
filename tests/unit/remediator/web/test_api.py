"""The JSON API: who may look, who may decide, how errors read."""

from __future__ import annotations

import pytest

from tests.unit.remediator.web.kit import ERRORS, FakeDesk, app, as_role

READS = ["/api/v1/status", "/api/v1/incidents", "/api/v1/runs", "/api/v1/decisions", "/api/v1/messages",
         "/api/v1/incidents/inc-1", "/metrics", "/readyz"]  # fmt: skip
WRITES = {
    "/api/v1/incidents/inc-1/ack": ("ack", "inc-1", "a-operator"),
    "/api/v1/incidents/inc-1/hold": ("hold", "inc-1", "a-operator", ""),
    "/api/v1/incidents/inc-1/resume": ("resume_incident", "inc-1", "a-operator"),
    "/api/v1/approvals/ask-1/approve": ("decide", "ask-1", True, "a-operator"),
    "/api/v1/approvals/ask-1/deny": ("decide", "ask-1", False, "a-operator"),
    "/api/v1/runs/run-1/cancel": ("cancel", "run-1", "a-operator"),
    "/api/v1/stop": ("stop", "a-operator", ""),
    "/api/v1/resume": ("resume", "a-operator"),
}


@pytest.mark.parametrize("url", READS)
@pytest.mark.parametrize(("role", "code"), [(None, 401), ("sender", 403), ("viewer", 200), ("operator", 200)])
def test_viewers_and_operators_may_look(url: str, role: str | None, code: int) -> None:
    client = app(FakeDesk()).test_client()
    assert client.get(url, headers=as_role(role) if role else {}).status_code == code


@pytest.mark.parametrize("url", sorted(WRITES))
@pytest.mark.parametrize("role", ["sender", "viewer"])
def test_only_operators_decide(url: str, role: str) -> None:
    desk = FakeDesk()
    assert app(desk).test_client().post(url, headers=as_role(role)).status_code == 403
    assert desk.calls == []


@pytest.mark.parametrize("url", sorted(WRITES))
def test_a_decision_is_made_under_the_operators_name(url: str) -> None:
    desk = FakeDesk()
    assert app(desk).test_client().post(url, headers=as_role("operator")).status_code == 200
    assert desk.calls == [WRITES[url]]


@pytest.mark.parametrize("url", sorted(WRITES))
def test_a_link_never_acts(url: str) -> None:
    desk = FakeDesk()
    assert app(desk).test_client().get(url, headers=as_role("operator")).status_code in (404, 405)
    assert desk.calls == []


def test_a_reason_travels_with_the_decision() -> None:
    desk = FakeDesk()
    app(desk).test_client().post("/api/v1/stop", json={"reason": "网络割接"}, headers=as_role("operator"))
    assert desk.calls == [("stop", "a-operator", "网络割接")]


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_our_own_errors_have_a_status_code_of_their_own(code: int) -> None:
    desk = FakeDesk()
    desk.error = ERRORS[code]
    answer = app(desk).test_client().post("/api/v1/incidents/x/ack", headers=as_role("operator"))
    assert answer.status_code == code
    assert answer.get_json()["error"]["code"] == code


@pytest.mark.parametrize("limit", ["0", "1001", "x", "-1", "1e3"])
def test_a_limit_out_of_range_is_refused(limit: str) -> None:
    answer = app(FakeDesk()).test_client().get(f"/api/v1/runs?limit={limit}", headers=as_role("viewer"))
    assert answer.status_code == 400


def test_only_being_alive_is_public_and_it_says_nothing_else() -> None:
    assert app(FakeDesk()).test_client().get("/healthz").get_json() == {"status": "ok"}


def test_not_ready_names_the_problem() -> None:
    desk = FakeDesk()
    desk.ill = ["the dispatcher does not run"]
    answer = app(desk).test_client().get("/readyz", headers=as_role("viewer"))
    assert (answer.status_code, answer.get_json()["problems"]) == (503, desk.ill)


def test_the_metrics_are_prometheus_text() -> None:
    text = app(FakeDesk()).test_client().get("/metrics", headers=as_role("viewer")).get_data(as_text=True)
    assert 'remediator_incidents{state="resolved"} 3.0' in text
    assert 'remediator_runs{remedy="restart",state="ok"} 2.0' in text
    assert "remediator_heartbeat_age_seconds 5.0" in text


def test_a_cookie_opens_no_api_route() -> None:
    from tests.unit.remediator.web.kit import log_in

    client = app(FakeDesk()).test_client()
    log_in(client, "operator")
    assert client.get("/api/v1/status").status_code == 401
