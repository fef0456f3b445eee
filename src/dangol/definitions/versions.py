"""Versions: what a campaign was when it was deployed, immutable and named by its content.

A version is a manifest, the hash of every file that the campaign depends on; its id is the hash of the manifest. The
same content is the same version wherever and whenever it is deployed, and the log can name exactly what was sent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import dropwhile, takewhile
from typing import Any

from sqlalchemy import Connection, func, select, text

from dangol.definitions.document import nearest
from dangol.definitions.sources import PACKS, Sources
from dangol.definitions.workspace import DECIDING, Workspace, build_workspace, shared_path
from dangol.errors import ProblemsFound, UnknownVersion, UsageError
from dangol.model.campaign import Campaign
from dangol.model.fragmentation import Fragmentation
from dangol.store.bulk import among, insert_many, insert_new
from dangol.store.tables import blobs, deployments, versions


@dataclass(frozen=True, slots=True)
class Version:
    """A deployed campaign with the workspace files it was deployed with; ``workspace`` holds no other campaign."""

    id: str
    campaign: Campaign
    workspace: Workspace


_SHOWN = 8
"""Keys of campaigns that an error lists."""


class Action(StrEnum):
    """How a version came into service, or a campaign out of it."""

    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    PROMOTE = "promote"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class Record:
    """Who changes what is in service, when and how; ``git_commit`` is what they had checked out, if that is known.

    ``facts`` is how far the texts of a version tell the same, by version id, as far as that was counted.
    """

    at: datetime
    by: str
    action: Action = Action.DEPLOY
    git_commit: str | None = None
    facts: Mapping[str, Fragmentation] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deployment:
    """A change of what is in service: ``version_id`` is None where a campaign was taken out, ``replaced`` where new.

    ``moved`` is how many journeys were taken along to the version.
    """

    campaign_key: str
    version_id: str | None
    replaced: str | None
    moved: int = 0


def version_of(workspace: Workspace, campaign_key: str) -> tuple[str, dict[str, str]]:
    """The version's id and manifest: path → SHA-256 of the text, for every file the campaign depends on."""
    manifest = {path: hash_of(content) for path, content in sorted(_files(workspace, campaign_key).items())}
    return id_of(manifest), manifest


def id_of(manifest: Mapping[str, str]) -> str:
    """The id of the version with this manifest."""
    return hash_of(json.dumps(manifest, ensure_ascii=False, sort_keys=True, separators=(",", ":")))


def cut(workspace: Workspace, campaign_key: str) -> Version:
    """The version that deploying this campaign would make; equal to what ``load`` reads back afterwards."""
    id_, manifest = version_of(workspace, campaign_key)
    campaign = workspace.campaigns[campaign_key]
    files = {path: workspace.sources[path] for path in manifest}
    return Version(id_, campaign, replace(workspace, campaigns={campaign_key: campaign}, sources=files))


