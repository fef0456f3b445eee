"""What a law asks of messages, as values: packs of rules, each with its source and how well that was read.

A pack is data and no advice. The gate, the checks, the texts and the duties all read the same rules.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from dangol.model.durations import Duration
from dangol.model.holidays import is_holiday, known_place
from dangol.model.steps import Definition
from dangol.model.times import WEEKDAYS, ClockTime
from dangol.model.vocabulary import NIGHT, Basis, Channel, Purpose

CODE = r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?"
RECIPIENT = "recipient"
"""The clock of a window that means the time where the person is."""
DEFAULT = "default"
"""The pack for people whose country has none of its own."""

Mark = Literal["V", "v", "R", "R-med"]
"""How well a source was read: on an official page, on a secondary one, recalled, recalled less surely."""
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]


def _country(value: object) -> str:
    if not isinstance(value, str) or not (value == DEFAULT or re.fullmatch(CODE, value)):
        raise ValueError(f"expected a code such as `KR`, `EU` or `US-FL`, or `{DEFAULT}`; found {value!r}")
    return value


Country = Annotated[
    str,
    BeforeValidator(_country),
    WithJsonSchema({"type": "string", "pattern": rf"^(?:{CODE}|{DEFAULT})$"}),
]


_PERIOD = re.compile(r"(\d{1,3}) (month|year)s?")
T = TypeVar("T", date, datetime)


@dataclass(frozen=True, slots=True)
class Period:
    """A time by the calendar: two years from 29 February end on 28 February, not 730 days later."""

    months: int

    def after(self, start: T) -> T:
        """The same day so many months later; where that month has no such day, its last one."""
        year, month = divmod(start.year * 12 + start.month - 1 + self.months, 12)
        return start.replace(year=year, month=month + 1, day=min(start.day, monthrange(year, month + 1)[1]))

    def __str__(self) -> str:
        count, unit = (self.months // 12, "year") if self.months % 12 == 0 else (self.months, "month")
        return f"{count} {unit}{'' if count == 1 else 's'}"


def parse_period(value: object) -> Period:
    """Read ``6 months`` or ``2 years``. Raises ValueError for anything else."""
    if isinstance(value, Period):
        return value
    match = _PERIOD.fullmatch(value) if isinstance(value, str) else None
    if match is None or not 0 < int(match[1]) <= 120:
        raise ValueError(f"expected a time by the calendar, such as `6 months` or `2 years`; found {value!r}")
    return Period(int(match[1]) * (12 if match[2] == "year" else 1))


CalendarPeriod = Annotated[
    Period,
    BeforeValidator(parse_period),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,3} (month|year)s?$", "examples": ["6 months", "2 years"]}),
]

ALWAYS = "always"


def _lasting(value: object) -> Period | None:
    return None if value is None or value == ALWAYS else parse_period(value)


Lasting = Annotated[
    Period | None,
    BeforeValidator(_lasting),
    PlainSerializer(lambda value: ALWAYS if value is None else str(value), return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^(always|\d{1,3} (month|year)s?)$"}),
]
"""How long a basis holds from when it was last given; None is for as long as nobody takes it back."""


class Part(StrEnum):
    """What a message may have to say. ``contact`` is any way to reach the sender."""

    NAME = "name"
    CONTACT = "contact"
    PHONE = "phone"
    EMAIL = "email"
    ADDRESS = "address"
    OPT_OUT = "opt_out"


Weekday = Annotated[str, BeforeValidator(lambda value: _weekday(value)), WithJsonSchema({"enum": list(WEEKDAYS)})]


def _weekday(value: object) -> str:
    if value not in WEEKDAYS:
        raise ValueError(f"expected one of {', '.join(WEEKDAYS)}; found {value!r}")
    return str(value)


class Hours(Definition):
    """A quiet window of the day: the start is quiet, the end is not; it may span midnight.

    ``days`` and ``holidays`` (of a country, or a part of one such as ``US-FL``) say on which days it begins; with
    neither it begins every day, with both on either. From a time to the same time is a whole day.
    """

    start: ClockTime = Field(alias="from")
    end: ClockTime = Field(alias="to")
    days: tuple[Weekday, ...] = ()
    holidays: Annotated[str, AfterValidator(known_place)] | None = None

    @property
    def daily(self) -> bool:
        return not self.days and self.holidays is None

    def begins_on(self, day: date) -> bool:
        """Does the window begin on this day, where it is kept?"""
        if self.daily or WEEKDAYS[day.weekday()] in self.days:
            return True
        return self.holidays is not None and is_holiday(self.holidays, day)

    @model_validator(mode="after")
    def _not_always(self) -> Hours:
        if self.start == self.end and self.daily:
            raise ValueError("`from` and `to` are the same time; a quiet window needs a length")
        return self

    def __str__(self) -> str:
        when = [*self.days, *([f"holidays of {self.holidays}"] if self.holidays else [])]
        return f"{self.start:%H:%M}–{self.end:%H:%M}" + (f" ({', '.join(when)})" if when else "")


class Says(Definition):
    """What a rule asks, in one sentence for people."""

    en: str = Field(min_length=1)
    ko: str = Field(min_length=1)


class BaseRule(Definition):
    """What all rules have: a name of their own, whom they bind, and where they were read.

    ``source`` names the law or who says so, ``mark`` how well that was read, ``read`` when, if not when the pack was.
    """

    id: Annotated[str, Field(pattern=r"^[A-Za-z]{2,7}(?:-[A-Za-z0-9]+)+$")]
    says: Says
    channels: tuple[Channel, ...] = tuple(Channel)
    purposes: tuple[Purpose, ...] = (Purpose.MARKETING,)
    source: str = Field(min_length=1)
    mark: Mark
    read: str = ""
    note: str = ""

    @property
    def recalled(self) -> bool:
        """Nobody has read the source again: something for the customer's lawyer, and a breach only warns."""
        return self.mark.startswith("R")

    def applies(self, channel: Channel, purpose: Purpose) -> bool:
        return channel in self.channels and purpose in self.purposes


