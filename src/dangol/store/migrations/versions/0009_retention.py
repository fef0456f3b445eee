"""The log lets whole months go, under a record that proves what they were; everybody else is refused as before.

Code of the release before goes on beside it: it removes nothing from the log and knows nothing of the new table.
"""

import sqlalchemy as sa
from alembic import op

from dangol.store.types import Instant

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_CHAINED = "chained over the removed entries, from the removal before on"
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_COVERED = "EXISTS (SELECT 1 FROM log_removals WHERE OLD.seq BETWEEN first_seq AND last_seq)"
_WRONG = """
    EXISTS (SELECT 1 FROM log WHERE seq < NEW.first_seq)
    OR EXISTS (SELECT 1 FROM log_removals WHERE last_seq >= NEW.first_seq)
    OR EXISTS (SELECT 1 FROM log WHERE seq BETWEEN NEW.first_seq AND NEW.last_seq AND at >= NEW.before)
    OR NOT EXISTS (SELECT 1 FROM log WHERE seq > NEW.last_seq AND at >= NEW.before)
    OR NEW.entries <> (SELECT count(*) FROM log WHERE seq BETWEEN NEW.first_seq AND NEW.last_seq)
"""
_REFUSED = "log_removals takes whole months from the beginning of the log: INSERT refused"


def upgrade() -> None:
    op.create_table(
        "log_removals",
        sa.Column("first_seq", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("last_seq", _NUMBER, nullable=False),
        sa.Column("entries", _NUMBER, nullable=False),
        sa.Column("before", Instant, nullable=False, comment="the first instant of the month after; entries are older"),
        sa.Column("hash", sa.String(64), nullable=False, comment=_CHAINED),
        sa.Column("rule", sa.String(200), nullable=False, comment="the setting that asked for it"),
        sa.Column("removed_at", Instant, nullable=False),
        sa.Column("removed_by", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("first_seq", name=op.f("pk_log_removals")),
        sa.UniqueConstraint("last_seq", name=op.f("uq_log_removals_last_seq")),
    )
    if op.get_bind().dialect.name == "postgresql":
        _postgresql()
    else:
        _sqlite()


def _postgresql() -> None:
    op.execute("DROP TRIGGER log_insert_only ON log")
    op.execute(
        "CREATE TRIGGER log_insert_only BEFORE UPDATE OR TRUNCATE ON log "
        "FOR EACH STATEMENT EXECUTE FUNCTION log_is_insert_only()"
    )
    op.execute(
        f"""
        CREATE FUNCTION log_keeps_its_entries() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF {_COVERED} THEN RETURN OLD; END IF;
            RAISE EXCEPTION 'log is insert-only: DELETE refused';
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER log_keeps_its_entries BEFORE DELETE ON log "
        "FOR EACH ROW EXECUTE FUNCTION log_keeps_its_entries()"
    )
    op.execute(
        f"""
        CREATE FUNCTION log_removals_are_months() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.before <> date_trunc('month', NEW.before, 'UTC') OR {_WRONG} THEN
                RAISE EXCEPTION '{_REFUSED}';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER log_removals_are_months BEFORE INSERT ON log_removals "
        "FOR EACH ROW EXECUTE FUNCTION log_removals_are_months()"
    )
    op.execute(
        """
        CREATE FUNCTION log_removals_is_insert_only() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'log_removals is insert-only: % refused', TG_OP; END $$
        """
    )
    op.execute(
        "CREATE TRIGGER log_removals_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log_removals "
        "FOR EACH STATEMENT EXECUTE FUNCTION log_removals_is_insert_only()"
    )


def _sqlite() -> None:
    op.execute("DROP TRIGGER log_refuses_delete")
    op.execute(
        f"CREATE TRIGGER log_refuses_delete BEFORE DELETE ON log WHEN NOT {_COVERED} "
        "BEGIN SELECT RAISE(ABORT, 'log is insert-only: DELETE refused'); END"
    )
    op.execute(
        "CREATE TRIGGER log_removals_are_months BEFORE INSERT ON log_removals "
        f"WHEN NEW.before NOT LIKE '____-__-01T00:00:00.000000+00:00' OR {_WRONG} "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
    )
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER log_removals_refuses_{change.lower()} BEFORE {change} ON log_removals "
            f"BEGIN SELECT RAISE(ABORT, 'log_removals is insert-only: {change} refused'); END"
        )
