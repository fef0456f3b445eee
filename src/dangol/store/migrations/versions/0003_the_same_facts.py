"""How far the texts of what was deployed tell the same facts.

Only columns that may be left out: code of the release before goes on beside it, and what it deployed stays uncounted.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, comment in (
        ("facts_told", "how often its texts tell the facts they should; null: nobody counted"),
        ("facts_differing", "how often a text tells a fact otherwise than the others"),
        ("facts_missing", "how often a text lacks a fact that another tells"),
    ):
        op.add_column("deployments", sa.Column(name, sa.Integer(), nullable=True, comment=comment))
