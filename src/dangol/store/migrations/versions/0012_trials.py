"""A carrier that failed is tried by one worker before all give it messages again; its lease is a column.

Code of the release before goes on beside it: it names its columns, and a lease that it does not know ends by itself.
Until its processes are renewed, they give a carrier messages as soon as its pause is over, as they always did.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dangol.store.types import Instant

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tried = "until then a worker is believed to try it; nobody else does"
    op.add_column("carriers", sa.Column("tried_until", Instant(), comment=tried))
