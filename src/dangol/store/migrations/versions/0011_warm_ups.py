"""How many messages new senders have sent on each day.

Code of the release before goes on beside it, and counts nothing: a warm-up plan holds once all workers are renewed.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "warm_ups",
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("sender", sa.String(320), nullable=False, comment="empty: all senders of the channel"),
        sa.Column("day", sa.Date(), nullable=False, comment="in the workspace's zone"),
        sa.Column("taken", sa.Integer(), nullable=False, comment="messages whose hand-over began, but for refusals"),
        sa.PrimaryKeyConstraint("channel", "sender", "day", name=op.f("pk_warm_ups")),
    )
