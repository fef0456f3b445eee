"""The second half of a double opt-in: who was asked for a consent confirms it, by a link that only they were sent.

What was asked for in one go, such as two topics of one form, is confirmed in one go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from dangol.consent.choosing import How, Standing, locked, record, standing
from dangol.consent.folding import Matter
from dangol.consent.recording import FORM, kind
from dangol.consent.suppressions import AddressHasher
from dangol.errors import DangolError
from dangol.model.people import ConsentChange
from dangol.model.vocabulary import Channel, ConsentAction, ConsentStatus, Purpose
from dangol.store.bulk import among
from dangol.store.tables import consents
from dangol.store.types import Instant

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
    consents.c.source,
    consents.c.occurred_at,
)
_THESE = _ASKED.where(among(consents.c.id, "ids"), consents.c.action == ConsentAction.REQUESTED.value)
_ONE = _ASKED.where(consents.c.id == bindparam("id"), consents.c.action == ConsentAction.REQUESTED.value)
_TOGETHER = _ASKED.where(
    consents.c.profile_id == bindparam("profile_id"),
    consents.c.channel == bindparam("channel"),
    consents.c.source == bindparam("source"),
    consents.c.occurred_at == bindparam("occurred_at", type_=Instant),
    consents.c.action == ConsentAction.REQUESTED.value,
).order_by(consents.c.topic, consents.c.id)


WasSentTo = Callable[[Channel, str | None], bool]
"""Whether the link that is used was sent to this address, or to none."""


class SentElsewhere(DangolError):
    """This link was sent to an address that the person has no longer."""

    exit_code = 1


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
    source: str
    occurred_at: datetime

    @property
    def matter(self) -> Matter:
        return self.channel, self.purpose, self.topic


def asked_by_form(connection: Connection, consent_ids: Sequence[str]) -> dict[str, Asked]:
    """By id those of these rows of the ledger that ask for something, and that somebody made who filled in a form."""
    found = [_asked(row) for row in connection.execute(_THESE, {"ids": consent_ids})]
    return {one.consent_id: one for one in found if kind(one.source) == FORM}


def asked_for(connection: Connection, consent_id: str) -> list[Asked]:
    """What this row of the ledger asks for, and what was asked for with it; empty if it asks for nothing."""
    row = connection.execute(_ONE, {"id": consent_id}).first()
    if row is None:
        return []
    first = _asked(row)
    about = {name: getattr(first, name) for name in ("profile_id", "source", "occurred_at")}
    return [_asked(one) for one in connection.execute(_TOGETHER, {**about, "channel": first.channel.value})]


def _asked(row: Any) -> Asked:
    id_, profile_id, channel, purpose, *others = row
    return Asked(id_, profile_id, Channel(channel), Purpose(purpose), *others)


def _status(person: Standing, asked: Asked) -> ConsentStatus | None:
    """How it stands; pending as long as a request is open, whatever weaker consent holds beside it."""
    own = person.topics.get(asked.matter) if asked.topic else person.general.get(asked.matter[:2])
    if own is None:
        return None
    return ConsentStatus.PENDING if own.asked else own.status


def status_of(connection: Connection, asked: Sequence[Asked], was_sent_to: WasSentTo) -> ConsentStatus | None:
    """How all of it stands, for a page that changes nothing: ``pending`` if something still is.

    None if nothing was asked for, or of somebody who was erased. Raises SentElsewhere if something is pending and
    whoever holds the link cannot confirm it.
    """
    person = standing(connection, asked[0].profile_id) if asked else None
    if person is None:
        return None
    status = _together(person, asked)
    if status is ConsentStatus.PENDING:
        _check_address(person, asked, was_sent_to)
    return status


def _check_address(person: Standing, asked: Sequence[Asked], was_sent_to: WasSentTo) -> None:
    """A link shows only that its holder owns the address to which it was sent, whoever has which address now."""
    channel = asked[0].channel
    if not was_sent_to(channel, person.profile.address(channel)):
        raise SentElsewhere


def _together(person: Standing, asked: Sequence[Asked]) -> ConsentStatus | None:
    found = [_status(person, one) for one in asked]
    for status in (ConsentStatus.PENDING, ConsentStatus.GRANTED):
        if status in found:
            return status
    return found[0]


def confirm(
    connection: Connection,
    asked: Sequence[Asked],
    how: How,
    *,
    now: datetime,
    hasher: AddressHasher,
    was_sent_to: WasSentTo,
) -> ConsentStatus | None:
    """Confirm it; how it stands afterwards. Twice is once; what was withdrawn since stays withdrawn.

    Raises SentElsewhere if the person has another address now than the one to which the link was sent.
    """
    person = locked(connection, asked[0].profile_id) if asked else None
    if person is None:
        return None
    waiting = [one for one in asked if _status(person, one) is ConsentStatus.PENDING]
    if not waiting:
        return _together(person, asked)
    _check_address(person, asked, was_sent_to)
    record(connection, person, [_confirmed(person, one, how, now) for one in waiting], now=now, hasher=hasher)
    return ConsentStatus.GRANTED


def _confirmed(person: Standing, asked: Asked, how: How, now: datetime) -> ConsentChange:
    return ConsentChange(
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
