"""Rows as earlier releases wrote them: in every table, and those of a shop in the middle of its day.

A row holds exactly the columns that its revision has, so what a later migration does to them is seen.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from alembic.script import ScriptDirectory
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Date,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    text,
)

from dangol.definitions import versions
from dangol.definitions.workspace import load_workspace
from dangol.store.database import Database
from dangol.store.schema import migration_config
from dangol.store.tables import metadata
from dangol.store.types import Instant, to_text

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
SOON = NOW + timedelta(hours=1)
PEOPLE = ("ana", "ben", "cho", "dee")
_REVISION_TABLE = "alembic_version"


def revisions() -> list[str]:
    """Every revision of the schema, the first one first."""
    walked = ScriptDirectory.from_config(migration_config()).walk_revisions()
    return [script.revision for script in walked][::-1]


def tables_of(connection: Connection) -> list[Table]:
    """The tables as they are in this database, those that others refer to first."""
    found = MetaData()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based index")
        found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != _REVISION_TABLE]


def fill(connection: Connection) -> dict[str, dict[str, Any]]:
    """Write one row into every table there is, every column told; returns them by table."""
    rows: dict[str, dict[str, Any]] = {}
    for table in tables_of(connection):
        row = {column.name: value_for(table, column, rows) for column in table.columns}
        connection.execute(table.insert().values(row))
        rows[table.name] = row
    return rows


_RECORD = {"first_seq": 1, "last_seq": 6, "entries": 0, "before": NOW.replace(day=1, hour=0)}
"""The one record of a removal that the database takes beside a single entry of the log with the number 7."""


def value_for(table: Table, column: Column[Any], rows: Mapping[str, Mapping[str, Any]]) -> Any:
    """Something that this column may hold, and that is no default of any."""
    if table.name == "log_removals" and column.name in _RECORD:
        told = _RECORD[column.name]
        return to_text(told) if isinstance(told, datetime) and not isinstance(column.type, DateTime) else told
    for key in column.foreign_keys:
        return rows[key.column.table.name][key.column.name]
    now = metadata.tables.get(table.name)
    if now is not None and column.name in now.columns and isinstance(now.columns[column.name].type, Instant):
        return NOW if isinstance(column.type, DateTime) else to_text(NOW)
    kind = column.type
    if isinstance(kind, JSON):
        return {"told": [1, "단골"]}
    if isinstance(kind, DateTime):
        return NOW
    if isinstance(kind, Date):
        return NOW.date()
    if isinstance(kind, Boolean):
        return True
    if isinstance(kind, Integer | Float):
        return 7
    if isinstance(kind, LargeBinary):
        return b"\x00kept\xff"
    return f"{table.name}.{column.name}"[: getattr(kind, "length", None) or 99]


def this_row(table: Table, row: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    """The conditions that only this row meets."""
    return [column == row[column.name] for column in table.primary_key if column.name in row]


def open_shop(database: Database, workspace_root: Path) -> None:
    """A campaign in service and four people, written with the columns of the first schema, which all later ones have.

    ana waits on her journey; so does ben, who had a message today; so does cho, who took his consent back; dee's
    message is planned already.
    """
    workspace = load_workspace(workspace_root)
    version_id, manifest = versions.version_of(workspace, "cart")
    with database.write() as tx:
        _put(
            tx,
            "versions",
            id=version_id,
            campaign_key="cart",
            manifest=json.dumps(manifest),
            created_at=NOW,
            created_by="kim",
        )
        _put(tx, "deployments", campaign_key="cart", version_id=version_id, deployed_at=NOW, deployed_by="kim")
        for path, hash_ in manifest.items():
            _put(tx, "blobs", hash=hash_, content=workspace.sources[path])
        for name in PEOPLE:
            _arrive(tx, name, version_id)
        _put(tx, "slots", message_id="M-old", profile_id="P-ben", priority=50, reserved_at=NOW, **_SENT, tags="[]")
        _message(tx, "M-old", "J-before", "P-ben", version_id, state="accepted", due_at=NOW)
        _message(tx, "M-dee", "J-dee", "P-dee", version_id, state="planned", due_at=SOON)


_SENT = {"campaign_key": "cart", "stage": "loyalty", "channel": "email", "purpose": "marketing"}


def _arrive(tx: Connection, name: str, version_id: str) -> None:
    person, waits = f"P-{name}", name != "dee"
    granted = name != "cho"
    _put(
        tx,
        "profiles",
        id=person,
        external_id=name,
        email=f"{name}@example.com",
        locale="en",
        timezone="Asia/Seoul",
        attributes="{}",
        created_at=NOW,
        updated_at=NOW,
    )
    _put(tx, "profile_keys", profile_id=person, key=name[:1].encode() * 64)
    said = {"profile_id": person, "channel": "email", "purpose": "marketing", "occurred_at": NOW}
    _put(
        tx,
        "consents",
        id=f"C-{name}",
        **said,
        action="granted" if granted else "withdrawn",
        basis="consent",
        source="form",
        wording="Yes, write to me.",
        recorded_at=NOW,
    )
    _put(tx, "consent_states", **said, granted=granted, consent_id=f"C-{name}")
    _put(
        tx,
        "journeys",
        id=f"J-{name}",
        campaign_key="cart",
        version_id=version_id,
        profile_id=person,
        entry_key=f"E-{name}",
        status="waiting" if waits else "ended",
        position="0.1",
        wake_at=SOON if waits else None,
        entered_at=NOW,
    )
    _put(
        tx,
        "log",
        id=f"L-{name}",
        at=NOW,
        decision="journey_entered",
        reason="event_matched",
        profile_id=person,
        campaign_key="cart",
        journey_id=f"J-{name}",
        evidence='{"event": "Order Completed"}',
        sealed=name.encode(),
    )


def _message(tx: Connection, name: str, journey: str, person: str, version_id: str, **values: Any) -> None:
    _put(
        tx,
        "messages",
        id=name,
        journey_id=journey,
        campaign_key="cart",
        version_id=version_id,
        profile_id=person,
        stage="loyalty",
        step="note",
        template="note",
        channels="email",
        purpose="marketing",
        priority=50,
        attempt=0,
        planned_at=NOW,
        updated_at=NOW,
        **values,
    )


def _put(tx: Connection, table: str, **values: Any) -> None:
    plain = {name: to_text(value) if isinstance(value, datetime) else value for name, value in values.items()}
    columns, marks = ", ".join(plain), ", ".join(f":{name}" for name in plain)
    tx.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({marks})"), plain)
