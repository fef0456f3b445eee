"""The hold-out group gets nothing from the campaign, so that its effect can be told."""

from __future__ import annotations

import hashlib

from dangol.model.facts import Allow, Facts, Suppress, Verdict
from dangol.model.vocabulary import Channel, Reason
from dangol.policy.rules import Rulebook


def holdout(facts: Facts, _channel: Channel, _rulebook: Rulebook) -> Verdict:
    """Refuse for people in the hold-out; membership is a hash of campaign and person, never a new draw."""
    share = facts.message.holdout
    if share > 0 and position(facts.message.campaign, facts.profile.id) < share:
        return Suppress(Reason.HELD_OUT, {"share": share}, final=True)
    return Allow()


def position(campaign: str, profile_id: str) -> float:
    """Where a person stands in a campaign's hold-out draw: from 0 to below 1, uniform, always the same."""
    digest = hashlib.blake2b(f"holdout\x1f{campaign}\x1f{profile_id}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53  # 53 bits: a float holds them exactly, so 1.0 is never reached
