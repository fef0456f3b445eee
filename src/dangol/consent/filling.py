"""Filling in a form: who gives an address asks for consent to be written to there, and has yet to confirm it.

Anybody can give any address. So a form only asks: it changes nothing about somebody who agreed already, and an address
stays with the one person that it names, one for each address, until the back end says who it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from dangol.consent import choosing
from dangol.consent.choosing import How
from dangol.consent.folding import Matter, is_sound
from dangol.consent.forms import Registered
from dangol.consent.suppressions import AddressHasher
from dangol.ids import Entropy
from dangol.model.duty import CONSENT_REQUESTED
from dangol.model.forms import FormWording
from dangol.model.people import ConsentChange, IncomingEvent, ProfileChange
from dangol.model.vocabulary import NIGHT, Channel, ConsentAction
from dangol.profiles import people

_HASH_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class Filled:
    """What somebody filled in. ``topics`` are those ticked; ``night``: the box for the night was."""

    channel: Channel
    address: str
    topics: tuple[str, ...]
    night: bool
    wording: FormWording


def fill_in(
    connection: Connection,
    registered: Registered,
    filled: Sequence[Filled],
    how: How,
    *,
    now: datetime,
    hasher: AddressHasher,
    entropy: Entropy,
) -> list[IncomingEvent]:
    """Record what was asked for on each channel; the events to report, none where there is nothing to confirm.

    The same on one day is one event, so that nobody's mailbox can be filled through a form; who asks for other topics
    is sent a link for those. Everybody concerned is locked at once: one address after the other, two forms with the
    same addresses might wait for one another.
    """
    hashes = {one: hasher.hash(one.channel, one.address)[:_HASH_CHARACTERS] for one in filled}
    names = {one: f"form:{hashed}" for one, hashed in hashes.items()}
    owners = _locked_people(connection, names, how, now=now, entropy=entropy)
    found = []
    for one, hashed in hashes.items():
        person = choosing.standing(connection, owners[names[one]]) if names[one] in owners else None
        if person is not None:
            found.append(_ask(connection, registered, one, how, person, names[one], hashed, now=now, hasher=hasher))
    return [event for event in found if event is not None]


def _ask(
    connection: Connection,
    registered: Registered,
    filled: Filled,
    how: How,
    person: choosing.Standing,
    external_id: str,
    hashed: str,
    *,
    now: datetime,
    hasher: AddressHasher,
) -> IncomingEvent | None:
    """Record what one person, who is locked, was asked to confirm; None if there is nothing."""
    wanted = [matter for matter in _matters(registered, filled) if not _holds(person, matter)]
    if not wanted:
        return None
    said = [_asked(external_id, matter, registered, filled, how, now) for matter in wanted]
    consent_ids = choosing.record(connection, person, said, now=now, hasher=hasher)
    channel, purpose, topic = wanted[0]
    return IncomingEvent(
        message_id=f"form:{registered.name}:{hashed}:{now:%Y-%m-%d}:{_what(wanted)}",
        external_id=external_id,
        name=CONSENT_REQUESTED,
        properties={
            "channel": channel.value,
            "purpose": purpose.value,
            "topic": topic,
            "consent_id": consent_ids[0],
        },
        occurred_at=now,
        source=how.source[:64],
    )


def _locked_people(
    connection: Connection, names: Mapping[Filled, str], how: How, *, now: datetime, entropy: Entropy
) -> dict[str, str]:
    """The people with these addresses, locked, by external id; who is known stays as they are. Without those who were
    erased."""
    known = people.find(connection, list(names.values()))
    owners = people.resolve(connection, list(names.values()), now=now, entropy=entropy)
    people.lock(connection, owners.values())
    new = [_profile(name, one, how) for one, name in names.items() if name not in known]
    return known | (people.identify(connection, new, now=now, entropy=entropy) if new else {})


def _profile(external_id: str, filled: Filled, how: How) -> ProfileChange:
    email = filled.address if filled.channel is Channel.EMAIL else None
    phone = filled.address if filled.channel is Channel.SMS else None
    return ProfileChange(external_id, email=email, phone=phone, locale=how.locale)


def _matters(registered: Registered, filled: Filled) -> Sequence[Matter]:
    topics = filled.topics or ("",)
    return [(filled.channel, registered.form.purpose, topic) for topic in (*topics, *([NIGHT] if filled.night else ()))]


def _what(wanted: Sequence[Matter]) -> str:
    """What is asked for, in a few letters: the same for the same topics in whatever order."""
    topics = "\x1f".join(sorted(topic for _, _, topic in wanted))
    return hashlib.sha256(topics.encode()).hexdigest()[:8]


def _holds(person: choosing.Standing, matter: Matter) -> bool:
    own = person.topics.get(matter) if matter[2] else person.general.get(matter[:2])
    return own is not None and is_sound(own)


def _asked(
    external_id: str, matter: Matter, registered: Registered, filled: Filled, how: How, now: datetime
) -> ConsentChange:
    channel, purpose, topic = matter
    return ConsentChange(
        external_id,
        channel,
        purpose,
        ConsentAction.REQUESTED,
        now,
        how.source,
        wording=filled.wording.said(night=topic == NIGHT),
        topic=topic,
        jurisdiction=registered.form.jurisdiction,
        wording_version=registered.name,
        locale=how.locale,
        ip=how.ip,
        user_agent=how.user_agent,
    )
