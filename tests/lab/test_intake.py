"""Hostile and repeated alerts: nothing executed, nothing lost, one incident, one run."""

from __future__ import annotations

import json

import pytest

from tests.lab.fleet import Fleet, wait_for

pytestmark = pytest.mark.lab


def alert(fingerprint: str, **labels: str) -> dict[str, object]:
    """Return one firing alert as Alertmanager writes it."""
    return {
        "status": "firing",
        "labels": {"alertname": "InstanceDown", "severity": "critical", **labels},
        "annotations": {"summary": "made by a test"},
        "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph",
        "fingerprint": fingerprint,
    }


def body(*alerts: dict[str, object]) -> bytes:
    """Return a webhook body of version 4."""
    return json.dumps(
        {
            "version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": "firing", "receiver": "remediator",
            "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://am.example",
            "alerts": list(alerts),
        }
    ).encode()  # fmt: skip


def new_incidents(fleet: Fleet, host: str, known: set[str]) -> list[dict[str, object]]:
    """Return the incidents of a host that are not `known`."""
    return [one for one in fleet.incidents(host) if one["id"] not in known]


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("gpu99", id="a host outside the inventory"),
        pytest.param("{{ lookup('pipe','touch /tmp/pwned /var/lib/remediator/pwned') }}", id="a template"),
        pytest.param("gpu01; touch /tmp/pwned /var/lib/remediator/pwned", id="a shell command"),
        pytest.param("all", id="every host"),
        pytest.param("", id="no name"),
    ],
)
def test_an_alert_for_no_host_of_ours_is_refused_and_nothing_runs(fleet: Fleet, host: str) -> None:
    before = fleet.status()
    code, answer = fleet.post_alerts(body(alert("aaaaaaaaaaaaaaaa", host=host)))
    assert code == 400
    assert "labels.host" in answer["said"], "the answer names the field"
    after = fleet.status()
    assert [run["id"] for run in after["runs"]] == [run["id"] for run in before["runs"]]
    assert {one["id"] for one in after["incidents"]} == {one["id"] for one in before["incidents"]}
    # Below /tmp lies what services see as their own /tmp, too.
    made = fleet.lab.host("control").run(
        ["find", "/tmp", "/var/tmp", "/var/lib/remediator", "-name", "*pwned*"]
    )
    assert made.stdout == ""


def test_a_body_of_5_mb_is_refused(fleet: Fleet) -> None:
    code, _ = fleet.post_alerts(body(alert("bbbbbbbbbbbbbbbb", host="gpu01", filler="x" * 5_000_000)))
    assert code == 413


def test_a_viewer_may_not_send_alerts(fleet: Fleet) -> None:
    code, _ = fleet.post_alerts(body(alert("cccccccccccccccc", host="gpu01")), token="viewer_token")
    assert code in {401, 403}


def test_the_same_false_alarm_50_times_is_one_incident_without_a_run(fleet: Fleet) -> None:
    fleet.wait_until_calm()
    known = fleet.ids()
    same = body(alert("dddddddddddddddd", host="gpu02", port="7860"))
    assert {fleet.post_alerts(same)[0] for _ in range(50)} == {202}
    whole = fleet.next_incident(
        "gpu02", known, lambda one: one["state"] == "resolved", "closed as a false alarm"
    )
    assert whole["incident"]["fault"] == "false_alarm"
    assert whole["runs"] == []
    assert [one["id"] for one in new_incidents(fleet, "gpu02", known)] == [whole["incident"]["id"]]


def test_a_dead_instance_reported_50_times_is_restarted_once(fleet: Fleet) -> None:
    fleet.wait_until_calm()
    known = fleet.ids()
    fleet.lab.break_("gpu01", "crash", "7861")
    try:
        same = body(alert("eeeeeeeeeeeeeeee", host="gpu01", port="7861"))
        assert {fleet.post_alerts(same)[0] for _ in range(50)} == {202}
        whole = fleet.next_incident("gpu01", known, lambda one: one["state"] == "resolved", "healed")
    finally:
        fleet.lab.heal("gpu01", "crash", "7861")
    assert [run["remedy"] for run in whole["runs"]] == ["restart"]
    real = [one for one in new_incidents(fleet, "gpu01", known) if one["fault"] != "false_alarm"]
    assert [one["id"] for one in real] == [whole["incident"]["id"]]


def test_killing_the_remediator_in_the_middle_of_a_run_neither_stops_repeats_nor_forgets_it(
    fleet: Fleet,
) -> None:
    fleet.wait_until_calm()
    known = fleet.ids()
    control = fleet.lab.host("control")
    fleet.lab.break_("gpu01", "crash", "7861")
    try:
        wait_for(
            lambda: [run for run in fleet.status()["runs"] if run["state"] == "running"] or None,
            "a running restart",
            fleet.status,
        )
        control.run(["systemctl", "kill", "--signal=SIGKILL", "--kill-whom=all", "remediator.service"])
        whole = fleet.next_incident(
            "gpu01", known, lambda one: one["state"] == "resolved", "adopted and closed"
        )
    finally:
        fleet.lab.heal("gpu01", "crash", "7861")
    assert [(run["remedy"], run["state"]) for run in whole["runs"]] == [("restart", "ok")]
