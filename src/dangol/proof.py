"""Proving what was sent: the version and the sealed context are rendered again and compared with the log (G7)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import Connection

from dangol.errors import DangolError, ErasedProfile, ProblemsFound, RenderError, UnknownVersion
from dangol.ledger.entries import load_keys
from dangol.ledger.reader import Entry, Filter, history
from dangol.ledger.sealing import DamagedEntry
from dangol.model.message import Rendered
from dangol.model.steps import Send
from dangol.model.vocabulary import Channel, Decision
from dangol.release import Release, Releases


@dataclass(frozen=True, slots=True)
class Reproduction:
    """A message as it was sent, made again.

    ``matches`` says whether the bytes are those of the log; it is None if that cannot be told, and ``obstacle`` is
    then why: ErasedProfile, DamagedEntry, UnknownVersion, ProblemsFound or RenderError. ``address`` is where the
    message went, None if the entry does not open.
    """

    address: str | None = None
    rendered: Rendered | None = None
    matches: bool | None = None
    obstacle: DangolError | None = None

    @property
    def doubtful(self) -> bool:
        """The log, the version or this release of dangol is not what it was. An erasure casts no doubt."""
        return self.matches is not True and not isinstance(self.obstacle, ErasedProfile)


def sending(connection: Connection, entry: Entry) -> Entry | None:
    """The entry that holds the text of this entry's message: its latest hand-over up to then, or None.

    The text of a message that went out within a digest is that of the digest.
    """
    if entry.sealed is not None:
        return entry
    message_id = entry.evidence.get("into", entry.message_id)
    if message_id is None:
        return None
    handed_over = history(connection, Filter(message_id=message_id, decision=Decision.MESSAGE_SENDING.value))
    return next((found for found in reversed(handed_over) if found.seq <= entry.seq), None)


def reproduce(connection: Connection, releases: Releases, entry: Entry) -> Reproduction:
    """Open a hand-over's entry with the person's key, render its message again and compare keyed content hashes.

    What the message rows say now plays no part: the version says which text the step sends. Raises ValueError for an
    entry without a sealed part; see ``sending``.
    """
    if entry.sealed is None or entry.profile_id is None or entry.version_id is None:
        raise ValueError(f"log entry {entry.id} records no hand-over")
    key = load_keys(connection, [entry.profile_id]).get(entry.profile_id)
    if key is None:
        return Reproduction(obstacle=ErasedProfile())
    try:
        kept = key.open(entry.id, entry.sealed)
    except DamagedEntry as damage:
        return Reproduction(obstacle=damage)
    try:
        release = releases.get(connection, entry.version_id)
        template, stage = _sent(release, entry)
        rendered = release.messages.render(
            template,
            Channel(entry.channel or ""),
            kept["locale"],
            kept["context"],
            stage,
            jurisdictions=kept.get("jurisdictions", ()),
        )
    except (UnknownVersion, ProblemsFound, RenderError) as obstacle:
        return Reproduction(address=kept["to"], obstacle=obstacle)
    if "ttl" in kept:
        rendered = replace(rendered, ttl=timedelta(seconds=kept["ttl"]))
    matches = key.content_hash(rendered.content()) == entry.content_hash
    return Reproduction(address=kept["to"], rendered=rendered, matches=matches)


def _sent(release: Release, entry: Entry) -> tuple[str, str]:
    """The template that the entry's step sends, or that of the digest as which it went, and the step's stage."""
    if entry.evidence.get("merged"):
        return _digest_sent(release, entry), entry.stage or ""
    for placed in release.campaign.steps():
        if placed.name == entry.step and isinstance(placed.step, Send):
            return placed.step.send, placed.stage
    raise UnknownVersion(f"version {entry.version_id} has no step {entry.step} that sends")


def _digest_sent(release: Release, entry: Entry) -> str:
    digest = release.policies.digests.get(entry.evidence.get("digest", ""))
    if digest is None:
        raise UnknownVersion(f"version {entry.version_id} has no digest {entry.evidence.get('digest')}")
    return digest.template
