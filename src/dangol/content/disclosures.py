"""What has to be said with a message: labels, sender and opt-out, from the packs of the law with their sources.

A pack says the label's text and which parts must be there. The words of the opt-out are the brand's. Which pack
serves a text follows from its language.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from dangol import jurisdictions
from dangol.model.jurisdiction import LabelRule, Pack, Part, SayRule
from dangol.model.vocabulary import Channel, Purpose

__all__ = ["Pack", "Part", "Rule", "SayRule", "rule_of", "serving"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What has to be said on one channel for one purpose."""

    label: LabelRule | None = None
    needs: tuple[SayRule, ...] = ()


def serving(locale: str) -> Pack:
    """The pack that serves texts in ``locale``."""
    return jurisdictions.serving(locale)


@lru_cache(maxsize=512)
def _rule(code: str, purpose: Purpose, channel: Channel) -> Rule:
    pack = jurisdictions.packs()[code]
    return Rule(pack.label(purpose, channel), pack.needs(purpose, channel))


def rule_of(pack: Pack, purpose: Purpose, channel: Channel) -> Rule:
    """What the pack asks to be said; an empty rule if it asks nothing."""
    return _rule(pack.code, purpose, channel)
