"""What carriers report about messages, and finding a message by the carrier's id of it.

Code of the release before goes on beside it: it knows nothing of the new table, and the new index asks nothing of it.
"""

import sqlalchemy as sa
from alembic import op

from dangol.store.types import Id, Instant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_REFERRED = sa.text("provider_reference IS NOT NULL")
_ADDRESSED = sa.text("address_hash IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "feedback",
        sa.Column(
            "id", Id, nullable=False, comment="derived from the carrier's id of the report: repeated, it is known"
        ),
        sa.Column("provider", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("finding", sa.String(16), nullable=False, comment="what it says about the address"),
        sa.Column("detail", sa.String(64), nullable=False, comment="a code"),
        sa.Column("message_id", Id, comment="as reported, then as found"),
        sa.Column("reference", sa.String(200), comment="the carrier's id of the message"),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("machine", sa.Boolean(), nullable=False, comment="a proxy or a scanner did it"),
        sa.Column("url", sa.String(500), comment="the link that was followed, without query and tokens"),
        sa.Column("address_hash", sa.String(64), comment="keyed"),
        sa.Column("queued_until", Instant(), comment="told to a worker, or put off until then"),
        sa.Column("processed_at", Instant()),
        sa.Column("became", sa.String(16), comment="what came of it"),
        sa.PrimaryKeyConstraint("id", name="pk_feedback"),
    )
    op.create_index("ix_feedback_waiting", "feedback", ["processed_at", "queued_until"])
    op.create_index("ix_feedback_message", "feedback", ["message_id"])
    op.create_index(
        "ix_feedback_address", "feedback", ["address_hash"], postgresql_where=_ADDRESSED, sqlite_where=_ADDRESSED
    )
    op.create_index(
        "ix_messages_provider_reference",
        "messages",
        ["provider_reference"],
        postgresql_where=_REFERRED,
        sqlite_where=_REFERRED,
    )
