"""Lines of messages that go out at a rate, shared by all processes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dangol.store.types import Instant

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "paces",
        sa.Column("line", sa.String(160), nullable=False, comment="a carrier, or carrier:sender"),
        sa.Column("free_at", Instant(), nullable=False, comment="when the next turn lies"),
        sa.Column("promised_until", Instant(), nullable=False, comment="the last instant that somebody was told"),
        sa.Column("again_until", Instant(), nullable=False, comment="the same, of those who had to be told again"),
        sa.Column("first_until", Instant(), nullable=False, comment="the same, of what somebody waits for"),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("line", name=op.f("pk_paces")),
    )
