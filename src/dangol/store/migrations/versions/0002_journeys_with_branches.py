"""Journeys with branches: experiments, audiences that people join, calls to other systems, pausing, rollback.

Only new tables, and columns that may be left out: code of the release before goes on beside it.
"""

import sqlalchemy as sa
from alembic import op

from dangol.store.types import Id, Instant, Json

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "arms",
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("campaign_key", sa.String(length=64), nullable=False),
        sa.Column("experiment", sa.String(length=64), nullable=False),
        sa.Column(
            "arm", sa.String(length=64), nullable=False, comment="who had it keeps it, whatever becomes of the weights"
        ),
        sa.Column("assigned_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("profile_id", "campaign_key", "experiment", name=op.f("pk_arms")),
    )
    op.create_table(
        "calls",
        sa.Column("id", Id, nullable=False),
        sa.Column("journey_id", Id, nullable=False),
        sa.Column("campaign_key", sa.String(length=64), nullable=False),
        sa.Column("version_id", sa.String(length=64), nullable=False),
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("stage", sa.String(length=64), nullable=False),
        sa.Column("step", sa.String(length=64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("payload", Json, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("due_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=True),
        sa.Column("lease_until", Instant, nullable=True),
        sa.Column("attempt", sa.SmallInteger(), nullable=False),
        sa.Column("planned_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calls")),
        sa.UniqueConstraint("journey_id", "step", name=op.f("uq_calls_journey_id_step")),
    )
    op.create_index("ix_calls_due", "calls", ["state", "due_at"], unique=False)
    op.create_index("ix_calls_lease", "calls", ["state", "lease_until"], unique=False)
    op.create_index("ix_calls_profile", "calls", ["profile_id"], unique=False)
    op.create_table(
        "controls",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("campaign_key", sa.String(length=64), nullable=False),
        sa.Column(
            "action", sa.String(length=16), nullable=False, comment="pause, resume or stop; the latest one holds"
        ),
        sa.Column("at", Instant, nullable=False),
        sa.Column("by", sa.String(length=200), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_controls")),
    )
    op.create_index(op.f("ix_controls_campaign_key"), "controls", ["campaign_key"], unique=False)
    op.create_table(
        "members",
        sa.Column("campaign_key", sa.String(length=64), nullable=False),
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("joined_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("campaign_key", "profile_id", name=op.f("pk_members")),
    )
    op.add_column(
        "deployments",
        sa.Column(
            "action",
            sa.String(length=16),
            server_default="deploy",
            nullable=False,
            comment="deploy, rollback, promote, withdraw",
        ),
    )
    op.add_column("deployments", sa.Column("git_commit", sa.String(length=64), nullable=True))
    op.add_column(
        "events",
        sa.Column(
            "hops", sa.SmallInteger(), server_default="0", nullable=False, comment="how many `emit` steps led to it"
        ),
    )
    op.add_column(
        "journeys",
        sa.Column(
            "correlation",
            sa.String(length=64),
            server_default="",
            nullable=False,
            comment="the entry's key; one journey for each",
        ),
    )
    op.add_column(
        "journeys",
        sa.Column("awaits", sa.String(length=200), nullable=True, comment="the event that a wait_for listens to"),
    )
    op.add_column("journeys", sa.Column("awaits_since", Instant, nullable=True, comment="when that wait began"))
    op.add_column(
        "journeys",
        sa.Column(
            "hops", sa.SmallInteger(), server_default="0", nullable=False, comment="how many `emit` steps led here"
        ),
    )
    op.create_index("ix_journeys_step", "journeys", ["campaign_key", "status", "version_id", "position"], unique=False)
    op.add_column(
        "versions",
        sa.Column(
            "git_commit",
            sa.String(length=64),
            nullable=True,
            comment="the git commit it was first deployed from, if there was one",
        ),
    )
    op.add_column(
        "schedule_runs",
        sa.Column(
            "kind",
            sa.String(length=16),
            server_default="schedule",
            nullable=False,
            comment="schedule, or a look at an audience",
        ),
    )
