"""Versions: what a campaign was when it was deployed, immutable and named by its content.

A version is a manifest, the hash of every file that the campaign depends on; its id is the hash of the manifest. The
same content is the same version wherever and whenever it is deployed, and the log can name exactly what was sent.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select, text

from dangol.definitions.sources import Sources
from dangol.definitions.workspace import SHARED, Workspace, build_workspace, shared_path
from dangol.errors import ProblemsFound, UnknownVersion
from dangol.model.campaign import Campaign
from dangol.store.bulk import among, insert_many, insert_new
from dangol.store.tables import blobs, deployments, versions


@dataclass(frozen=True, slots=True)
class Version:
    """A deployed campaign with the workspace files it was deployed with; ``workspace`` holds no other campaign."""

    id: str
    campaign: Campaign
    workspace: Workspace


@dataclass(frozen=True, slots=True)
class Deployment:
    """A change of what is in service: ``version_id`` is None where a campaign was taken out, ``replaced`` where new."""

    campaign_key: str
    version_id: str | None
    replaced: str | None


def version_of(workspace: Workspace, campaign_key: str) -> tuple[str, dict[str, str]]:
    """The version's id and manifest: path → SHA-256 of the text, for every file the campaign depends on."""
    manifest = {path: _hash(content) for path, content in sorted(_files(workspace, campaign_key).items())}
    return _hash(json.dumps(manifest, ensure_ascii=False, sort_keys=True, separators=(",", ":"))), manifest


def deploy(connection: Connection, workspace: Workspace, *, at: datetime, by: str) -> list[Deployment]:
    """Put the workspace into service; what is in service already stays untouched.

    Returns the changes, by campaign key: none if the content is the same. A campaign that has left the workspace is
    taken out of service; journeys on its version go on.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(7301, 2)"))
    before = active(connection)
    wanted = {key: version_of(workspace, key) for key in sorted(workspace.campaigns)}
    changes = [Deployment(key, id_, before.get(key)) for key, (id_, _) in wanted.items() if before.get(key) != id_]
    changes += [Deployment(key, None, before[key]) for key in sorted(before.keys() - wanted.keys())]
    new = {change.campaign_key: wanted[change.campaign_key] for change in changes if change.version_id is not None}
    files = {hash_: workspace.sources[path] for _, manifest in new.values() for path, hash_ in manifest.items()}
    insert_new(
        connection, blobs, [{"hash": hash_, "content": content} for hash_, content in files.items()], conflict=["hash"]
    )
    rows = [
        {"id": id_, "campaign_key": key, "manifest": manifest, "created_at": at, "created_by": by}
        for key, (id_, manifest) in new.items()
    ]
    insert_new(connection, versions, rows, conflict=["id"])
    insert_many(
        connection,
        deployments,
        [
            {"campaign_key": one.campaign_key, "version_id": one.version_id, "deployed_at": at, "deployed_by": by}
            for one in changes
        ],
    )
    return sorted(changes, key=lambda change: change.campaign_key)


def withdraw(connection: Connection, *, at: datetime, by: str) -> None:
    """Take every campaign out of service: nobody enters any more, and journeys on their way go on."""
    rows = [
        {"campaign_key": key, "version_id": None, "deployed_at": at, "deployed_by": by} for key in active(connection)
    ]
    insert_many(connection, deployments, rows)


def active(connection: Connection) -> dict[str, str]:
    """Campaign key → version id of what is in service, by key."""
    return {key: version_id for key, (version_id, _) in active_since(connection).items()}


def active_since(connection: Connection) -> dict[str, tuple[str, datetime]]:
    """Campaign key → version id of what is in service and when it was deployed, by key."""
    return {row.campaign_key: (row.version_id, row.deployed_at) for row in connection.execute(_IN_SERVICE)}


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
    texts = select(blobs.c.hash, blobs.c.content).where(among(blobs.c.hash, "hashes"))
    rows = connection.execute(texts, {"hashes": hashes})
    contents = {row.hash: row.content for row in rows}
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


def _files(workspace: Workspace, campaign_key: str) -> Sources:
    """The files that decide what this campaign sends: its own, its messages', the brand's and the shared ones."""
    messages = {send.send for send in workspace.campaigns[campaign_key].sends}
    folders = tuple(f"templates/{name}/" for name in ("brand", *sorted(messages)))
    alone = {f"campaigns/{campaign_key}.yaml", *(shared_path(kind) for kind in SHARED)}
    return {path: content for path, content in workspace.sources.items() if path in alone or path.startswith(folders)}


def _hash(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()
