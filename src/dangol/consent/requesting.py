"""Where a consent counts only once it was confirmed, a yes on a page asks for it: half of a double opt-in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby

from dangol.consent.choosing import Standing
from dangol.model.duty import CONSENT_REQUESTED
from dangol.model.people import ConsentChange, IncomingEvent
from dangol.model.vocabulary import Channel, ConsentAction, Purpose

Confirms = Callable[[Channel, Purpose], bool]
"""Whether a consent for this counts only once it was confirmed."""


def as_requests(person: Standing, said: Sequence[ConsentChange], confirms: Confirms) -> list[ConsentChange]:
    """What somebody said, each yes that has yet to be confirmed as a request for it.

    Under a confirmed consent to the whole purpose its topics count at once, unless that ends in the same breath.
    """
    ended = {(one.channel, one.purpose) for one in said if not one.topic and one.action is ConsentAction.WITHDRAWN}

    def counts_at_once(one: ConsentChange) -> bool:
        pair = (one.channel, one.purpose)
        whole = person.general.get(pair) if pair not in ended else None
        return not confirms(*pair) or (bool(one.topic) and whole is not None and whole.granted and whole.confirmed)

    return [
        replace(one, action=ConsentAction.REQUESTED)
        if one.action is ConsentAction.GRANTED and not counts_at_once(one)
        else one
        for one in said
    ]


def letters_for(person: Standing, said: Sequence[ConsentChange], written: Sequence[str]) -> list[IncomingEvent]:
    """The events that let a campaign send the links which confirm these rows: one for each channel.

    What was asked for in one go is confirmed in one go. The same on one day is one event, so that nobody's mailbox can
    be filled.
    """
    asked = [
        (change, consent_id)
        for change, consent_id in zip(said, written, strict=True)
        if change.action is ConsentAction.REQUESTED
    ]
    asked.sort(key=lambda one: (one[0].channel, one[0].purpose, one[0].topic))
    return [_letter(person, list(together)) for _, together in groupby(asked, key=lambda one: one[0].channel)]


def _letter(person: Standing, asked: Sequence[tuple[ConsentChange, str]]) -> IncomingEvent:
    first, consent_id = asked[0]
    about = "\x1f".join(f"{change.purpose}:{change.topic}" for change, _ in asked)
    what = hashlib.sha256(about.encode()).hexdigest()[:8]
    return IncomingEvent(
        message_id=f"page:{person.profile.id}:{first.channel}:{first.occurred_at:%Y-%m-%d}:{what}",
        external_id=person.profile.external_id,
        name=CONSENT_REQUESTED,
        properties={
            "channel": first.channel.value,
            "purpose": first.purpose.value,
            "topic": first.topic,
            "consent_id": consent_id,
        },
        occurred_at=first.occurred_at,
        source=first.source[:64],
    )
