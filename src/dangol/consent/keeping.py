"""Keeping what one agreed to: who is asked after two years says that it still holds, and the time begins anew.

Silence keeps a consent too (docs/duties.md). Who says so nonetheless leaves a row of their own, which shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection

from dangol.consent import choosing
from dangol.consent.choosing import How, Standing
from dangol.consent.folding import Matter
from dangol.consent.suppressions import AddressHasher
from dangol.model.people import ConsentChange, ConsentState
from dangol.model.vocabulary import Basis, ConsentAction, Purpose

_EXPRESS = frozenset({Basis.CONSENT.value, Basis.WRITTEN_CONSENT.value})
_JUST_NOW = timedelta(minutes=10)
"""Pressed again within this time, a button has nothing new to say."""


def to_keep(person: Standing) -> dict[Matter, ConsentState]:
    """The express consents to marketing that stand, those for topics and the night among them."""
    general = {(channel, purpose, ""): state for (channel, purpose), state in person.general.items()}
    return {
        matter: state
        for matter, state in sorted({**general, **person.topics}.items())
        if matter[1] is Purpose.MARKETING and state.granted and state.basis in _EXPRESS
    }


def keep(
    connection: Connection,
    person: Standing,
    wording: Mapping[Matter, str],
    how: How,
    *,
    now: datetime,
    hasher: AddressHasher,
) -> list[str]:
    """Record that all of this still holds, each in the words that were shown; the ids of the rows.

    The caller has locked the person.
    """
    said = [
        _kept(person, matter, state, wording.get(matter, ""), how, now)
        for matter, state in to_keep(person).items()
        if state.confirmed_at is None or now - state.confirmed_at > _JUST_NOW
    ]
    return choosing.record(connection, person, said, now=now, hasher=hasher)


def _kept(
    person: Standing, matter: Matter, state: ConsentState, wording: str, how: How, now: datetime
) -> ConsentChange:
    channel, purpose, topic = matter
    return ConsentChange(
        person.profile.external_id,
        channel,
        purpose,
        ConsentAction.RECONFIRMED,
        now,
        how.source,
        basis=state.basis,
        wording=wording,
        topic=topic,
        jurisdiction=state.jurisdiction,
        wording_version=how.wording_version,
        locale=how.locale,
        ip=how.ip,
        user_agent=how.user_agent,
    )
