"""Whether the database has the schema that this release was made for."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

_MIGRATIONS = Path(__file__).parent / "migrations"


class Schema(StrEnum):
    """How the schema stands to this release."""

    CURRENT = "current"
    BEHIND = "behind"
    AHEAD = "ahead"
    """A later release has migrated it already; while machines are renewed one by one, that is how it should be."""
    MISSING = "missing"


def standing(connection: Connection) -> Schema:
    """How the schema of this database stands to this release; changes nothing."""
    found = MigrationContext.configure(connection).get_current_revision()
    if found is None:
        return Schema.MISSING
    known = _known()
    if found == known[0]:
        return Schema.CURRENT
    return Schema.BEHIND if found in known else Schema.AHEAD


def _known() -> list[str]:
    """The revisions that this release knows, the latest first."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