def one_at_a_time(connection: Connection) -> None:
    """Wait until nobody else changes what is in service; holds until the transaction ends.

    On SQLite a writing transaction is the only one anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(7301, 2)"))


def deploy(
    connection: Connection,
    workspace: Workspace,
    *,
    at: datetime,
    by: str,
    keys: Collection[str] = (),
    git_commit: str | None = None,
) -> list[Deployment]:
    """Put the workspace, or only the campaigns ``keys`` of it, into service; what is in service stays untouched.

    Returns the changes, by campaign key: none if the content is the same. A campaign that has left the workspace is
    taken out of service; journeys on its version go on. Raises UsageError for a key that is neither in the workspace
    nor in service.
    """
    one_at_a_time(connection)
    before = active(connection)
    wanted = {
        key: cut(workspace, key) if key in workspace.campaigns else None for key in named(workspace, before, keys)
    }
    facts = {one.id: workspace.facts[key] for key, one in wanted.items() if one and key in workspace.facts}
    record = Record(at, by, git_commit=git_commit, facts=facts)
    register(connection, [one for key, one in wanted.items() if one is not None and before.get(key) != one.id], record)
    return put(connection, {key: one.id if one is not None else None for key, one in wanted.items()}, record)


def named(workspace: Workspace, before: Mapping[str, str], keys: Collection[str]) -> list[str]:
    """The campaigns that a deployment is about: ``keys``, or all of the workspace and all in service (``before``)."""
    known = workspace.campaigns.keys() | before.keys()
    for key in keys:
        if key not in known:
            near = nearest(key, known)
            hint = f"; did you mean {near!r}?" if near else f"; there are {', '.join(sorted(known)[:_SHOWN]) or 'none'}"
            hint += f" and {len(known) - _SHOWN} more" if not near and len(known) > _SHOWN else ""
            raise UsageError(f"there is no campaign {key!r} in the workspace or in service{hint}")
    return sorted(set(keys) or known)


def register(connection: Connection, wanted: Sequence[Version], record: Record) -> None:
    """Keep these versions with their files; those that are kept already stay as they are."""
    files = {hash_of(content): content for version in wanted for content in version.workspace.sources.values()}
    rows = [
        {
            "id": version.id,
            "campaign_key": version.campaign.key,
            "manifest": {path: hash_of(content) for path, content in sorted(version.workspace.sources.items())},
            "created_at": record.at,
            "created_by": record.by,
            "git_commit": record.git_commit,
        }
        for version in wanted
    ]
    keep(connection, files, rows)


def keep(connection: Connection, files: Mapping[str, str], rows: Sequence[dict[str, Any]]) -> None:
    """Keep files, by hash, and rows of versions; what is there already stays as it is."""
    # In one order, so that nobody waits in a circle.
    contents = [{"hash": hash_, "content": content} for hash_, content in sorted(files.items())]
    insert_new(connection, blobs, contents, conflict=["hash"])
    insert_new(connection, versions, rows, conflict=["id"])


def put(connection: Connection, wanted: Mapping[str, str | None], record: Record) -> list[Deployment]:
    """Put registered versions into service, by campaign key, None to take out; returns what that changes.

    The caller holds ``one_at_a_time``.
    """
    before = active(connection)
    changes = [Deployment(key, id_, before.get(key)) for key, id_ in sorted(wanted.items()) if before.get(key) != id_]
    facts = {**facts_of(connection, [one.version_id for one in changes if one.version_id]), **record.facts}
    rows = [
        {
            "campaign_key": one.campaign_key,
            "version_id": one.version_id,
            "deployed_at": record.at,
            "deployed_by": record.by,
            "action": (record.action if one.version_id is not None else Action.WITHDRAW).value,
            "git_commit": record.git_commit,
            **_facts_row(facts.get(one.version_id or "")),
        }
        for one in changes
    ]
    insert_many(connection, deployments, rows)
    return changes


def _facts_row(facts: Fragmentation | None) -> dict[str, int | None]:
    return {
        "facts_told": facts.told if facts else None,
        "facts_differing": facts.differing if facts else None,
        "facts_missing": facts.missing if facts else None,
    }


def counted(row: Any) -> Fragmentation | None:
    """How far the texts of this row of deployments tell the same; None if nobody counted."""
    if row.facts_told is None:
        return None
    return Fragmentation(row.facts_told, row.facts_differing, row.facts_missing)


def facts_of(connection: Connection, version_ids: Iterable[str]) -> dict[str, Fragmentation]:
    """How far the texts of these versions tell the same, as it was counted last; without those never counted.

    The content of a version never changes, so what was counted before holds whenever it comes into service again.
    """
    rows = connection.execute(_COUNTED, {"ids": sorted(set(version_ids))})
    return {row.version_id: found for row in rows if (found := counted(row)) is not None}


_COUNTED = (
    select(
        deployments.c.version_id, deployments.c.facts_told, deployments.c.facts_differing, deployments.c.facts_missing
    )
    .where(among(deployments.c.version_id, "ids"), deployments.c.facts_told.is_not(None))
    .order_by(deployments.c.seq)
)


def withdraw(connection: Connection, *, at: datetime, by: str) -> None:
    """Take every campaign out of service: nobody enters any more, and journeys on their way go on."""
    put(connection, dict.fromkeys(active(connection)), Record(at, by, Action.WITHDRAW))


def is_known(connection: Connection, campaign_key: str) -> bool:
    """Was there ever a version of this campaign?"""
    found = select(versions.c.id).where(versions.c.campaign_key == campaign_key).limit(1)
    return connection.execute(found).first() is not None


def known(connection: Connection) -> set[str]:
    """Every campaign of which there ever was a version."""
    return set(connection.execute(select(versions.c.campaign_key).distinct()).scalars())


def active(connection: Connection) -> dict[str, str]:
    """Campaign key → version id of what is in service, by key."""
    return {key: version_id for key, (version_id, _) in active_since(connection).items()}


def active_since(connection: Connection) -> dict[str, tuple[str, datetime]]:
    """Campaign key → version id of what is in service and when it was deployed, by key."""
    return {row.campaign_key: (row.version_id, row.deployed_at) for row in connection.execute(_IN_SERVICE)}


def began(connection: Connection, campaign_key: str) -> datetime | None:
    """Since when this campaign, in whatever version, is in service without a break; None if it never was."""
    mine = deployments.c.campaign_key == campaign_key
    out = select(func.coalesce(func.max(deployments.c.seq), 0)).where(mine, deployments.c.version_id.is_(None))
    first = func.min(deployments.c.deployed_at, type_=deployments.c.deployed_at.type)
    since: datetime | None = connection.execute(
        select(first).where(mine, deployments.c.seq > out.scalar_subquery())
    ).scalar_one()
    return since


def lately_in_service(connection: Connection, campaign_key: str, version_id: str) -> Iterator[tuple[str, datetime]]:
    """This version and those that it followed without a break in service, the latest first, and when each came."""
    rows = connection.execute(
        select(deployments.c.version_id, deployments.c.deployed_at)
        .where(deployments.c.campaign_key == campaign_key)
        .order_by(deployments.c.seq.desc())
    ).all()
    since = dropwhile(lambda row: row.version_id != version_id, rows)
    return ((row[0], row[1]) for row in takewhile(lambda row: row.version_id is not None, since))


def serves_since(connection: Connection, campaign_key: str, version_id: str, at: datetime) -> datetime | None:
    """Since when what came due at ``at`` is this version's: None if it was in service then, else when it next came."""
    rows = connection.execute(
        select(deployments.c.version_id, deployments.c.deployed_at)
        .where(deployments.c.campaign_key == campaign_key)
        .order_by(deployments.c.seq)
    ).all()
    before = [row.version_id for row in rows if row.deployed_at <= at]
    if before[-1:] == [version_id]:
        return None
    return next((row.deployed_at for row in rows if row.deployed_at > at and row.version_id == version_id), None)


