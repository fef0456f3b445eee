"""The hold-out group gets nothing from the campaign, so that its effect can be told."""

from __future__ import annotations

import hashlib

from dangol.model.facts import Allow, Facts, Suppress, Verdict
from dangol.model.vocabulary import Channel, Reason
from dangol.policy.rules import Rulebook


def holdout(facts: Facts, _channel: Channel, rulebook: Rulebook) -> Verdict:
    """Refuse for people in a hold-out: the campaign's, or the one that gets nothing from any campaign.

    Membership is a hash of campaign and person, never a new draw; the hold-out of all campaigns has a draw of its own.
    """
    policies = rulebook.policies
    of_all = policies.holdout if facts.message.purpose in policies.holdout_purposes else 0.0
    for name, share in ((facts.message.campaign, facts.message.holdout), (ALL_CAMPAIGNS, of_all)):
        if share > 0 and position(name, facts.profile.id) < share:
            scope = "all campaigns" if name == ALL_CAMPAIGNS else "campaign"
            return Suppress(Reason.HELD_OUT, {"share": share, "of": scope}, final=True)
    return Allow()


ALL_CAMPAIGNS = "*"
"""What the hold-out of all campaigns draws under; no campaign can have this key."""


def position(campaign: str, profile_id: str) -> float:
    """Where a person stands in a campaign's hold-out draw: from 0 to below 1, uniform, always the same."""
    digest = hashlib.blake2b(f"holdout\x1f{campaign}\x1f{profile_id}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53  # 53 bits: a float holds them exactly, so 1.0 is never reached
