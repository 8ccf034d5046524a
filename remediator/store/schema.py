"""The tables. Changes go through a new file in versions/; a test compares the two.

Two indexes carry the hard promises: at most one open incident per host, at most one active run per host.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

from remediator.store.columns import Json, UtcTime

metadata = MetaData()
OPEN = text("state <> 'resolved'")
ACTIVE = text("state IN ('queued', 'running')")


def _id() -> Column[str]:
    return Column("id", String(64), primary_key=True)


def _incident(*, nullable: bool = False) -> Column[str]:
    return Column("incident_id", String(64), ForeignKey("incident.id"), nullable=nullable, index=True)


incident = Table(
    "incident",
    metadata,
    _id(),
    Column("host", String(253), nullable=False),
    Column("state", String(16), nullable=False),
    Column("version", Integer, nullable=False, default=1),  # grows with every move
    Column("fault", String(64)),
    Column("instance", String(16)),
    Column("severity", String(16), nullable=False),
    Column("found", Json),  # {"en", "zh"}
    Column("decided", Json),  # {"remedy", "verdict", "gate", "reason": {"en", "zh"}, "until"}
    Column("proof", Json),  # the latest speech proof
    Column("note", Json),  # {"en", "zh"}: why it is where it is
    Column("held_by", String(128)),
    Column("acked_by", String(128)),
    Column("acted", Boolean, nullable=False, default=False),  # a remedy ran for it
    Column("opened_at", UtcTime, nullable=False),
    Column("state_since", UtcTime, nullable=False),
    Column("evidence_since", UtcTime, nullable=False),  # older log lines prove nothing about it
    Column("waiting_since", UtcTime),
    Column("wake_at", UtcTime),  # advance() has nothing to do before; None: only a bell or a person
    Column("closed_at", UtcTime),
    Column("claim_owner", String(128)),
    Column("claim_until", UtcTime),
    Index("one_open_incident_per_host", "host", unique=True, sqlite_where=OPEN, postgresql_where=OPEN),
    Index("incident_wake", "state", "wake_at"),
    Index("incident_opened", "opened_at"),
)

alert = Table(
    "alert",
    metadata,
    Column("id", Integer, primary_key=True),
    _incident(nullable=True),  # None: a resolved alert that no incident knows
    Column("key", String(600), nullable=False, unique=True),
    Column("sender", String(32), nullable=False),
    Column("fingerprint", String(256), nullable=False),
    Column("starts_at", UtcTime, nullable=False),
    Column("status", String(16), nullable=False),
    Column("host", String(253), nullable=False),
    Column("instance", String(16)),
    Column("name", String(200), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("summary", Text, nullable=False),
    Column("labels", Json, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("last_seen_at", UtcTime, nullable=False),
    Column("hits", Integer, nullable=False, default=1),
)

evidence = Table(
    "evidence",
    metadata,
    _id(),
    _incident(),
    Column("host", String(253), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("reachable", Boolean, nullable=False),
    Column("body", Json, nullable=False),
)

decision = Table(
    "decision",
    metadata,
    _id(),
    _incident(),
    Column("at", UtcTime, nullable=False),
    Column("evidence_id", String(64), ForeignKey("evidence.id")),
    Column("host", String(253), nullable=False),
    Column("instance", String(16)),
    Column("fault", String(64), nullable=False),
    Column("remedy", String(64)),  # None: nothing to do on the host
    Column("rung", Integer),
    Column("args", Json),
    Column("verdict", String(16), nullable=False),
    Column("gate", String(32), nullable=False),
    Column("reason", Json, nullable=False),
    Column("until", UtcTime),
    Column("findings", Json, nullable=False),  # every match, the chosen one first
    Column("gates", Json, nullable=False),  # every gate with its value and limit
)

run = Table(
    "run",
    metadata,
    _id(),
    _incident(),
    Column("decision_id", String(64), ForeignKey("decision.id")),
    Column("host", String(253), nullable=False),
    Column("instance", String(16)),
    Column("fault", String(64), nullable=False),
    Column("remedy", String(64), nullable=False),
    Column("playbook", String(200), nullable=False),
    Column("args", Json, nullable=False),
    Column("rung", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("timeout_s", Integer, nullable=False),
    Column("disruptive", Boolean, nullable=False),
    Column("useful", Boolean),  # speech was proved after it; None: not known (yet)
    Column("created_at", UtcTime, nullable=False),
    Column("started_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("rc", Integer),
    Column("summary", Json),
    Column("failed_task", String(400)),
    Index("one_active_run_per_host", "host", unique=True, sqlite_where=ACTIVE, postgresql_where=ACTIVE),
    Index("run_history", "host", "remedy", "created_at"),
)

approval = Table(
    "approval",
    metadata,
    _id(),
    _incident(),
    Column("decision_id", String(64), ForeignKey("decision.id"), nullable=False),
    Column("host", String(253), nullable=False),
    Column("instance", String(16)),
    Column("fault", String(64), nullable=False),
    Column("remedy", String(64), nullable=False),
    Column("args", Json, nullable=False),
    Column("state", String(16), nullable=False),  # open | approved | denied | expired | used
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("decided_at", UtcTime),
    Column("decided_by", String(128)),
)

notification = Table(
    "notification",
    metadata,
    _id(),
    _incident(nullable=True),
    Column("kind", String(16), nullable=False),  # opened | decided | result | escalation | owner | digest ...
    Column("created_at", UtcTime, nullable=False),
    Column("payload", Json, nullable=False),
    Column("receiver", String(64), nullable=False),  # "" until the outbox has chosen its receivers
    Column("state", String(16), nullable=False),  # due | delivered | failed | merged | split
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_at", UtcTime, nullable=False),
    Column("delivered_at", UtcTime),
    Column("error", String(400)),
    Index("notification_due", "state", "next_at"),
)

hold = Table(
    "hold",
    metadata,
    _id(),
    Column("kind", String(16), nullable=False),  # stop | maintenance
    Column("host", String(253)),  # None: the whole installation
    Column("by", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("until", UtcTime),
    Column("lifted_at", UtcTime),
    Column("lifted_by", String(128)),
)

probe = Table(
    "probe",
    metadata,
    Column("host", String(253), primary_key=True),
    Column("instance", String(16), primary_key=True),
    Column("failures", Integer, nullable=False),  # in a row
    Column("firing_since", UtcTime),
    Column("checked_at", UtcTime, nullable=False),
    Column("took_s", Float),
    Column("detail", String(400), nullable=False),
)

send_slot = Table(
    "send_slot",
    metadata,
    Column("channel", String(128), primary_key=True),
    Column("slot", Integer, primary_key=True),
    Column("used_at", UtcTime, nullable=False),
)

send_lease = Table(
    "send_lease",
    metadata,
    Column("receiver", String(64), primary_key=True),
    Column("owner", String(128), nullable=False),
    Column("until", UtcTime, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", String(400), nullable=False),
    Column("detail", Json, nullable=False),
)
