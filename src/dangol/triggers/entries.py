"""Entry rules, pure: given what a person did before in a campaign, may they enter now?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dangol.model.campaign import Campaign, again_after
from dangol.model.vocabulary import Reason


@dataclass(frozen=True, slots=True)
class PastEntry:
    """The latest entry of one person into one campaign."""

    entered_at: datetime
    active: bool


def refusal(campaign: Campaign, latest: PastEntry | None, at: datetime) -> Reason | None:
    """Why this entry is refused; None lets the person in.

    One journey of a campaign at a time: whoever is inside does not enter again. Then ``again`` decides: never,
    always, or when the last entry is at least that long ago.
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
