"""Consents with topics, evidence and an end; suppressions with a scope; what people chose and asked for.

Code of the release before goes on sending beside it. Consents that it records while both run are refused by the new
key of ``consent_states`` and are to be reported again: none is lost silently, and none is misread.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from dangol.store.spelling import beyond_ascii, lowered
from dangol.store.types import Id, Instant, Json

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
oldest_code = "0005"
contract = {"consent_states": "keyed by topic, too; code of revision 0004 cannot record consents beside it"}

_OPEN_MESSAGE = sa.text("state IN ('planned', 'due', 'sending')")


_REFOLDED = """
    WITH told AS (
        SELECT id, profile_id, channel, purpose, action, basis, occurred_at,
            CASE WHEN wording <> '' THEN 1 ELSE 0 END AS proven,
            CASE basis WHEN 'written_consent' THEN 3 WHEN 'consent' THEN 2 WHEN 'imported' THEN 0 ELSE 1 END AS weight,
            MAX(CASE WHEN action = 'withdrawn' THEN occurred_at END)
                OVER (PARTITION BY profile_id, channel, purpose) AS left_at
        FROM consents
    ), given AS (
        SELECT id, profile_id, channel, purpose, basis, proven, occurred_at,
            MIN(occurred_at) OVER (PARTITION BY profile_id, channel, purpose) AS since,
            ROW_NUMBER() OVER (
                PARTITION BY profile_id, channel, purpose
                ORDER BY proven DESC, weight DESC, occurred_at DESC, id DESC
            ) AS place
        FROM told WHERE action = 'granted' AND (left_at IS NULL OR occurred_at > left_at)
    )
    INSERT INTO consent_states_with_topics
        (profile_id, channel, purpose, granted, consent_id, occurred_at, status, basis, proven, since, confirmed_at)
    SELECT s.profile_id, s.channel, s.purpose, s.granted,
        COALESCE(g.id, s.consent_id), COALESCE(g.occurred_at, s.occurred_at),
        CASE WHEN s.granted THEN 'granted' ELSE 'withdrawn' END,
        COALESCE(g.basis, c.basis, 'consent'), COALESCE(g.proven = 1, c.wording <> '', 1 = 0),
        CASE WHEN s.granted THEN COALESCE(g.since, s.occurred_at) END,
        CASE WHEN s.granted THEN COALESCE(g.occurred_at, s.occurred_at) END
    FROM consent_states s
    LEFT JOIN given g ON s.granted AND g.place = 1 AND g.profile_id = s.profile_id
        AND g.channel = s.channel AND g.purpose = s.purpose
    LEFT JOIN consents c ON c.id = s.consent_id
"""
"""What the fold of the ledger says of the rows that there were, all of them grants and withdrawals.

