"""The second half of a double opt-in: who was asked for a consent confirms it, by a link that only they were sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from dangol.consent.choosing import How, Standing, locked, record, standing
from dangol.consent.folding import Matter
from dangol.consent.suppressions import AddressHasher
from dangol.model.people import ConsentChange
from dangol.model.vocabulary import Channel, ConsentAction, ConsentStatus, Purpose
from dangol.store.tables import consents

_ASKED = select(
    consents.c.id,
    consents.c.profile_id,
    consents.c.channel,
    consents.c.purpose,
    consents.c.topic,
    consents.c.basis,
    consents.c.wording,
    consents.c.wording_version,
    consents.c.jurisdiction,
    consents.c.locale,
).where(consents.c.id == bindparam("id"), consents.c.action == ConsentAction.REQUESTED.value)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person was asked to confirm, as the ledger has it."""

    consent_id: str
    profile_id: str
    channel: Channel
    purpose: Purpose
    topic: str
    basis: str
    wording: str
    wording_version: str
    jurisdiction: str
    locale: str

    @property
    def matter(self) -> Matter:
        return self.channel, self.purpose, self.topic


def asked_for(connection: Connection, consent_id: str) -> Asked | None:
    """What this row of the ledger asks for; None if there is no such row or it asks for nothing."""
    row = connection.execute(_ASKED, {"id": consent_id}).first()
    if row is None:
        return None
    id_, profile_id, channel, purpose, *others = row
    return Asked(id_, profile_id, Channel(channel), Purpose(purpose), *others)


def open_to(person: Standing, asked: Asked) -> ConsentStatus | None:
    """How what was asked for stands: ``pending``, ``granted``, or whatever else became of it; None if nothing."""
    own = person.topics.get(asked.matter) if asked.topic else person.general.get(asked.matter[:2])
    return own.status if own is not None else None


def status_of(connection: Connection, asked: Asked) -> ConsentStatus | None:
    """``open_to`` for a page that changes nothing; None also for somebody who was erased."""
    person = standing(connection, asked.profile_id)
    return open_to(person, asked) if person is not None else None


def confirm(
    connection: Connection, asked: Asked, how: How, *, now: datetime, hasher: AddressHasher
) -> ConsentStatus | None:
    """Confirm it; how it stands afterwards. Twice is once; what was withdrawn since stays withdrawn."""
    person = locked(connection, asked.profile_id)
    if person is None:
        return None
    status = open_to(person, asked)
    if status is not ConsentStatus.PENDING:
        return status
    said = ConsentChange(
        person.profile.external_id,
        asked.channel,
        asked.purpose,
        ConsentAction.CONFIRMED,
        now,
        how.source,
        basis=asked.basis,
        topic=asked.topic,
        wording=asked.wording,
        wording_version=asked.wording_version,
        jurisdiction=asked.jurisdiction,
        locale=asked.locale or how.locale,
        proof=f"consent:{asked.consent_id}",
        ip=how.ip,
        user_agent=how.user_agent,
    )
    record(connection, person, [said], now=now, hasher=hasher)
    return ConsentStatus.GRANTED
