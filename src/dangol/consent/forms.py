"""Forms as people saw them: every version that was ever deployed, so that a consent can be shown with its wording.

A form's version counts up when anything about it changes. A form that leaves the workspace gets a last version that is
empty, and can no longer be filled in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from dangol.model.forms import ConsentForm
from dangol.store.bulk import dumps, insert_many
from dangol.store.tables import consent_forms

_LATEST = select(func.max(consent_forms.c.version)).where(consent_forms.c.key == bindparam("key"))
_CURRENT = select(consent_forms.c.version, consent_forms.c.definition).where(
    consent_forms.c.key == bindparam("key"),
    consent_forms.c.version == _LATEST.scalar_subquery(),
)
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


def current(connection: Connection, key: str) -> Registered | None:
    """The form that can be filled in now; None if there is none of this key."""
    row = _row(connection, key)
    return Registered(key, row[0], ConsentForm.model_validate(row[1])) if row is not None and row[1] else None


def _row(connection: Connection, key: str) -> tuple[int, dict[str, Any]] | None:
    row = connection.execute(_CURRENT, {"key": key}).first()
    return (row.version, row.definition) if row is not None else None


def _new(key: str, version: int, definition: Mapping[str, Any], at: datetime, by: str) -> dict[str, Any]:
    content = f"{key}\x1f{version}\x1f{dumps(definition)}"
    return {
        "id": hashlib.sha256(content.encode()).hexdigest(),
        "key": key,
        "version": version,
        "definition": dict(definition),
        "registered_at": at,
        "registered_by": by,
    }
