"""The schema's revisions: bringing a database to this release's, and running beside a newer one.

A migration may say in ``oldest_code`` the revision that code must know to run beside it, and in ``contract`` what it
takes away from code that is older; docs/upgrading.md has the rule. The bound is noted in the database, where code that
has never heard of the migration can read it.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from dangol.errors import StoreUnavailable
from dangol.store.housekeeping import keep_note, recalled

MIGRATIONS = Path(__file__).parent / "migrations"
OLDEST_CODE = "oldest_code"
_FIRST = "0001"
_PATIENCE = "5s"
"""How long a change of the schema waits for a lock: whoever comes after it waits as long."""


def migration_config() -> Config:
    """Where Alembic finds the migrations of this release."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


class Schema(StrEnum):
    """How the schema stands to this release."""

    CURRENT = "current"
    BEHIND = "behind"
    AHEAD = "ahead"
    """A later release has migrated it already; while machines are renewed one by one, that is how it should be."""
    MISSING = "missing"


def standing(connection: Connection) -> Schema:
    """How the schema of this database stands to this release; changes nothing."""
    found, known = _revision(connection), _known()
    if found is None:
        return Schema.MISSING
    if found == known[0]:
        return Schema.CURRENT
    return Schema.BEHIND if found in known else Schema.AHEAD


def is_current(connection: Connection) -> bool:
    """Is there nothing to migrate? True, too, beside a newer schema that this release may run beside.

    Raises StoreUnavailable, with advice, beside one that it may not.
    """
    stands = standing(connection)
    if stands is Schema.AHEAD:
        newest, oldest = _known()[0], recalled(connection, OLDEST_CODE)
        if oldest is None or oldest > newest:
            raise StoreUnavailable(
                f"its schema is at revision {_revision(connection)} and this release knows {newest} at most; "
                "start a newer release"
            )
    return stands in {Schema.CURRENT, Schema.AHEAD}


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _known() -> list[str]:
    """The revisions that this release knows, the latest first."""
    return [script.revision for script in ScriptDirectory.from_config(migration_config()).walk_revisions()]


def upgrade(connection: Connection) -> None:
    """Carry out every migration that is missing, in the transaction of ``connection``, and note the bound."""
    config = migration_config()
    config.attributes["connection"] = connection
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = '{_PATIENCE}'"))
    command.upgrade(config, "head")
    scripts = ScriptDirectory.from_config(config).walk_revisions()
    keep_note(
        connection,
        OLDEST_CODE,
        max(getattr(script.module, "oldest_code", _FIRST) for script in scripts),
    )
