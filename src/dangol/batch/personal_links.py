"""The links that a message's text may hold for the one who reads it: ``links.preferences`` and the like."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from dangol.batch.facts import Claimed
from dangol.consent.links import Leave, Links
from dangol.model.duty import CONFIRM, CONSENT_REQUESTED
from dangol.model.people import Event
from dangol.model.vocabulary import Channel, Purpose


def links_for(
    links: Links,
    claimed: Claimed,
    channel: Channel,
    now: datetime,
    locale: str,
    names: Iterable[str],
    event: Event | None,
) -> dict[str, str]:
    """Those of the links ``names`` that can be made for this message's recipient; none without a public URL."""
    made = {name: _link(links, claimed, channel, now, locale, name, event) for name in names}
    return {name: url for name, url in made.items() if url is not None}


def _link(
    links: Links, claimed: Claimed, channel: Channel, now: datetime, locale: str, name: str, event: Event | None
) -> str | None:
    profile_id = claimed.row.profile_id
    if name == "preferences":
        return links.preferences(profile_id, now)
    if name == "keep":
        return links.keep(profile_id, now)
    if name == "unsubscribe":
        purpose = _left(claimed.candidate.purpose)
        return links.leave(Leave(profile_id, channel, purpose, claimed.row.id, locale), now)
    if name == CONFIRM and event is not None and event.name == CONSENT_REQUESTED:
        return _confirmation(links, profile_id, event.properties, now)
    return None


def _left(purpose: Purpose) -> Purpose:
    """What a reader leaves: what somebody needs for an order is not left, so there the link ends marketing."""
    return Purpose.MARKETING if purpose is Purpose.TRANSACTIONAL else purpose


def _confirmation(links: Links, profile_id: str, asked: Mapping[str, Any], now: datetime) -> str | None:
    """The confirming link of what an event asked for; None if it does not say what that is."""
    try:
        channel, purpose = Channel(str(asked.get("channel"))), Purpose(str(asked.get("purpose")))
    except ValueError:
        return None
    consent_id, topic = asked.get("consent_id"), asked.get("topic") or ""
    if not (isinstance(consent_id, str) and consent_id and isinstance(topic, str)):
        return None
    return links.confirm(profile_id, channel, purpose, topic, consent_id, now)
