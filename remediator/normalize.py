"""Stage 1 of 7: what senders post becomes Alerts. Pure, bounded, and strict about what may name a host.

One malformed alert is refused alone, with its field and the fix; the others of the payload go on.
Alert text is data: it is cut to length and freed of control characters, never interpreted.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from remediator.errors import BadAlert
from remediator.model import Alert
from remediator.redact import redacted

MAX_ALERTS = 1000
MAX_LABELS = 64
MAX_LABEL_NAME = 128
MAX_LABEL_VALUE = 256
MAX_SUMMARY = 500
SEVERITIES = {"critical": "critical", "page": "critical", "warning": "warning", "info": "info"}
FINGERPRINT = re.compile(r"[A-Za-z0-9._:-]{1,128}")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

Hosts = Mapping[str, Collection[str]]  # inventory name -> ports of its instances


@dataclass(frozen=True)
class Refused:
    """One alert that was not taken: its place in the payload, the field, what is wrong, the fix."""

    place: int
    field: str
    problem: str
    fix: str


@dataclass(frozen=True)
class Intake:
    """What one payload contained; `truncated` alerts were cut off by the sender."""

    alerts: tuple[Alert, ...]
    refused: tuple[Refused, ...]
    truncated: int = 0


def from_alertmanager(payload: object, hosts: Hosts) -> Intake:
    """Read Alertmanager's webhook, version 4. Raises BadAlert when the payload as a whole can't be read."""
    body = _body(payload)
    if str(body.get("version")) != "4":
        raise BadAlert("version", "is not 4", "send Alertmanager's webhook format, version 4")
    return _read("alertmanager", body, hosts)


def from_grafana(payload: object, hosts: Hosts) -> Intake:
    """Read Grafana's webhook: the same shape with more fields. Raises BadAlert as above."""
    return _read("grafana", _body(payload), hosts)


def _body(payload: object) -> Mapping[str, Any]:
    if not isinstance(payload, Mapping):
        raise BadAlert("body", "is not a JSON object", "send the webhook's JSON")
    return payload


def _read(sender: str, body: Mapping[str, Any], hosts: Hosts) -> Intake:
    raw = body.get("alerts")
    if not isinstance(raw, Sequence) or isinstance(raw, str | bytes):
        raise BadAlert("alerts", "is not a list", "send the webhook's JSON")
    if len(raw) > MAX_ALERTS:
        raise BadAlert("alerts", f"has more than {MAX_ALERTS} entries", "group by host, or set max_alerts")
    alerts: list[Alert] = []
    refused: list[Refused] = []
    for place, one in enumerate(raw):
        try:
            alerts.append(_alert(sender, one, hosts))
        except BadAlert as why:
            refused.append(Refused(place, why.field, why.problem, why.fix))
    cut = body.get("truncatedAlerts")
    return Intake(tuple(alerts), tuple(refused), cut if isinstance(cut, int) and cut > 0 else 0)


def _alert(sender: str, raw: object, hosts: Hosts) -> Alert:
    if not isinstance(raw, Mapping):
        raise BadAlert("alerts[]", "is not an object", "send the webhook's JSON")
    labels = _labels(raw.get("labels"))
    annotations = raw.get("annotations")
    notes = annotations if isinstance(annotations, Mapping) else {}
    host = _host(labels, hosts)
    return Alert(
        sender=sender,
        fingerprint=_fingerprint(raw.get("fingerprint")),
        starts_at=_starts_at(raw.get("startsAt")),
        status=_status(raw.get("status")),
        host=host,
        instance=_instance(labels, host, hosts),
        name=_name(labels),
        severity=SEVERITIES.get(labels.get("severity", "").lower(), "warning"),
        summary=redacted(clean(notes.get("summary") or notes.get("description") or "", MAX_SUMMARY)),
        labels=labels,
    )


def clean(value: object, most: int) -> str:
    """Return `value` as one line of at most `most` characters, without control characters."""
    return CONTROL.sub(" ", value[: most + 1] if isinstance(value, str) else "")[:most].strip()


def _labels(raw: object) -> dict[str, str]:
    if not isinstance(raw, Mapping):
        raise BadAlert("labels", "is not an object", "give the alert labels `alertname` and `host`")
    if len(raw) > MAX_LABELS:
        raise BadAlert("labels", f"has more than {MAX_LABELS} entries", "drop labels in the alert's rule")
    for name, value in raw.items():
        if not isinstance(name, str) or len(name) > MAX_LABEL_NAME or not isinstance(value, str):
            raise BadAlert("labels", "has a name or value that is no short text", "use text labels")
    exact = {name: raw[name] for name in ("host", "port") if name in raw}  # compared whole, never cut
    return {clean(name, MAX_LABEL_NAME): clean(value, MAX_LABEL_VALUE) for name, value in raw.items()} | exact


def _host(labels: Mapping[str, str], hosts: Hosts) -> str:
    host = labels.get("host", "")
    if host not in hosts:
        problem = "is missing" if not host else f"{clean(host, 64)!r} is not a host of the inventory"
        raise BadAlert("labels.host", problem, "set it to a host's inventory name, exactly")
    return host


def _instance(labels: Mapping[str, str], host: str, hosts: Hosts) -> str | None:
    port = labels.get("port", "")
    if not port:
        return None
    if port not in hosts[host]:
        known = ", ".join(sorted(hosts[host])) or "none"
        problem = f"{clean(port, 16)!r} is not an instance of {host}"
        raise BadAlert("labels.port", problem, f"leave it out, or use one of: {known}")
    return port


def _name(labels: Mapping[str, str]) -> str:
    name = labels.get("alertname", "")
    if not name:
        raise BadAlert("labels.alertname", "is missing", "give the alert a name")
    return name


def _fingerprint(value: object) -> str:
    if not isinstance(value, str) or not FINGERPRINT.fullmatch(value):
        raise BadAlert("fingerprint", "is missing or malformed", "send the webhook's JSON unchanged")
    return value


def _status(value: object) -> Literal["firing", "resolved"]:
    if value not in ("firing", "resolved"):
        raise BadAlert("status", "is neither firing nor resolved", "send the webhook's JSON unchanged")
    return "firing" if value == "firing" else "resolved"


def _starts_at(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) and len(value) <= 40 else None
        if moment is not None and moment.tzinfo is not None and 2000 <= moment.year < 2200:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise BadAlert("startsAt", "is no time with a zone", "send RFC 3339, for example 2026-11-27T01:02:03Z")
