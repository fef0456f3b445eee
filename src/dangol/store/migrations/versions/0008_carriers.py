"""Carriers that are left alone for a while, so that all processes do."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dangol.store.types import Instant

revision = "0008"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "carriers",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("away_until", Instant(), nullable=False, comment="until then nobody gives it messages"),
        sa.Column("why", sa.String(16), nullable=False, comment="busy, as it said; failing, as we found"),
        sa.Column("failures", sa.SmallInteger(), nullable=False, comment="hand-overs in a row that came to nothing"),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_carriers")),
    )
