"""The first schema."""

import sqlalchemy as sa
from alembic import op

from remediator.store.columns import Json, UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

OPEN = sa.text("state <> 'resolved'")
ACTIVE = sa.text("state IN ('queued', 'running')")
TABLES = (
    "audit",
    "hold",
    "incident",
    "probe",
    "alert",
    "evidence",
    "notification",
    "decision",
    "approval",
    "run",
)


def upgrade() -> None:
    """Make every table."""
    _audit()
    _hold()
    _incident()
    _probe()
    _alert()
    _evidence()
    _notification()
    _decision()
    _approval()
    _run()


def downgrade() -> None:
    """Drop every table."""
    for table in reversed(TABLES):
        op.drop_table(table)


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=400), nullable=False),
        sa.Column("detail", Json(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _hold() -> None:
    op.create_table(
        "hold",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("host", sa.String(length=253), nullable=True),
        sa.Column("by", sa.String(length=128), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("until", UtcTime(), nullable=True),
        sa.Column("lifted_at", UtcTime(), nullable=True),
        sa.Column("lifted_by", sa.String(length=128), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )


def _incident() -> None:
    op.create_table(
        "incident",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("host", sa.String(length=253), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("fault", sa.String(length=64), nullable=True),
        sa.Column("instance", sa.String(length=16), nullable=True),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("found", Json(), nullable=True),
        sa.Column("decided", Json(), nullable=True),
        sa.Column("proof", Json(), nullable=True),
        sa.Column("note", Json(), nullable=True),
        sa.Column("held_by", sa.String(length=128), nullable=True),
        sa.Column("acked_by", sa.String(length=128), nullable=True),
        sa.Column("acted", sa.Boolean(), nullable=False),
        sa.Column("opened_at", UtcTime(), nullable=False),
        sa.Column("state_since", UtcTime(), nullable=False),
        sa.Column("evidence_since", UtcTime(), nullable=False),
        sa.Column("waiting_since", UtcTime(), nullable=True),
        sa.Column("wake_at", UtcTime(), nullable=True),
        sa.Column("closed_at", UtcTime(), nullable=True),
        sa.Column("claim_owner", sa.String(length=128), nullable=True),
        sa.Column("claim_until", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("incident", schema=None) as batch_op:
        batch_op.create_index("incident_opened", ["opened_at"], unique=False)
        batch_op.create_index("incident_wake", ["state", "wake_at"], unique=False)
        batch_op.create_index(
            "one_open_incident_per_host", ["host"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN
        )


def _probe() -> None:
    op.create_table(
        "probe",
        sa.Column("host", sa.String(length=253), nullable=False),
        sa.Column("instance", sa.String(length=16), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("firing_since", UtcTime(), nullable=True),
        sa.Column("checked_at", UtcTime(), nullable=False),
        sa.Column("took_s", sa.Float(), nullable=True),
        sa.Column("detail", sa.String(length=400), nullable=False),
        sa.PrimaryKeyConstraint("host", "instance"),
    )


def _alert() -> None:
    op.create_table(
        "alert",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.String(length=64), nullable=True),
        sa.Column("key", sa.String(length=600), nullable=False),
        sa.Column("sender", sa.String(length=32), nullable=False),
        sa.Column("fingerprint", sa.String(length=256), nullable=False),
        sa.Column("starts_at", UtcTime(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("host", sa.String(length=253), nullable=False),
        sa.Column("instance", sa.String(length=16), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("labels", Json(), nullable=False),
        sa.Column("received_at", UtcTime(), nullable=False),
        sa.Column("last_seen_at", UtcTime(), nullable=False),
        sa.Column("hits", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["incident.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_alert_incident_id"), ["incident_id"], unique=False)


def _evidence() -> None:
    op.create_table(
        "evidence",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("incident_id", sa.String(length=64), nullable=False),
        sa.Column("host", sa.String(length=253), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("reachable", sa.Boolean(), nullable=False),
        sa.Column("body", Json(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["incident.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("evidence", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_evidence_incident_id"), ["incident_id"], unique=False)


def _notification() -> None:
    op.create_table(
        "notification",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("incident_id", sa.String(length=64), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("payload", Json(), nullable=False),
        sa.Column("receiver", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", UtcTime(), nullable=False),
        sa.Column("delivered_at", UtcTime(), nullable=True),
        sa.Column("error", sa.String(length=400), nullable=True),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["incident.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("notification", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notification_incident_id"), ["incident_id"], unique=False)
        batch_op.create_index("notification_due", ["state", "next_at"], unique=False)


def _decision() -> None:
    op.create_table(
        "decision",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("incident_id", sa.String(length=64), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("evidence_id", sa.String(length=64), nullable=True),
        sa.Column("host", sa.String(length=253), nullable=False),
        sa.Column("instance", sa.String(length=16), nullable=True),
        sa.Column("fault", sa.String(length=64), nullable=False),
        sa.Column("remedy", sa.String(length=64), nullable=True),
        sa.Column("rung", sa.Integer(), nullable=True),
        sa.Column("args", Json(), nullable=True),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("gate", sa.String(length=32), nullable=False),
        sa.Column("reason", Json(), nullable=False),
        sa.Column("until", UtcTime(), nullable=True),
        sa.Column("findings", Json(), nullable=False),
        sa.Column("gates", Json(), nullable=False),
        sa.ForeignKeyConstraint(
            ["evidence_id"],
            ["evidence.id"],
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["incident.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("decision", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_decision_incident_id"), ["incident_id"], unique=False)


def _approval() -> None:
    op.create_table(
        "approval",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("incident_id", sa.String(length=64), nullable=False),
        sa.Column("decision_id", sa.String(length=64), nullable=False),
        sa.Column("host", sa.String(length=253), nullable=False),
        sa.Column("instance", sa.String(length=16), nullable=True),
        sa.Column("fault", sa.String(length=64), nullable=False),
        sa.Column("remedy", sa.String(length=64), nullable=False),
        sa.Column("args", Json(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("decided_at", UtcTime(), nullable=True),
        sa.Column("decided_by", sa.String(length=128), nullable=True),
        sa.ForeignKeyConstraint(
            ["decision_id"],
            ["decision.id"],
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["incident.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("approval", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_approval_incident_id"), ["incident_id"], unique=False)


def _run() -> None:
    op.create_table(
        "run",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("incident_id", sa.String(length=64), nullable=False),
        sa.Column("decision_id", sa.String(length=64), nullable=True),
        sa.Column("host", sa.String(length=253), nullable=False),
        sa.Column("instance", sa.String(length=16), nullable=True),
        sa.Column("fault", sa.String(length=64), nullable=False),
        sa.Column("remedy", sa.String(length=64), nullable=False),
        sa.Column("playbook", sa.String(length=200), nullable=False),
        sa.Column("args", Json(), nullable=False),
        sa.Column("rung", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("timeout_s", sa.Integer(), nullable=False),
        sa.Column("disruptive", sa.Boolean(), nullable=False),
        sa.Column("useful", sa.Boolean(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=True),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("rc", sa.Integer(), nullable=True),
        sa.Column("summary", Json(), nullable=True),
        sa.Column("failed_task", sa.String(length=400), nullable=True),
        sa.ForeignKeyConstraint(
            ["decision_id"],
            ["decision.id"],
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["incident.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_run_incident_id"), ["incident_id"], unique=False)
        batch_op.create_index(
            "one_active_run_per_host", ["host"], unique=True, sqlite_where=ACTIVE, postgresql_where=ACTIVE
        )
        batch_op.create_index("run_history", ["host", "remedy", "created_at"], unique=False)