A consent goes on from the first grant after the last withdrawal, and rests on the latest of those that are proven best
and then rest on most. A state without rows, as a simulation leaves them, says what it said.
"""


def upgrade() -> None:
    _consents()
    _consent_states()
    columns: tuple[sa.Column[Any], ...] = (
        sa.Column("scope", sa.String(16), nullable=False, server_default="all", comment="which purposes it keeps away"),
        sa.Column("note", sa.String(500), nullable=False, server_default=""),
        sa.Column("lifted_by", sa.String(200)),
        sa.Column("lifted_because", sa.String(500)),
    )
    for column in columns:
        op.add_column("suppressions", column)
    op.add_column("messages", sa.Column("topic", sa.String(64), nullable=False, server_default=""))
    worth = "what it is worth; breaks ties of priority"
    op.add_column("messages", sa.Column("value", sa.Float(), nullable=False, server_default="0", comment=worth))
    op.add_column("messages", sa.Column("digest", sa.String(64), comment="the digest that it waits for"))
    op.create_index(
        "ix_messages_open",
        "messages",
        ["profile_id", "due_at"],
        postgresql_where=_OPEN_MESSAGE,
        sqlite_where=_OPEN_MESSAGE,
    )
    _who_has_an_address()
    op.add_column("slots", sa.Column("topic", sa.String(64), nullable=False, server_default=""))
    _new_tables()
    _refuse_changes("consent_forms")


def _who_has_an_address() -> None:
    email: sa.ColumnElement[str] = sa.column("email", sa.Text)
    op.create_index("ix_profiles_phone", "profiles", ["phone"])
    op.create_index("ix_profiles_email", "profiles", [lowered(email)])
    op.create_index(
        "ix_profiles_email_beyond_ascii",
        "profiles",
        ["id"],
        postgresql_where=beyond_ascii(email),
        sqlite_where=beyond_ascii(email),
    )


def _consents() -> None:
    columns: tuple[sa.Column[Any], ...] = (
        sa.Column("topic", sa.String(64), nullable=False, server_default="", comment="empty: all; night: at night too"),
        sa.Column("jurisdiction", sa.String(8), nullable=False, server_default=""),
        sa.Column("wording_version", sa.String(100), nullable=False, server_default=""),
        sa.Column("wording_hash", sa.String(64), comment="SHA-256 of the wording"),
        sa.Column("locale", sa.String(35), nullable=False, server_default=""),
        sa.Column("proof", sa.String(300), nullable=False, server_default="", comment="where evidence is kept"),
        sa.Column("utc_offset", sa.SmallInteger(), comment="minutes east of UTC of the person's clock then"),
        sa.Column("sealed", sa.LargeBinary(), comment="network address and browser, under the person's key"),
    )
    for column in columns:
        op.add_column("consents", column)
    op.create_index("ix_consents_recorded_at", "consents", ["recorded_at"])


def _consent_states() -> None:
    """A state has a topic now, and more to tell, which is read from the ledger (``_REFOLDED``)."""
    op.create_table(
        "consent_states_with_topics",
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("topic", sa.String(64), nullable=False, server_default=""),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("consent_id", Id, nullable=False),
        sa.Column("occurred_at", Instant, nullable=False),
        sa.Column("status", sa.String(16), nullable=False, server_default="granted"),
        sa.Column("basis", sa.String(64), nullable=False, server_default="consent"),
        sa.Column("proven", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("since", Instant),
        sa.Column("confirmed_at", Instant),
        sa.Column("jurisdiction", sa.String(8), nullable=False, server_default=""),
        sa.Column("confirmed", sa.Boolean(), nullable=False, server_default=sa.false(), comment="by a second message"),
        sa.Column("refused_at", Instant, comment="of what waits to be confirmed: the no before it"),
        sa.Column("asked", sa.String(26), nullable=False, server_default="", comment="the request that is open"),
        sa.PrimaryKeyConstraint("profile_id", "channel", "purpose", "topic", name="pk_consent_states_with_topics"),
    )
    op.execute(_REFOLDED)
    op.drop_table("consent_states")
    op.rename_table("consent_states_with_topics", "consent_states")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX pk_consent_states_with_topics RENAME TO pk_consent_states")
    op.create_index("ix_consent_states_confirmed", "consent_states", ["jurisdiction", "confirmed_at"])


def _new_tables() -> None:
    op.create_table(
        "preferences",
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("paused_until", Instant),
        sa.Column(
            "at_most",
            sa.SmallInteger(),
            comment="marketing messages in per_days days; null: as many as the caps allow",
        ),
        sa.Column("per_days", sa.SmallInteger(), nullable=False, server_default="7"),
        sa.Column("updated_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profiles.id"], name=op.f("fk_preferences_profile_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("profile_id", name=op.f("pk_preferences")),
    )
    op.create_table(
        "requests",
        sa.Column("id", Id, nullable=False),
        sa.Column("profile_id", Id, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False, comment="erasure or export"),
        sa.Column("source", sa.String(200), nullable=False),
        sa.Column("asked_at", Instant, nullable=False),
        sa.Column("due_at", Instant, nullable=False, comment="until when the law wants it done"),
        sa.Column("done_at", Instant),
        sa.Column("done_by", sa.String(200)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requests")),
    )
    op.create_index(op.f("ix_requests_profile_id"), "requests", ["profile_id"])
    op.create_table(
        "replies",
        sa.Column("id", Id, nullable=False),
        sa.Column("address_hash", sa.String(64), nullable=False, comment="keyed; who wrote"),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("intent", sa.String(16), nullable=False, comment="what it asked for"),
        sa.Column("keyword", sa.String(64), nullable=False, comment="by which keyword or way to say it that was told"),
        sa.Column("answer", sa.String(16), nullable=False, comment="which text answered it; empty: none"),
        sa.Column("locale", sa.String(2), nullable=False, comment="the language of the answer"),
        sa.Column("received_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replies")),
    )
    op.create_index("ix_replies_address_hash", "replies", ["address_hash", "received_at"])
    op.create_table(
        "consent_forms",
        sa.Column("id", sa.String(64), nullable=False, comment="hash of key and definition"),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, comment="counts up with every change of the wording"),
        sa.Column("definition", Json, nullable=False),
        sa.Column("registered_at", Instant, nullable=False),
        sa.Column("registered_by", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_forms")),
        sa.UniqueConstraint("key", "version", name=op.f("uq_consent_forms_key_version")),
    )
    op.create_index(op.f("ix_consent_forms_key"), "consent_forms", ["key"])


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
