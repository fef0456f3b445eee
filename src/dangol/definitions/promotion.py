"""Promotion: the versions that one environment runs, taken over by another, byte for byte."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, inspect, select

from dangol.definitions.versions import CONTENTS, active, facts_of, hash_of, id_of, keep
from dangol.errors import UnknownVersion, UsageError
from dangol.model.fragmentation import Fragmentation
from dangol.store.bulk import among
from dangol.store.tables import versions


def copy_in_service(source: Connection, connection: Connection, keys: Collection[str]) -> dict[str, str | None]:
    """Copy what is in service in another database into this one, every file checked against its hash.

    Returns what is to be put into service to be the same as there: campaign key → version, None to take out. Raises
    UsageError where nothing is in service there, or a key is known in neither database, and UnknownVersion if what
    arrives is not what its id says.
    """
    wanted, here = to_promote(source, connection, keys), active(connection)
    new = [id_ for key, id_ in wanted.items() if id_ is not None and here.get(key) != id_]
    rows = source.execute(
        select(versions).where(among(versions.c.id, "ids")).order_by(versions.c.id), {"ids": new}
    ).all()
    hashes = sorted({hash_ for row in rows for hash_ in row.manifest.values()})
    files = {row.hash: row.content for row in source.execute(CONTENTS, {"hashes": hashes})}
    for row in rows:
        _check_arrival(row, files)
    keep(connection, files, [dict(row._mapping) for row in rows])
    return wanted


def facts_there(source: Connection, version_ids: Iterable[str]) -> dict[str, Fragmentation]:
    """How far the texts of these versions tell the same, as the other database counted it.

    A database that no release with such counts has opened yet knows nothing of them.
    """
    columns = {column["name"] for column in inspect(source).get_columns("deployments")}
    return facts_of(source, version_ids) if "facts_told" in columns else {}


def to_promote(source: Connection, connection: Connection, keys: Collection[str]) -> dict[str, str | None]:
    """What promotion puts into service: campaign → version, None to take out. Raises UsageError as copying does."""
    there, here = active(source), active(connection)
    if not there:
        raise UsageError("nothing is in service in the database to promote from; is it the right one?")
    if unknown := sorted(set(keys) - there.keys() - here.keys()):
        raise UsageError(f"no campaign {unknown[0]!r} is in service there; there are {', '.join(there)}")
    return {key: there.get(key) for key in sorted(set(keys) or there.keys() | here.keys())}


def _check_arrival(row: Row[Any], files: Mapping[str, str]) -> None:
    if row.id != id_of(row.manifest):
        raise UnknownVersion(f"version {row.id} of {row.campaign_key} is not what its id says; it was altered there")
    for path, hash_ in row.manifest.items():
        if hash_ not in files or hash_of(files[hash_]) != hash_:
            raise UnknownVersion(f"{path} of version {row.id} is missing or was altered in the database it comes from")