class ConsentRule(BaseRule):
    """Which consents count, and how long each does.

    ``double_opt_in``: whether a consent has to be confirmed by a second message before it counts, or had better be.
    """

    kind: Literal["consent"]
    accepts: dict[Basis, Lasting] = Field(min_length=1)
    needed: bool = Field(True, description="Without any consent nothing goes out; `false` where people opt out only.")
    double_opt_in: Literal["required", "advised"] | None = None
    proof: bool = Field(False, description="The sender has to be able to show the consent.")

    def lasting(self, basis: str) -> Period | None:
        """How long a consent on this basis holds; None is without an end. KeyError if it counts not."""
        return self.accepts[Basis(basis)]


class QuietRule(BaseRule):
    """When nothing goes out. ``clock`` is the zone whose time the law means, or the recipient's own."""

    kind: Literal["quiet"]
    hours: tuple[Hours, ...] = Field(min_length=1)
    clock: str = RECIPIENT
    unless_consent: Literal["night"] | None = Field(
        None, description=f"A consent for the topic `{NIGHT}` lifts the window."
    )


class LimitRule(BaseRule):
    """At most ``most`` messages to one person within a rolling time."""

    kind: Literal["limit"]
    most: int = Field(ge=0, le=1000)
    within: Duration


class LabelRule(BaseRule):
    """The words that a message begins with, white space included, and before what they stand."""

    kind: Literal["label"]
    text: str = Field(min_length=1, max_length=40)
    at: Literal["subject", "title", "text"]


class SayRule(BaseRule):
    """A part that must be there.

    ``languages``: all of them have to be spoken in it. ``unless_sender``: the number that the message is sent from
    says it already.
    """

    kind: Literal["say"]
    part: Part
    languages: tuple[Language, ...] = ()
    languages_mark: Mark | None = None
    unless_sender: bool = False

    @model_validator(mode="after")
    def _both_or_none(self) -> SayRule:
        if bool(self.languages) != (self.languages_mark is not None):
            raise ValueError("`languages` and `languages_mark` belong together")
        return self


class OptOutRule(BaseRule):
    """How soon leaving must work, and how long the way out must stay open. dangol lets people leave at once."""

    kind: Literal["opt_out"]
    within: str = Field(min_length=1, examples=["at once", "10 business days"])
    open_for: str = ""


class OutcomeNoticeRule(BaseRule):
    """Who consents, refuses or withdraws is told so: sender, fact and date, result."""

    kind: Literal["outcome_notice"]
    within: Duration


class ReconfirmRule(BaseRule):
    """Consents are confirmed anew, before so much time has gone by since they were given or last confirmed."""

    kind: Literal["reconfirm"]
    every: CalendarPeriod


class AdviceRule(BaseRule):
    """Something that the law or the trade asks and dangol cannot see to by itself."""

    kind: Literal["advice"]


Rule = (
    ConsentRule
    | QuietRule
    | LimitRule
    | LabelRule
    | SayRule
    | OptOutRule
    | OutcomeNoticeRule
    | ReconfirmRule
    | AdviceRule
)
KINDS: dict[str, type[BaseRule]] = {
    "consent": ConsentRule,
    "quiet": QuietRule,
    "limit": LimitRule,
    "label": LabelRule,
    "say": SayRule,
    "opt_out": OptOutRule,
    "outcome_notice": OutcomeNoticeRule,
    "reconfirm": ReconfirmRule,
    "advice": AdviceRule,
}
GATE_KINDS = (ConsentRule, QuietRule, LimitRule)
"""What decides whether a message goes out; the other kinds are about what it says and what has to follow."""

