"""Filling in a form: who gives an address asks for consent to be written to there, and has yet to confirm it.

Anybody can give any address. So a form only asks: it changes nothing about somebody who agreed already, and an address
stays with the one person that it names, one for each address, until the back end says who it is. Who was erased and
fills in a form again is somebody new, of whom nothing is known but the address.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count

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

_MARK = "form:"
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
    owners = _locked_people(connection, filled, how, now=now, hasher=hasher, entropy=entropy)
    found = []
    for one in filled:
        person = choosing.standing(connection, owners[one]) if one in owners else None
        if person is not None:
            found.append(_ask(connection, registered, one, how, person, now=now, hasher=hasher))
    return [event for event in found if event is not None]


def _ask(
    connection: Connection,
    registered: Registered,
    filled: Filled,
    how: How,
    person: choosing.Standing,
    *,
    now: datetime,
    hasher: AddressHasher,
) -> IncomingEvent | None:
    """Record what one person, who is locked, was asked to confirm; None if there is nothing."""
    external_id = person.profile.external_id
    wanted = [matter for matter in _matters(registered, filled) if not _holds(person, matter)]
    if not wanted:
        return None
    said = [_asked(external_id, matter, registered, filled, how, now) for matter in wanted]
    consent_ids = choosing.record(connection, person, said, now=now, hasher=hasher)
    channel, purpose, topic = wanted[0]
    return IncomingEvent(
        message_id=f"form:{registered.name}:{external_id.removeprefix(_MARK)}:{now:%Y-%m-%d}:{_what(wanted)}",
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


def known_by(connection: Connection, addresses: Iterable[tuple[Channel, str]], hasher: AddressHasher) -> list[str]:
    """The ids of those who are known by one of these addresses alone, and who were not erased."""
    hashes = [hasher.hash(channel, address) for channel, address in addresses]
    return _living(connection, [one for hashed in hashes for one in _one_after_the_other(connection, hashed)])


def _living(connection: Connection, found: Iterable[tuple[str, str | None]]) -> list[str]:
    known = [id_ for _, id_ in found if id_ is not None]
    gone = people.erased(connection, known)
    return [id_ for id_ in known if id_ not in gone]


def _locked_people(
    connection: Connection,
    filled: Sequence[Filled],
    how: How,
    *,
    now: datetime,
    hasher: AddressHasher,
    entropy: Entropy,
) -> dict[Filled, str]:
    """The ids of the people with these addresses, locked; who is known stays as they are. Without somebody who is just
    being erased."""
    owners: dict[Filled, str] = {}
    names: dict[Filled, str] = {}
    for one in filled:
        found = list(_one_after_the_other(connection, hasher.hash(one.channel, one.address)))
        if living := _living(connection, found):
            owners[one] = living[-1]
        else:
            names[one], _ = found[-1]
    new = people.resolve(connection, list(names.values()), now=now, entropy=entropy) if names else {}
    people.lock(connection, [*owners.values(), *new.values()])
    if names:
        new = people.identify(
            connection, [_profile(name, one, how) for one, name in names.items()], now=now, entropy=entropy
        )
    return owners | {one: new[name] for one, name in names.items() if name in new}


def _profile(external_id: str, filled: Filled, how: How) -> ProfileChange:
    email = filled.address if filled.channel is Channel.EMAIL else None
    phone = filled.address if filled.channel is Channel.SMS else None
    return ProfileChange(external_id, email=email, phone=phone, locale=how.locale)


def _one_after_the_other(connection: Connection, hashed: str) -> Iterator[tuple[str, str | None]]:
    """The ids under which forms knew an address, with the person's own: one more with every erasure, the next last."""
    for turn in count(1):
        external_id = f"{_MARK}{hashed[:_HASH_CHARACTERS]}" + (f"-{turn}" if turn > 1 else "")
        known = people.find(connection, [external_id]).get(external_id)
        yield external_id, known
        if known is None:
            return


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
