"""Journeys that the end of their campaign wakes before their own wait is over remember that wait.

Only a column that may be left out: code of the release before goes on beside it.
"""

import sqlalchemy as sa
from alembic import op

from dangol.store.types import Instant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "journeys",
        sa.Column(
            "waits_until", Instant, nullable=True, comment="when its wait is over, if its campaign's end wakes it first"
        ),
    )
