"""The hold-out group gets nothing from the campaign, so that its effect can be told."""

from __future__ import annotations

import hashlib

from dangol.model.facts import NO_OBJECTION, Facts, Suppress, Verdict
from dangol.model.vocabulary import Channel, Purpose, Reason
from dangol.model.workspace import Policies
from dangol.policy.rules import Rulebook


def holdout(facts: Facts, _channel: Channel, rulebook: Rulebook) -> Verdict:
    """Refuse for people in a hold-out: the campaign's, or the one that gets nothing from any campaign.

    Membership is a hash of campaign and person, never a new draw; the hold-out of all campaigns has a draw of its own.
    """
    message = facts.message
    held = held_out(message.campaign, message.purpose, message.holdout, facts.profile.id, rulebook.policies)
    return Suppress(Reason.HELD_OUT, held, final=True) if held is not None else NO_OBJECTION


def held_out(
    campaign: str, purpose: Purpose, share: float, profile_id: str, policies: Policies
) -> dict[str, float | str] | None:
    """Evidence that the person is in a hold-out of this campaign or of all; None if they are in neither."""
    of_all = policies.holdout if purpose in policies.holdout_purposes else 0.0
    for name, part, scope in ((campaign, share, "campaign"), (ALL_CAMPAIGNS, of_all, "all campaigns")):
        if part > 0 and position(name, profile_id) < part:
            return {"share": part, "of": scope}
    return None


ALL_CAMPAIGNS = "*"
"""What the hold-out of all campaigns draws under; no campaign can have this key."""


def position(campaign: str, profile_id: str) -> float:
    """Where a person stands in a campaign's hold-out draw: from 0 to below 1, uniform, always the same."""
    digest = hashlib.blake2b(f"holdout\x1f{campaign}\x1f{profile_id}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53  # 53 bits: a float holds them exactly, so 1.0 is never reached
