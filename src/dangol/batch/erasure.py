"""Erasing a person: their rows go, their key is destroyed, and what has to stay tells nobody who they were (G8).

    deleted     events, devices, preferences, membership of audiences, refused reports that name them, which of their
                answers to messages were understood how, and what
                carriers reported about their messages and addresses
    blanked     the profile's fields, the keys of journeys, what is to be told to other systems
    ended       journeys; messages that are not under way
    destroyed   the key: contexts, addresses and texts in the log, and where consents came from, open no more
    stays       consents without that, messages and log entries, all by an opaque id; keyed hashes of id and addresses

Who filled in a form is known by their address alone, and may be known to the back end as somebody else: whoever has the
person's addresses by a form is erased with them.

Who has to keep something for longer, for a case in court, does not erase yet: docs/consent.md tells how.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, update

from dangol.batch.changes import Changes
from dangol.consent.filling import known_by
from dangol.consent.lifting import suppress
from dangol.consent.suppressions import AddressHasher, NewSuppression
from dangol.errors import UnknownProfile
from dangol.ids import Entropy
from dangol.ledger.entries import Subject
from dangol.model.people import Profile
from dangol.model.vocabulary import Decision, Reason, SuppressionCause
from dangol.profiles import people
from dangol.store import feedback as feedback_rows
from dangol.store import journeys as journey_rows
from dangol.store import messages as message_rows
from dangol.store.bulk import among
from dangol.store.tables import calls, journeys, members, preferences, replies, requests

KIND = "erasure"
"""The kind of a request to be erased."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure ended and deleted, of the person and of those known by ``forms`` who have the same addresses.

    ``before``: the person had been erased already, then; nothing was done.
    """

    profile_id: str
    journeys: int = 0
    messages: int = 0
    events: int = 0
    addresses: int = 0
    before: datetime | None = None
    forms: int = 0

    def with_(self, other: Erased) -> Erased:
        """The same with one more who was known by a form; the addresses are the person's."""
        counted = {name: getattr(self, name) + getattr(other, name) for name in ("journeys", "messages", "events")}
        return replace(self, **counted, forms=self.forms + 1)


def erase(
    connection: Connection,
    external_id: str,
    *,
    by: str,
    reason: Reason,
    now: datetime,
    hasher: AddressHasher,
    entropy: Entropy,
) -> Erased:
    """Erase the person whom the back end knows by this id. Raises UnknownProfile."""
    profile_id = people.find(connection, [external_id]).get(external_id)
    if profile_id is None:
        raise UnknownProfile(f"no profile has the id {external_id!r}; ids are those your back end reports")
    person, *others = _locked(connection, profile_id, hasher)
    if person.erased_at is not None:
        return Erased(profile_id, before=person.erased_at)
    ends = _Ends(connection, by, reason, now, hasher, entropy)
    done = ends.end(person, {})
    for other in others:
        done = done.with_(ends.end(other, {"with": profile_id}))
    return done


def _locked(connection: Connection, profile_id: str, hasher: AddressHasher) -> list[Profile]:
    """The person, and after them who is known by a form under the same addresses; all locked."""
    person = people.load(connection, [profile_id])[profile_id]
    while True:
        others = sorted(set(known_by(connection, person.addresses, hasher)) - {profile_id})
        people.lock(connection, [profile_id, *others])
        found = people.load(connection, [profile_id, *others])
        before, person = person, found[profile_id]
        if person.addresses == before.addresses:  # else they changed before the lock was ours
            return [person, *(found[one] for one in others if found[one].erased_at is None)]


@dataclass(frozen=True)
class _Ends:
    """One erasure in its transaction; ``end`` takes people who are locked."""

    connection: Connection
    by: str
    reason: Reason
    now: datetime
    hasher: AddressHasher
    entropy: Entropy

    def end(self, person: Profile, why: dict[str, str]) -> Erased:
        """Erase this one; ``why`` goes into the log beside the counts."""
        connection, now = self.connection, self.now
        ended, cancelled = _end(connection, person, now)
        kept_away = _suppressions(person, self.by, now, self.hasher)
        changes = Changes(now)
        suppress(
            connection,
            kept_away,
            Reason.PROFILE_ERASED,
            now=now,
            entropy=self.entropy,
            journal=changes.journal,
            profile_id=person.id,
        )
        feedback_rows.forget_person(connection, person.id, sorted({one.address_hash for one in kept_away}))
        for statement in _FORGET:
            connection.execute(statement, {"of": person.id})
        connection.execute(_FORGET_REPLIES, {"hashes": [one.address_hash for one in kept_away]})
        connection.execute(_ANSWERED, {"of": person.id, "at": now, "by": self.by})
        gone = people.forget(connection, person, now=now, entropy=self.entropy)
        done = Erased(person.id, ended, cancelled, gone, len(kept_away))
        counts = {"journeys": ended, "messages": cancelled, "events": gone, "addresses": len(kept_away)}
        subject = Subject(profile_id=person.id)
        changes.journal.add(Decision.DATA_ERASED, self.reason, subject, evidence={"by": self.by, **counts, **why})
        changes.write(connection)
        return done


def _end(connection: Connection, person: Profile, now: datetime) -> tuple[int, int]:
    """End the person's journeys and cancel what is not under way; how many of each."""
    changes, waiting = Changes(now), len(message_rows.open_to(connection, person.id))
    under_way = [dict(row._mapping) for row in journey_rows.open_of(connection, [person.id])]
    for journey in under_way:
        changes.overtake(journey, Reason.PROFILE_ERASED)
    changes.write(connection)
    after = Changes(now)
    after.cancel(connection, message_rows.open_to(connection, person.id), Reason.PROFILE_ERASED)
    after.write(connection)
    return len(under_way), waiting


def _suppressions(person: Profile, by: str, now: datetime, hasher: AddressHasher) -> Sequence[NewSuppression]:
    return [
        NewSuppression(channel, hasher.hash(channel, address), SuppressionCause.ERASED, f"erasure:{by}"[:200], now)
        for channel, address in person.addresses
    ]


_OF: Any = bindparam("of")
_FORGET = (
    delete(preferences).where(preferences.c.profile_id == _OF),
    delete(members).where(members.c.profile_id == _OF),
    update(journeys).where(journeys.c.profile_id == _OF).values(correlation=""),
    update(calls).where(calls.c.profile_id == _OF).values(url="", payload={}),
)
_FORGET_REPLIES = delete(replies).where(among(replies.c.address_hash, "hashes"))
_ANSWERED = (
    update(requests)
    .where(requests.c.profile_id == _OF, requests.c.kind == KIND, requests.c.done_at.is_(None))
    .values(done_at=bindparam("at"), done_by=bindparam("by"))
)
