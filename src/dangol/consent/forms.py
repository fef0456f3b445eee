"""Forms as people saw them: every version that was ever deployed, so that a consent can be shown with its wording.

A form's version counts up when anything about it changes. A form that leaves the workspace gets a last version that is
empty, and can no longer be filled in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, Row, bindparam, func, inspect, select

from dangol.errors import UnknownVersion
from dangol.model.forms import ConsentForm
from dangol.store.bulk import insert_many
from dangol.store.tables import consent_forms

_LATEST = select(func.max(consent_forms.c.version)).where(consent_forms.c.key == bindparam("key"))
_CURRENT = select(consent_forms.c.version, consent_forms.c.definition).where(
    consent_forms.c.key == bindparam("key"),
    consent_forms.c.version == _LATEST.scalar_subquery(),
)
_EVERY = select(consent_forms).order_by(consent_forms.c.key, consent_forms.c.version)
_KEYS = select(consent_forms.c.key).distinct()


@dataclass(frozen=True, slots=True)
class Registered:
    """A form in one version."""

    key: str
    version: int
    form: ConsentForm

    @property
    def name(self) -> str:
        """What consents call it: ``newsletter/3``."""
        return f"{self.key}/{self.version}"


def register(connection: Connection, forms: Mapping[str, ConsentForm], *, at: datetime, by: str) -> list[str]:
    """Make these forms the ones that can be filled in; the keys of those that changed. One deployment at a time."""
    known = {key: _row(connection, key) for key in {*forms, *connection.execute(_KEYS).scalars()}}
    rows = []
    for key, row in sorted(known.items()):
        version, before = row if row is not None else (0, None)
        definition = forms[key].model_dump(mode="json") if key in forms else {}
        if definition != before:
            rows.append(_new(key, version + 1, definition, at, by))
    insert_many(connection, consent_forms, rows)
    return [row["key"] for row in rows]


def offered(source: Connection) -> dict[str, ConsentForm] | None:
    """The forms that can be filled in at another database, to be registered here; their versions count by themselves.

    None if no release with forms has opened it yet. Raises UnknownVersion for one that was altered there or that this
    release cannot read.
    """
    if not inspect(source).has_table(consent_forms.name):
        return None
    latest = {row.key: row for row in source.execute(_EVERY)}
    return {key: _arrived(row) for key, row in latest.items() if row.definition}


def _arrived(row: Row[Any]) -> ConsentForm:
    name = f"the form {row.key}/{row.version}"
    if row.id != _id_of(row.key, row.version, row.definition):
        raise UnknownVersion(f"{name} is not what its id says; it was altered in the database it comes from")
    try:
        return ConsentForm.model_validate(row.definition)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UnknownVersion(
            f"{name} cannot be read by this release ({place}: {first['msg']}); upgrade first"
        ) from None


def current(connection: Connection, key: str) -> Registered | None:
    """The form that can be filled in now; None if there is none of this key."""
    row = _row(connection, key)
    return Registered(key, row[0], ConsentForm.model_validate(row[1])) if row is not None and row[1] else None


def in_force(connection: Connection) -> dict[str, Registered]:
    """Every form that can be filled in now, by key."""
    latest = {row.key: row for row in connection.execute(_EVERY)}
    return {
        key: Registered(key, row.version, ConsentForm.model_validate(row.definition))
        for key, row in latest.items()
        if row.definition
    }


def _row(connection: Connection, key: str) -> tuple[int, dict[str, Any]] | None:
    row = connection.execute(_CURRENT, {"key": key}).first()
    return (row.version, row.definition) if row is not None else None


def _new(key: str, version: int, definition: Mapping[str, Any], at: datetime, by: str) -> dict[str, Any]:
    return {
        "id": _id_of(key, version, definition),
        "key": key,
        "version": version,
        "definition": dict(definition),
        "registered_at": at,
        "registered_by": by,
    }


def _id_of(key: str, version: int, definition: Mapping[str, Any]) -> str:
    """The same whatever the order of keys, of which databases keep their own."""
    told = json.dumps(definition, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(f"{key}\x1f{version}\x1f{told}".encode()).hexdigest()
