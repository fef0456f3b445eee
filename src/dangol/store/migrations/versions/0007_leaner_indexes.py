"""On PostgreSQL, indexes over the state of messages hold only those that somebody looks for by it.

A message that was handed over leaves them, so every later change of its row is cheaper, and they do not grow with what
was ever sent. SQLite keeps the whole of them: there a row's change costs little, and counting states reads them.

Code of the release before goes on beside it: PostgreSQL knows the states it asks for when it plans. Nothing can be
written to ``messages`` while the two indexes are built.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_WAITING = sa.text("state IN ('planned', 'due', 'held')")
_LEASED = sa.text("state IN ('due', 'sending', 'unknown')")


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.drop_index("ix_messages_due", "messages")
    op.create_index("ix_messages_due", "messages", ["state", "purpose", "due_at"], postgresql_where=_WAITING)
    op.drop_index("ix_messages_lease", "messages")
    op.create_index("ix_messages_lease", "messages", ["state", "lease_until"], postgresql_where=_LEASED)