AnyRule = Annotated[Rule, Field(discriminator="kind")]
R = TypeVar("R", bound=BaseRule)


class PackName(Definition):
    en: str = Field(min_length=1)
    ko: str = Field(min_length=1)


class PackPart(Definition):
    """A part of a country with rules of its own, such as ``US-FL``; it keeps the country's too."""

    code: Country
    name: PackName
    rules: tuple[AnyRule, ...]


class PackFile(Definition):
    """A pack, one a file: those that come with dangol, and ``campaigns/jurisdictions/<code>.yaml``.

    ``includes`` are packs that bind the same people. ``members`` are countries and territories without a pack that
    this one serves. ``states`` are all states of the country, code and English name, those without rules of their own
    too: what is none of them does not tell where somebody lives. A country with ``parts`` has them.
    ``languages`` are those of the texts that the pack's labels and needs are checked in; one pack names none and
    serves all others. ``footer`` is the sender block of emails, in Markdown. ``zone`` is the zone in which the law's
    days are counted.
    """

    code: Country
    name: PackName
    read: str = Field(min_length=1)
    includes: tuple[Country, ...] = ()
    members: tuple[Country, ...] = ()
    states: dict[Annotated[str, Field(pattern=r"^[A-Z0-9]{1,3}$")], str] = Field(default_factory=dict)
    languages: tuple[Language, ...] = ()
    footer: str = ""
    zone: str = "UTC"
    rules: tuple[AnyRule, ...] = Field(min_length=1)
    parts: tuple[PackPart, ...] = ()


@dataclass(frozen=True, slots=True)
class Pack:
    """The rules of one jurisdiction, without those of the packs that it ``includes``. ``parts`` are its states'."""

    code: str
    name: PackName
    read: str
    rules: tuple[Rule, ...]
    includes: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    footer: str = ""
    zone: str = "UTC"
    states: tuple[tuple[str, str], ...] = ()

    def of(self, kind: type[R]) -> tuple[R, ...]:
        """The pack's own rules of a kind: ``pack.of(ReconfirmRule)``."""
        return tuple(rule for rule in self.rules if isinstance(rule, kind))

    def label(self, purpose: Purpose, channel: Channel) -> LabelRule | None:
        """The label that messages begin with, if the pack asks for one."""
        return next((rule for rule in self.of(LabelRule) if rule.applies(channel, purpose)), None)

    def needs(self, purpose: Purpose, channel: Channel) -> tuple[SayRule, ...]:
        """What messages have to say, in the pack's order."""
        return tuple(rule for rule in self.of(SayRule) if rule.applies(channel, purpose))


def packs_of(file: PackFile) -> Iterator[Pack]:
    """A file's pack, then those of its parts."""
    yield Pack(
        file.code,
        file.name,
        file.read,
        file.rules,
        file.includes,
        file.members,
        tuple(part.code for part in file.parts),
        file.languages,
        file.footer,
        file.zone,
        tuple(file.states.items()),
    )
    for part in file.parts:
        yield Pack(part.code, part.name, file.read, part.rules, includes=(file.code,), zone=file.zone)


class RuleChange(Definition):
    """What a workspace makes of a rule: stricter freely, looser only with a reason and a name.

    ``from`` and ``to`` are for a rule with one quiet window.
    """

    id: str = Field(min_length=1, description="The rule's id.", examples=["KR-night"])
    off: bool = Field(False, description="The rule does not bind this workspace.")
    start: ClockTime | None = Field(None, alias="from", description="When quiet begins.")
    end: ClockTime | None = Field(None, alias="to", description="When quiet ends.")
    most: int | None = Field(None, ge=0, le=1000, description="How many messages a limit leaves.")
    accepts: dict[Basis, Lasting] | None = Field(None, description="Which consents count instead, and how long.")
    double_opt_in: Literal["required", "advised"] | None = None
    reason: str = Field("", max_length=500, description="Why a rule is loosened; it is logged at deployment.")
    by: str = Field("", max_length=200, description="Who answers for that.")


class Jurisdictions(Definition):
    """The part `jurisdictions` of campaigns/policies.yaml."""

    serves: tuple[Country, ...] = Field(
        ("KR",), min_length=1, description="Whose rules bind people of whom no place is known: all of these."
    )
    unknown: Literal["strictest"] = Field(
        "strictest", description="Where a place is not known, every rule that may bind the person does."
    )
    rules: tuple[RuleChange, ...] = Field((), description="Rules that the workspace tightens or loosens.")
