"""What has to be said with a message: labels, sender and opt-out, from the packs of the law with their sources.

A pack says the label's text and which parts must be there. The words of the opt-out are the brand's. Which pack
serves a text follows from its language; the labels are those of the recipient's packs, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dangol.jurisdictions import serving
from dangol.model.jurisdiction import LabelRule, Pack, Part, SayRule
from dangol.model.vocabulary import Channel, Purpose

__all__ = ["Pack", "Part", "Rule", "SayRule", "labels_of", "needs_of", "rule_of", "serving"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What has to be said on one channel for one purpose."""

    label: LabelRule | None = None
    needs: tuple[SayRule, ...] = ()


def rule_of(pack: Pack, purpose: Purpose, channel: Channel) -> Rule:
    """What the pack asks to be said; an empty rule if it asks nothing."""
    return Rule(pack.label(purpose, channel), pack.needs(purpose, channel))


def needs_of(own: Pack, served: Sequence[Pack], purpose: Purpose, channel: Channel) -> tuple[SayRule, ...]:
    """What a text has to say by the pack of its language and by those ``served``, each rule once.

    Where the pack of the language is among those served, it is taken as it is there: the workspace may have changed it.
    """
    packs = {own.code: own, **{pack.code: pack for pack in served}}
    return tuple(need for pack in packs.values() for need in pack.needs(purpose, channel))


def labels_of(known: Mapping[str, Pack], codes: Iterable[str], purpose: Purpose, channel: Channel) -> tuple[str, ...]:
    """The labels that these of the ``known`` packs, and those that they include, ask for; each once.

    Unknown codes ask for none.
    """
    found: dict[str, str] = {}
    for code in codes:
        pack = known.get(code)
        for one in (code, *(pack.includes if pack is not None else ())):
            label = known[one].label(purpose, channel) if one in known else None
            if label is not None:
                found.setdefault(label.text.strip(), label.text)
    return tuple(found.values())
