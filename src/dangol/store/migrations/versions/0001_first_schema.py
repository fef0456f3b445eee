"""The first schema.

The tables of this release, and triggers that refuse every change to insert-only tables (G6).
"""

import sqlalchemy as sa
from alembic import op

from dangol.store.types import Id, Instant, Json

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_INSERT_ONLY = ("consents", "log")


def upgrade() -> None:
    op.create_table(
        "blobs",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_blobs")),
    )
    op.create_table(
        "consent_states",
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("consent_id", Id, nullable=False),
        sa.Column("occurred_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("profile_id", "channel", "purpose", name=op.f("pk_consent_states")),
    )
    op.create_table(
        "consents",
        sa.Column("id", Id, nullable=False),
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("basis", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("wording", sa.Text(), nullable=False, comment="the exact words shown; empty if there is no proof"),
        sa.Column("occurred_at", Instant, nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    op.create_index(
        "ix_consents_profile", "consents", ["profile_id", "channel", "purpose", "occurred_at"], unique=False
    )
    op.create_table(
        "deployments",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("campaign_key", sa.String(length=64), nullable=False),
        sa.Column(
            "version_id",
            sa.String(length=64),
            nullable=True,
            comment="null: the campaign was taken out of service",
        ),
        sa.Column("deployed_at", Instant, nullable=False),
        sa.Column("deployed_by", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_deployments")),
    )
    op.create_index(op.f("ix_deployments_campaign_key"), "deployments", ["campaign_key"], unique=False)
    op.create_table(
        "instance",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_instance")),
    )
    op.create_table(
        "journeys",
        sa.Column("id", Id, nullable=False),
        sa.Column("campaign_key", sa.String(length=64), nullable=False),
        sa.Column("version_id", sa.String(length=64), nullable=False),
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("entry_key", sa.String(length=64), nullable=False, comment="what makes this entry this entry"),
        sa.Column("entry_event_id", Id, nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("position", sa.String(length=64), nullable=False, comment="the step that runs next"),
        sa.Column("wake_at", Instant, nullable=True),
        sa.Column("queued_until", Instant, nullable=True, comment="a worker has been told; told again after this"),
        sa.Column("entered_at", Instant, nullable=False),
        sa.Column("ended_at", Instant, nullable=True),
        sa.Column("end_reason", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journeys")),
        sa.UniqueConstraint(
            "campaign_key",
            "profile_id",
            "entry_key",
            name=op.f("uq_journeys_campaign_key_profile_id_entry_key"),
        ),
    )
    op.create_index("ix_journeys_due", "journeys", ["status", "wake_at"], unique=False)
    op.create_index("ix_journeys_profile", "journeys", ["profile_id", "status"], unique=False)
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=200), nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "log",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("decision", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("profile_id", Id, nullable=True),
        sa.Column("campaign_key", sa.String(length=64), nullable=True),
        sa.Column("version_id", sa.String(length=64), nullable=True),
        sa.Column("journey_id", Id, nullable=True),
        sa.Column("message_id", Id, nullable=True),
        sa.Column("stage", sa.String(length=64), nullable=True),
        sa.Column("step", sa.String(length=64), nullable=True),
        sa.Column("channel", sa.String(length=16), nullable=True),
        sa.Column("evidence", Json, nullable=False, comment="never personal data"),
        sa.Column("content_hash", sa.String(length=64), nullable=True, comment="keyed with the person's key"),
        sa.Column(
            "sealed",
            sa.LargeBinary(),
            nullable=True,
            comment="address and rendering context, under the person's key",
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_log")),
        sa.UniqueConstraint("id", name=op.f("uq_log_id")),
    )
    op.create_index(op.f("ix_log_at"), "log", ["at"], unique=False)
    op.create_index("ix_log_campaign", "log", ["campaign_key", "seq"], unique=False)
    op.create_index(op.f("ix_log_message_id"), "log", ["message_id"], unique=False)
    op.create_index("ix_log_profile", "log", ["profile_id", "seq"], unique=False)
    op.create_index("ix_log_reason", "log", ["reason", "seq"], unique=False)
    op.create_table(
        "messages",
        sa.Column("id", Id, nullable=False),
        sa.Column("journey_id", Id, nullable=False),
        sa.Column("campaign_key", sa.String(length=64), nullable=False),
        sa.Column("version_id", sa.String(length=64), nullable=False),
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("stage", sa.String(length=64), nullable=False),
        sa.Column("step", sa.String(length=64), nullable=False),
        sa.Column("template", sa.String(length=64), nullable=False),
        sa.Column(
            "channels",
            sa.String(length=64),
            nullable=False,
            comment="comma-separated, in order of preference",
        ),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("channel", sa.String(length=16), nullable=True, comment="the channel that was chosen"),
        sa.Column("due_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=True),
        sa.Column(
            "lease_until",
            Instant,
            nullable=True,
            comment="due: told to a worker; sending: handed to the provider",
        ),
        sa.Column("attempt", sa.SmallInteger(), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=True),
        sa.Column("provider_reference", sa.String(length=200), nullable=True),
        sa.Column("planned_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("journey_id", "step", "channels", name=op.f("uq_messages_journey_id_step_channels")),
    )
    op.create_index("ix_messages_due", "messages", ["state", "purpose", "due_at"], unique=False)
    op.create_index("ix_messages_lease", "messages", ["state", "lease_until"], unique=False)
    op.create_index("ix_messages_profile", "messages", ["profile_id"], unique=False)
    op.create_table(
        "profile_keys",
        sa.Column("profile_id", Id, nullable=False),
        sa.Column(
            "key",
            sa.LargeBinary(),
            nullable=False,
            comment="opens this person's sealed log contexts; destroyed on erasure",
        ),
        sa.PrimaryKeyConstraint("profile_id", name=op.f("pk_profile_keys")),
    )
    op.create_table(
        "profiles",
        sa.Column("id", Id, nullable=False, comment="opaque: a log entry alone names nobody"),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True, comment="E.164"),
        sa.Column("locale", sa.String(length=35), nullable=True),
        sa.Column(
            "timezone",
            sa.String(length=64),
            nullable=True,
            comment="as given; may be a zone that does not exist",
        ),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("attributes", Json, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.Column("erased_at", Instant, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles")),
        sa.UniqueConstraint("external_id", name=op.f("uq_profiles_external_id")),
    )
    op.create_table(
        "rejected_events",
        sa.Column("id", Id, nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("received_at", Instant, nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False, comment="what came, as it came, up to a limit"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rejected_events")),
    )
    op.create_table(
        "schedule_runs",
        sa.Column("id", Id, nullable=False),
        sa.Column("campaign_key", sa.String(length=64), nullable=False),
        sa.Column("version_id", sa.String(length=64), nullable=False),
        sa.Column("fire_at", Instant, nullable=False),
        sa.Column("cursor", Id, nullable=True, comment="the last profile taken in; null before the first"),
        sa.Column("finished_at", Instant, nullable=True),
        sa.Column("queued_until", Instant, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedule_runs")),
        sa.UniqueConstraint("campaign_key", "fire_at", name=op.f("uq_schedule_runs_campaign_key_fire_at")),
    )
    op.create_table(
        "slots",
        sa.Column("message_id", Id, nullable=False),
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("campaign_key", sa.String(length=64), nullable=False),
        sa.Column("stage", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("tags", Json, nullable=False, comment="a snapshot at hand-over"),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("reserved_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_slots")),
    )
    op.create_index("ix_slots_profile", "slots", ["profile_id", "reserved_at"], unique=False)
    op.create_table(
        "suppressions",
        sa.Column("id", Id, nullable=False),
        sa.Column("address_hash", sa.String(length=64), nullable=False, comment="keyed hash; outlives erasure"),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("cause", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("lifted_at", Instant, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppressions")),
    )
    op.create_index(op.f("ix_suppressions_address_hash"), "suppressions", ["address_hash"], unique=False)
    op.create_table(
        "versions",
        sa.Column("id", sa.String(length=64), nullable=False, comment="hash of the manifest"),
        sa.Column("campaign_key", sa.String(length=64), nullable=False),
        sa.Column("manifest", Json, nullable=False, comment="path → blob hash of every file the campaign depends on"),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_versions")),
    )
    op.create_index(op.f("ix_versions_campaign_key"), "versions", ["campaign_key"], unique=False)
    op.create_table(
        "devices",
        sa.Column("id", Id, nullable=False),
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("platform", sa.String(length=16), nullable=False),
        sa.Column("last_seen_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profiles.id"], name=op.f("fk_devices_profile_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
        sa.UniqueConstraint("token", name=op.f("uq_devices_token")),
    )
    op.create_index(op.f("ix_devices_profile_id"), "devices", ["profile_id"], unique=False)
    op.create_table(
        "events",
        sa.Column("id", Id, nullable=False),
        sa.Column("message_id", sa.String(length=100), nullable=False, comment="the sender's idempotency key"),
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("properties", Json, nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("occurred_at", Instant, nullable=False),
        sa.Column("received_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(["profile_id"], ["profiles.id"], name=op.f("fk_events_profile_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("message_id", name=op.f("uq_events_message_id")),
    )
    op.create_index("ix_events_profile_name_time", "events", ["profile_id", "name", "occurred_at"], unique=False)
    for table in _INSERT_ONLY:
        _refuse_changes(table)


def _refuse_changes(table: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"""
            CREATE FUNCTION {table}_is_insert_only() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION '{table} is insert-only: % refused', TG_OP; END $$
            """
        )
        op.execute(
            f"CREATE TRIGGER {table}_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_is_insert_only()"
        )
        return
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_refuses_{change.lower()} BEFORE {change} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is insert-only: {change} refused'); END"
        )