_IN_SERVICE = (
    select(deployments.c.campaign_key, deployments.c.version_id, deployments.c.deployed_at)
    .where(
        deployments.c.seq.in_(select(func.max(deployments.c.seq)).group_by(deployments.c.campaign_key)),
        deployments.c.version_id.is_not(None),
    )
    .order_by(deployments.c.campaign_key)
)


def load(connection: Connection, version_id: str) -> Version:
    """Read a version back: the same models as when it was loaded from disk.

    Raises UnknownVersion if the database does not hold it, or holds it in a form that this release cannot read.
    """
    found = connection.execute(
        select(versions.c.campaign_key, versions.c.manifest).where(versions.c.id == version_id)
    ).one_or_none()
    if found is None:
        raise UnknownVersion(f"this database holds no campaign version {version_id}")
    hashes = sorted(set(found.manifest.values()))
    contents = {row.hash: row.content for row in connection.execute(CONTENTS, {"hashes": hashes})}
    if missing := [path for path, hash_ in found.manifest.items() if hash_ not in contents]:
        raise UnknownVersion(f"version {version_id} lacks its file {missing[0]}")
    try:
        workspace = build_workspace({path: contents[hash_] for path, hash_ in sorted(found.manifest.items())})
    except ProblemsFound as error:
        message = f"this release of dangol cannot read version {version_id}; deploy {found.campaign_key} again"
        raise UnknownVersion(f"{message}: {error}") from error
    if found.campaign_key not in workspace.campaigns:
        raise UnknownVersion(f"version {version_id} lacks its campaign {found.campaign_key}")
    return Version(version_id, workspace.campaigns[found.campaign_key], workspace)


CONTENTS = select(blobs.c.hash, blobs.c.content).where(among(blobs.c.hash, "hashes"))


def _files(workspace: Workspace, campaign_key: str) -> Sources:
    """The files that decide what this campaign sends: its own, its messages', its digests', the brand's, the shared.

    Packs of the workspace's own decide as well, all of them: people are anywhere.
    """
    messages = {send.send for send in workspace.campaigns[campaign_key].sends}
    messages |= set(workspace.digest_templates(campaign_key).values())
    folders = (PACKS, *(f"templates/{name}/" for name in ("brand", *sorted(messages))))
    alone = {f"campaigns/{campaign_key}.yaml", *(shared_path(kind) for kind in DECIDING)}
    return {path: content for path, content in workspace.sources.items() if path in alone or path.startswith(folders)}


def hash_of(content: str) -> str:
    """SHA-256 of a file's text, in hexadecimal."""
    return hashlib.sha256(content.encode()).hexdigest()
