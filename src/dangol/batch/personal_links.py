"""The links that a message's text may hold for the one who reads it: ``links.preferences`` and the like."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from dangol.batch.facts import Claimed
from dangol.consent.links import Leave, Links
from dangol.model.duty import CONFIRM, CONSENT_REQUESTED
from dangol.model.people import Event, Profile
from dangol.model.vocabulary import Channel, Purpose


def links_for(
    links: Links,
    claimed: Claimed,
    recipient: Profile,
    channel: Channel,
    now: datetime,
    names: Iterable[str],
    event: Event | None,
) -> dict[str, str]:
    """Those of the links ``names`` that can be made for this message's recipient; none without a public URL."""
    made = {name: _link(links, claimed, recipient, channel, now, name, event) for name in names}
    return {name: url for name, url in made.items() if url is not None}


def _link(
    links: Links,
    claimed: Claimed,
    recipient: Profile,
    channel: Channel,
    now: datetime,
    name: str,
    event: Event | None,
) -> str | None:
    profile_id = claimed.row.profile_id
    if name == "preferences":
        return links.preferences(profile_id, now)
    if name == "keep":
        return links.keep(profile_id, now)
    if name == "unsubscribe":
        purpose = _left(claimed.candidate.purpose)
        return links.leave(Leave(profile_id, channel, purpose, claimed.row.id, recipient.locale or ""), now)
    if name == CONFIRM and event is not None and event.name == CONSENT_REQUESTED:
        return _confirmation(links, recipient, event.properties, now)
    return None


def _left(purpose: Purpose) -> Purpose:
    """What a reader leaves: what somebody needs for an order is not left, so there the link ends marketing."""
    return Purpose.MARKETING if purpose is Purpose.TRANSACTIONAL else purpose


def _confirmation(links: Links, recipient: Profile, asked: Mapping[str, Any], now: datetime) -> str | None:
    """The confirming link of what an event asked for, good for the address that the recipient has now.

    None if the event does not say what was asked for.
    """
    try:
        channel = Channel(str(asked.get("channel")))
    except ValueError:
        return None
    consent_id, address = asked.get("consent_id"), recipient.address(channel)
    if not (isinstance(consent_id, str) and consent_id and address):
        return None
    return links.confirm(consent_id, channel, address, now)
