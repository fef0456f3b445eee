"""How many messages new senders have sent on each day, and by which channels a message cannot go any more.

Code of the release before goes on beside it. It counts nothing, so a warm-up plan holds once all workers are renewed;
and it asks about a refused channel again, of which the address is known to be dead by then.
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
    refused = "channels whose carrier refused the address for good, comma-separated"
    op.add_column("messages", sa.Column("refused", sa.String(64), comment=refused))
