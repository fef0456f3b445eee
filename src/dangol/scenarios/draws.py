"""Choosing who the customer is, so that hold-outs and splits fall as a scenario says.

The draws hash the profile's id, and that comes from the entropy with which the profile is made. So seeds are tried
until the id that one of them leads to draws what is wanted; the product then draws as it always does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from dangol import ids
from dangol.errors import UsageError
from dangol.ids import SeededEntropy
from dangol.journeys.machine import draw
from dangol.model.campaign import Campaign
from dangol.model.steps import Split
from dangol.policy.holdout import ALL_CAMPAIGNS, position

_TRIES = 200_000


class Lottery:
    """An ``Entropy`` that can be put back to the beginning of a seed."""

    def __init__(self) -> None:
        self.begin("")

    def begin(self, seed: str) -> None:
        self._entropy = SeededEntropy(seed)

    def bytes(self, size: int) -> bytes:
        return self._entropy.bytes(size)


def seed_for(
    name: str,
    at: datetime,
    campaigns: Sequence[Campaign],
    *,
    held_out_of: str | None,
    arms: Mapping[str, str],
    of_all: float,
) -> str:
    """The seed with which the first profile made at ``at`` draws as wanted.

    ``held_out_of`` is the campaign whose hold-out the person is in, if any; ``arms`` maps experiment to arm, the
    first of a split unless given; ``of_all`` is the share of the hold-out of all campaigns, which the person is not
    in. Raises UsageError if that is next to impossible.
    """
    shares = {campaign.key: campaign.holdout for campaign in campaigns if campaign.holdout} | {ALL_CAMPAIGNS: of_all}
    splits = [
        (campaign.key, placed.step, arms.get(placed.step.experiment, next(iter(placed.step.weights))))
        for campaign in campaigns
        for placed in campaign.placed
        if isinstance(placed.step, Split)
    ]
    for attempt in range(_TRIES):
        seed = f"{name}:{attempt}"
        profile_id = ids.opaque(at, SeededEntropy(seed))
        held = all((position(key, profile_id) < share) == (key == held_out_of) for key, share in shares.items())
        if held and all(draw(key, split, profile_id) == arm for key, split, arm in splits if arm in split.weights):
            return seed
    raise UsageError(f"{name}: nobody among {_TRIES:,} people is in these arms and hold-outs at once; ask for fewer")
