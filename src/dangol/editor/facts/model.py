"""What facts are, and what they are taken from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from dangol.model.vocabulary import Channel

HEADS = ("subject", "preheader", "title")
"""Parts that announce what the body says."""


class Kind(StrEnum):
    """Facts are compared with facts of their kind."""

    MONEY = "money"
    PERCENT = "percent"
    DATE = "date"
    WEEKDAY = "weekday"
    TIME = "time"
    CODE = "code"
    DURATION = "duration"
    QUANTITY = "quantity"
    PHONE = "phone"
    LINK = "link"


TARGETS = frozenset({Kind.LINK, Kind.PHONE})
"""Where a reader is led. They may differ for good reasons, so a difference is a warning."""


class Weight(StrEnum):
    """How much of a fact it is.

    PLAIN: a figure, a date, a link. WORDED: a number in letters, `두 장`, which a translation may turn otherwise.
    IDLE: `a day`, `한 번`, `half`: a way of speaking as often as a fact.
    """

    PLAIN = "plain"
    WORDED = "worded"
    IDLE = "idle"


Value = tuple[str | int | bool | Decimal | None, ...]
"""Comparable, by kind:

money ``(currency, amount)``; percent ``(percent,)``; date ``(year, month, day)``, None for what is unsaid;
weekday ``(0 for Monday … 6,)``; time ``(hour, minute, ambiguous)``, ambiguous if it may be twelve hours later;
code ``(CODE,)``; duration ``("minutes" | "months" | "working days", count)``; quantity ``(unit, count)``;
phone ``(E.164,)``; link ``(target without locale and tracking,)``.
"""


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact as a text tells it: ``part`` of the rendering, from ``start`` to ``end``.

    ``role`` is what it is about, as far as the words around it say so: ``until``, ``shipping``, ``order`` …
    """

    kind: Kind
    value: Value
    written: str
    part: str
    start: int
    end: int
    role: str = ""
    weight: Weight = Weight.PLAIN


@dataclass(frozen=True, slots=True)
class Rendering:
    """One text of one message as one sample reads it: what its author says, without the brand's frame.

    ``parts`` has ``subject``, ``preheader``, ``title``, ``body`` and ``link``, as far as the channel has them. ``path``
    is the file it was written in. ``campaigns`` send it.
    """

    template: str
    channel: Channel
    locale: str
    sample: str
    parts: Mapping[str, str]
    path: str = ""
    campaigns: tuple[str, ...] = field(default=())

    @property
    def cell(self) -> tuple[Channel, str]:
        """Its column in the fact table."""
        return self.channel, self.locale
