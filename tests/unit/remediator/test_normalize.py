"""What senders post: taken strictly, alone, and as data."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.errors import BadAlert
from remediator.normalize import MAX_ALERTS, MAX_LABELS, MAX_SUMMARY, from_alertmanager, from_grafana

HOSTS = {"gpu01": ("7860", "7861"), "gpu02": ("7860",)}
SAMPLES = Path(__file__).parents[2] / "samples" / "alertmanager.jsonl"


def one(**changes: Any) -> dict[str, Any]:
    labels = {"alertname": "GlmttsDown", "host": "gpu01", "port": "7860", "severity": "critical"}
    return {
        "status": "firing", "labels": labels, "annotations": {"summary": "no answer"}, "fingerprint": "0a1b",
        "startsAt": "2026-11-27T01:02:03.5+08:00", "endsAt": "0001-01-01T00:00:00Z",
    } | changes  # fmt: skip


def labels(**changes: Any) -> dict[str, Any]:
    merged = one()["labels"] | changes
    return one(labels={name: value for name, value in merged.items() if value is not None})


def payload(*alerts: Any, **changes: Any) -> dict[str, Any]:
    return {"version": "4", "status": "firing", "alerts": list(alerts), "truncatedAlerts": 0} | changes


def test_a_good_alert_is_read_whole() -> None:
    alert = from_alertmanager(payload(one()), HOSTS).alerts[0]
    assert (alert.host, alert.instance, alert.name, alert.severity) == (
        "gpu01",
        "7860",
        "GlmttsDown",
        "critical",
    )
    assert alert.starts_at == datetime(2026, 11, 26, 17, 2, 3, 500000, tzinfo=UTC)
    assert (alert.sender, alert.status, alert.summary) == ("alertmanager", "firing", "no answer")


@pytest.mark.parametrize(
    ("alert", "field"),
    [
        pytest.param("text", "alerts[]", id="not an object"),
        pytest.param(one(labels=None), "labels", id="no labels"),
        pytest.param(
            one(labels={f"l{n}": "x" for n in range(MAX_LABELS + 1)}), "labels", id="too many labels"
        ),
        pytest.param(labels(extra=5), "labels", id="a label that is no text"),
        pytest.param(labels(alertname=None), "labels.alertname", id="no name"),
        pytest.param(labels(host=None), "labels.host", id="no host"),
        pytest.param(labels(host="gpu99"), "labels.host", id="host outside the inventory"),
        pytest.param(labels(host="GPU01"), "labels.host", id="host in another case"),
        pytest.param(labels(host=" gpu01"), "labels.host", id="host with a space"),
        pytest.param(labels(host="gpu01; rm -rf /"), "labels.host", id="a shell command"),
        pytest.param(labels(host="{{ lookup('pipe','id') }}"), "labels.host", id="a template"),
        pytest.param(labels(host="all"), "labels.host", id="all hosts"),
        pytest.param(labels(host="gpu*"), "labels.host", id="a pattern"),
        pytest.param(labels(host="gpu01,gpu02"), "labels.host", id="two hosts"),
        pytest.param(labels(port="7862"), "labels.port", id="a port the host lacks"),
        pytest.param(labels(host="gpu02", port="7861"), "labels.port", id="another host's port"),
        pytest.param(one(status="suppressed"), "status", id="unknown status"),
        pytest.param(one(startsAt="2026-11-27T01:02:03"), "startsAt", id="time without zone"),
        pytest.param(one(startsAt="yesterday"), "startsAt", id="no time"),
        pytest.param(one(startsAt="0001-01-01T00:00:00Z"), "startsAt", id="Go's zero time"),
        pytest.param(one(startsAt=17), "startsAt", id="a number"),
        pytest.param(one(fingerprint=""), "fingerprint", id="empty fingerprint"),
        pytest.param(one(fingerprint="a b"), "fingerprint", id="fingerprint with a space"),
        pytest.param(one(fingerprint="a" * 129), "fingerprint", id="fingerprint too long"),
    ],
)
def test_a_malformed_alert_is_refused_alone_with_its_field(alert: Any, field: str) -> None:
    taken = from_alertmanager(payload(one(), alert, one(fingerprint="ff")), HOSTS)
    assert [a.fingerprint for a in taken.alerts] == ["0a1b", "ff"]
    assert [(no.place, no.field) for no in taken.refused] == [(1, field)]
    assert taken.refused[0].problem and taken.refused[0].fix


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param([], "body", id="a list"),
        pytest.param(None, "body", id="nothing"),
        pytest.param(payload(version="3"), "version", id="an old version"),
        pytest.param(payload() | {"alerts": "x"}, "alerts", id="alerts are text"),
        pytest.param(payload() | {"alerts": {}}, "alerts", id="alerts are an object"),
        pytest.param(payload() | {"alerts": [1] * (MAX_ALERTS + 1)}, "alerts", id="too many"),
    ],
)
def test_a_payload_that_can_never_work_is_refused_whole(body: Any, field: str) -> None:
    with pytest.raises(BadAlert) as refused:
        from_alertmanager(body, HOSTS)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("critical", "critical"),
        ("page", "critical"),
        ("Info", "info"),
        ("warning", "warning"),
        ("none", "warning"),
        (None, "warning"),
    ],
)
def test_unknown_severities_are_warnings(word: str | None, severity: str) -> None:
    assert from_alertmanager(payload(labels(severity=word)), HOSTS).alerts[0].severity == severity


def test_text_is_cut_and_freed_of_control_characters() -> None:
    nasty = "a\x00b\x1b[31m\nc\u202ed" + "x" * 10_000
    alert = from_alertmanager(payload(one(annotations={"summary": nasty})), HOSTS).alerts[0]
    assert alert.summary.startswith("a b [31m c d") and len(alert.summary) == MAX_SUMMARY


def test_what_the_sender_cut_off_is_counted() -> None:
    assert from_alertmanager(payload(one(), truncatedAlerts=3), HOSTS).truncated == 3


def test_the_port_may_be_left_out() -> None:
    assert from_alertmanager(payload(labels(port=None)), HOSTS).alerts[0].instance is None


def test_grafana_sends_the_same_shape_with_more_fields() -> None:
    body = {"orgId": 1, "title": "x", "alerts": [one(values={"A": 1}, silenceURL="http://g/s")]}
    taken = from_grafana(body, HOSTS)
    assert taken.alerts[0].sender == "grafana" and not taken.refused


def test_a_repeat_has_the_same_key_and_the_end_another() -> None:
    first, again = (from_alertmanager(payload(one()), HOSTS).alerts[0] for _ in range(2))
    ended = from_alertmanager(payload(one(status="resolved")), HOSTS).alerts[0]
    assert first.key == again.key != ended.key


def test_recorded_requests_are_understood() -> None:
    taken = [from_alertmanager(json.loads(line)["body"], HOSTS) for line in SAMPLES.read_text().splitlines()]
    assert sum(len(one.alerts) for one in taken) == 6
    assert [no.field for one in taken for no in one.refused] == ["labels.host"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)


@given(alert=JSON, field=st.sampled_from(sorted(one())), value=JSON)
def test_no_json_breaks_the_reader(alert: Any, field: str, value: Any) -> None:
    taken = from_alertmanager(payload(alert, one(**{field: value})), HOSTS)
    assert len(taken.alerts) + len(taken.refused) == 2
    assert all(a.host in HOSTS and (a.instance is None or a.instance in HOSTS[a.host]) for a in taken.alerts)
