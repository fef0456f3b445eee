"""Entry rules, pure: given what a person did before in a campaign, may they enter now?"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from dangol.model.campaign import Campaign, again_after
from dangol.model.people import Event
from dangol.model.vocabulary import Control, Reason

MOST_JOURNEYS = 50
"""How many journeys of one campaign a person may be on at a time, told apart by ``entry.key``: more are no person's."""


@dataclass(frozen=True, slots=True)
class PastEntry:
    """The latest entry of one person into one campaign."""

    entered_at: datetime
    active: bool


@dataclass(frozen=True, slots=True)
class Doors:
    """When a campaign lets people in, and whether somebody has shut it. Instants are None where there is no bound.

    ``since``: what happened before that instant was nothing to it yet, because it was not in service.
    """

    opens_at: datetime | None = None
    over_at: datetime | None = None
    control: Control | None = None
    since: datetime | None = None

    def refusal(self, at: datetime, now: datetime) -> Reason | None:
        """Why nobody gets in for what happened at ``at``; None if the doors are open."""
        if self.control is Control.STOP:
            return Reason.CAMPAIGN_STOPPED
        if self.control is Control.PAUSE:
            return Reason.CAMPAIGN_PAUSED
        if self.since is not None and at < self.since:
            return Reason.BEFORE_SERVICE
        if self.opens_at is not None and at < self.opens_at:
            return Reason.NOT_STARTED
        if self.over_at is not None and max(at, now) >= self.over_at:
            return Reason.CAMPAIGN_OVER
        return None


def refusal(campaign: Campaign, latest: PastEntry | None, at: datetime) -> Reason | None:
    """Why this entry is refused; None lets the person in.

    One journey of a campaign at a time, or with ``entry.key`` one for each value: whoever is inside does not enter
    again. Then ``again`` decides: never, always, or when the last entry is at least that long ago.
    """
    if latest is None:
        return None
    if latest.active:
        return Reason.ALREADY_IN_JOURNEY
    if campaign.entry.again == "never":
        return Reason.ENTERED_BEFORE
    pause = again_after(campaign.entry)
    if pause is not None and at < latest.entered_at + pause:
        return Reason.ENTERED_TOO_RECENTLY
    return None


def correlation(campaign: Campaign, event: Event) -> str | None:
    """What tells this journey from the person's others in the campaign: the event's ``entry.key``, shortened if long.

    "" where the campaign has no key; None where the event lacks the property, so that it cannot be told.
    """
    if campaign.entry.key is None:
        return ""
    value = event.properties.get(campaign.entry.key.partition(".")[2])
    if not isinstance(value, str | int | float) or value == "":
        return None
    text = str(value)
    return text if len(text) <= _LONGEST else hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


_LONGEST = 64
