"""All that is held about one person, as one document that machines can read: what they may ask for.

Texts that were sent are not stored; they are made again from the version and the sealed context, as ``proof`` does.
Who filled in a form is known by their address alone; what is held under the person's addresses belongs to them as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select

from dangol.consent import ledger, suppressions
from dangol.consent.filling import known_by
from dangol.consent.suppressions import AddressHasher
from dangol.errors import ErasedProfile, UnknownProfile
from dangol.ledger import reader
from dangol.ledger.explain import tell
from dangol.ledger.reader import Entry, Filter
from dangol.model.people import Profile
from dangol.model.vocabulary import Decision
from dangol.profiles import people
from dangol.proof import reproduce
from dangol.release import Releases
from dangol.store.tables import (
    arms,
    calls,
    devices,
    events,
    feedback,
    journeys,
    members,
    messages,
    preferences,
    replies,
    requests,
    slots,
)

FORMAT = "dangol.person/1"
_MOST_ENTRIES = 1_000_000
Document = dict[str, Any]


def belongings(
    connection: Connection, releases: Releases, external_id: str, *, now: datetime, hasher: AddressHasher
) -> Document:
    """Everything about the person whom the back end knows by this id; instants are ISO 8601 in UTC.

    ``forms`` are documents of their own, about those who are known by a form and one of the person's addresses. Raises
    UnknownProfile, and ErasedProfile for somebody of whom nothing is held any more.
    """
    person = _person(connection, external_id)
    known = people.load(connection, known_by(connection, person.addresses, hasher))
    others = [one for _, one in sorted(known.items()) if one.id != person.id and one.erased_at is None]
    document = {
        "format": FORMAT,
        "made_at": now,
        **_held(connection, releases, person, now, hasher),
        "forms": [_held(connection, releases, one, now, hasher) for one in others],
    }
    plain: Document = _plain(document)
    return plain


def _held(
    connection: Connection, releases: Releases, person: Profile, now: datetime, hasher: AddressHasher
) -> Document:
    log = reader.history(connection, Filter(profile_id=person.id), limit=_MOST_ENTRIES)
    return {
        "profile": _profile(person),
        **{name: _rows(connection, statement, person) for name, statement in _TABLES.items()},
        "consents": _consents(connection, person, now),
        "suppressions": _suppressions(connection, person, hasher),
        "replies": _replies(connection, person, hasher),
        "messages": _messages(connection, releases, person, log),
        "feedback": _rows(connection, _FEEDBACK, person),
        "log": [_line(entry, person) for entry in log],
    }


def _person(connection: Connection, external_id: str) -> Profile:
    profile_id = people.find(connection, [external_id]).get(external_id)
    if profile_id is None:
        raise UnknownProfile(f"no profile has the id {external_id!r}; ids are those your back end reports")
    person = people.load(connection, [profile_id])[profile_id]
    if person.erased_at is not None:
        raise ErasedProfile(f"the profile {external_id!r} was erased at {person.erased_at:%Y-%m-%d %H:%M} UTC")
    return person


def _profile(person: Profile) -> Document:
    names = ("external_id", "id", "email", "phone", "locale", "timezone", "country", "attributes", "created_at")
    return {name: getattr(person, name) for name in names}


def _consents(connection: Connection, person: Profile, now: datetime) -> Document:
    held = ledger.as_of(connection, [person.id], now)[person.id]
    return {
        "now": [
            {"channel": channel, "purpose": purpose, "topic": topic, **asdict(state)}
            for (channel, purpose, topic), state in sorted(held.items())
        ],
        "history": [asdict(row) for row in ledger.history(connection, person.id)],
    }


def _suppressions(connection: Connection, person: Profile, hasher: AddressHasher) -> list[Document]:
    return [
        {"address": address} | {name: value for name, value in asdict(one).items() if name != "address_hash"}
        for channel, address in person.addresses
        for one in suppressions.record_of(connection, hasher.hash(channel, address))
    ]


def _replies(connection: Connection, person: Profile, hasher: AddressHasher) -> list[Document]:
    """How what came from the person's addresses was understood; what was written is among the events."""
    found = []
    for channel, address in person.addresses:
        rows = connection.execute(_REPLIES, {"address_hash": hasher.hash(channel, address)}).mappings()
        found += [{"address": address, **row} for row in rows]
    return found


def _messages(connection: Connection, releases: Releases, person: Profile, log: Iterable[Entry]) -> list[Document]:
    """Each message, with what was handed over: the address, and the text made again where that is possible."""
    handed_over = {
        entry.message_id: entry
        for entry in log
        if entry.decision == Decision.MESSAGE_SENDING and entry.sealed is not None
    }
    return [
        row | {"sent": _sent(connection, releases, handed_over.get(row["id"]))}
        for row in _rows(connection, _MESSAGES, person)
    ]


def _sent(connection: Connection, releases: Releases, entry: Entry | None) -> Document | None:
    if entry is None:
        return None
    made = reproduce(connection, releases, entry)
    told: Document = {"at": entry.at, "channel": entry.channel, "to": made.address, "as_sent": made.matches}
    if made.rendered is not None:
        shown = ("locale", "subject", "text", "html", "link")
        told |= {name: value for name in shown if (value := getattr(made.rendered, name, None))}
    return told | ({"obstacle": str(made.obstacle)} if made.obstacle is not None else {})


def _line(entry: Entry, person: Profile) -> Document:
    told = entry.as_json()
    del told["content_hash"], told["sealed"]
    return told | {"in_words": tell(entry, zone=person.timezone).text}


def _rows(connection: Connection, statement: Select[Any], person: Profile) -> list[Document]:
    return [dict(row) for row in connection.execute(statement, {"of": person.id}).mappings()]


def _plain(value: Any) -> Any:
    """The value as JSON has it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


def _of(table: Any, *, without: Iterable[str] = ()) -> Select[Any]:
    """All of one person's rows of a table, in the order of its key."""
    hidden = {"profile_id", *without}
    shown = [column for column in table.c if column.name not in hidden]
    return select(*shown).where(table.c.profile_id == bindparam("of")).order_by(*table.primary_key)


_FEEDBACK = (
    select(*(column for column in feedback.c if column.name not in {"queued_until", "address_hash"}))
    .where(feedback.c.message_id.in_(select(messages.c.id).where(messages.c.profile_id == bindparam("of"))))
    .order_by(feedback.c.at, feedback.c.id)
)
_REPLIES = (
    select(*(column for column in replies.c if column.name != "address_hash"))
    .where(replies.c.address_hash == bindparam("address_hash"))
    .order_by(replies.c.received_at, replies.c.id)
)
_MESSAGES = _of(messages, without=("lease_until",))
_TABLES = {
    "devices": _of(devices),
    "preferences": _of(preferences),
    "requests": _of(requests),
    "events": _of(events),
    "journeys": _of(journeys, without=("queued_until",)),
    "experiments": _of(arms),
    "audiences": _of(members),
    "calls": _of(calls, without=("lease_until",)),
    "slots": _of(slots),
}
