"""The other workspace files as values: journey map, tracking plan, policies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from dangol.model.campaign import Percent
from dangol.model.durations import Duration, format_duration, parse_duration
from dangol.model.duty import CONSENT_REQUESTED, MESSAGE_REPLIED, OUTCOME_DUE, RECONFIRMATION_DUE
from dangol.model.jurisdiction import Hours, Jurisdictions
from dangol.model.restraint import DigestPlan, Hold, Topic, WarmUp, no_reserved_topic
from dangol.model.steps import Definition, Key
from dangol.model.vocabulary import Channel, OnCapped, Purpose, Scope

_TARGET = re.compile(r"(?:at (least|most)\s+)?(\d{1,3}(?:\.\d{1,3})?)%")


class Target(Definition):
    """``40%`` or ``at least 40%`` wants the share to be that large, ``at most 5%`` that small."""

    share: float
    at_most: bool = False

    def met(self, share: float) -> bool:
        return share <= self.share if self.at_most else share >= self.share

    def __str__(self) -> str:
        return f"at {'most' if self.at_most else 'least'} {self.share * 100:g}%"


def _target(value: object) -> Target:
    if isinstance(value, Target):
        return value
    match = _TARGET.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or float(match[2]) > 100:
        raise ValueError(f"expected a percentage up to 100 such as `40%`, or `at most 5%`; found {value!r}")
    return Target(share=float(match[2]) / 100, at_most=match[1] == "most")


KpiTarget = Annotated[
    Target,
    BeforeValidator(_target),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _TARGET.pattern, "examples": ["40%", "at most 5%"]}),
]


class Kpi(Definition):
    """What tells whether a stage goes well: a share of people, and what it should be.

    Either the people who had the event ``of`` and then had ``event`` ``within`` a time of it, or the people ``among``
    whom (everyone by default) ``expression`` is true.
    """

    name: str = Field(min_length=1, max_length=200, description="What people call it.")
    event: str | None = Field(None, description="What people should come to do.", examples=["Order Completed"])
    of: str | None = Field(None, description="What they did before; it counts who did.", examples=["Checkout Started"])
    within: Duration | None = Field(None, description="How long after that `event` still counts.")
    expression: str | None = Field(
        None,
        description="Expression over `profile`: what should be true of people.",
        examples=['count("Order Completed", "365 days") >= 4'],
    )
    among: str | None = Field(
        None,
        description="Expression over `profile`: whom `expression` is asked about; everyone by default.",
        examples=['count("Order Completed") >= 1'],
    )
    target: KpiTarget = Field(description="What the share should be: `40%`, which is the least, or `at most 5%`.")

    @model_validator(mode="after")
    def _one_measure(self) -> Kpi:
        if (self.event is None) == (self.expression is None):
            raise ValueError("a KPI is measured by one of `event` (with `of` and `within`) and `expression`")
        if self.expression is None and (self.of is None or self.within is None or self.among is not None):
            raise ValueError("a KPI with an `event` needs `of` and `within`, and has no `among`")
        if self.expression is not None and (self.of is not None or self.within is not None):
            raise ValueError("`of` and `within` belong to an `event`; an `expression` may have `among`")
        return self


class MapStage(Definition):
    """One stage of the customer's journey, as the customer lives it."""

    key: Key
    name: str = Field(min_length=1, max_length=200)
    intent: str = Field(min_length=1, description="What the customer wants to get done.")
    emotion: str = Field("", description="What the customer is expected to feel.")
    obstacles: tuple[str, ...] = ()
    touchpoints: dict[str, Annotated[str, Field(min_length=1)]] = Field(
        default_factory=dict, description="What each channel does here."
    )
    kpi: str | Kpi = Field("", description="What tells whether the stage goes well; plain text is not measured.")
    owner: str = Field("", max_length=200, description="The team that answers for the stage.", examples=["crm"])
    moment_of_truth: bool = Field(False, description="Here the relationship is made or broken.")

    @property
    def kpi_name(self) -> str:
        return self.kpi.name if isinstance(self.kpi, Kpi) else self.kpi


class JourneyMap(Definition):
    """campaigns/journey-map.yaml."""

    stages: tuple[MapStage, ...] = Field(min_length=1)


class ValueType(StrEnum):
    """Types of profile attributes and event properties."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    LIST = "list"


_STRING = ValueType.STRING
OWN_EVENTS: Mapping[str, Mapping[str, ValueType]] = {
    CONSENT_REQUESTED: {"channel": _STRING, "purpose": _STRING, "topic": _STRING, "consent_id": _STRING},
    OUTCOME_DUE: {
        "action": _STRING,
        "night": ValueType.BOOLEAN,
        "channels": ValueType.LIST,
        "purpose": _STRING,
        "happened_on": ValueType.DATE,
        "due_by": ValueType.DATE,
        "consent_id": _STRING,
    },
    RECONFIRMATION_DUE: {
        "agreed_on": ValueType.DATE,
        "channels": ValueType.LIST,
        "purpose": _STRING,
        "due_by": ValueType.DATE,
        "consent_id": _STRING,
    },
    MESSAGE_REPLIED: {"channel": _STRING, "text": _STRING, "intent": _STRING},
}
"""What dangol itself reports, with its properties: a part of every tracking plan."""


class TrackingPlan(Definition):
    """campaigns/tracking-plan.yaml: which attributes profiles have, which events happen, with which properties.

    Backend services may send more; only what is listed can be used in expressions and templates. What dangol itself
    reports need not be listed.
    """

    attributes: dict[str, ValueType] = Field(default_factory=dict)
    events: dict[str, dict[str, ValueType]] = Field(default_factory=dict, validate_default=True)

    @field_validator("events", mode="after")
    @classmethod
    def _with_ours(cls, events: dict[str, dict[str, ValueType]]) -> dict[str, dict[str, ValueType]]:
        return {**events, **{name: {**ours, **events.get(name, {})} for name, ours in OWN_EVENTS.items()}}


class Segment(Definition):
    """A named audience, for use as ``in_segment("key")``."""

    name: str
    audience: str = Field(description="Expression over `profile`.")


class Segments(Definition):
    """campaigns/segments.yaml, optional."""

    segments: dict[Key, Segment] = Field(default_factory=dict)


STANDARD_ATTRIBUTES: dict[str, ValueType] = {
    "id": ValueType.STRING,
    "email": ValueType.STRING,
    "phone": ValueType.STRING,
    "locale": ValueType.STRING,
    "timezone": ValueType.STRING,
    "country": ValueType.STRING,
    "created_at": ValueType.DATETIME,
}
"""What every profile has without being listed; ``id`` is the customer's external id."""


class QuietHours(Hours):
    """A window of the recipient's local day in which the listed purposes and channels do not go out."""

    purposes: tuple[Purpose, ...] = (Purpose.MARKETING,)
    channels: tuple[Channel, ...] = tuple(Channel)
    unless_consent: Literal["night"] | None = Field(
        None, description="A consent for the topic `night` lifts the window."
    )


class Calendar(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Window(Definition):
    """``rolling 7 days`` looks back from now; ``calendar week`` starts anew on Monday in the recipient's zone."""

    rolling: timedelta | None = None
    calendar: Calendar | None = None

    def __str__(self) -> str:
        if self.calendar is not None:
            return f"calendar {self.calendar.value}"
        assert self.rolling is not None
        return f"rolling {format_duration(self.rolling)}"


def _window(value: object) -> Window:
    if isinstance(value, Window):
        return value
    kind, _, rest = value.partition(" ") if isinstance(value, str) else ("", "", "")
    if kind == "rolling":
        duration = parse_duration(rest)
        if duration > timedelta(days=366):
            raise ValueError(f"expected a rolling window of at most 366 days; found {value!r}")
        return Window(rolling=duration)
    if kind == "calendar" and rest in set(Calendar):
        return Window(calendar=Calendar(rest))
    raise ValueError(
        f"expected `rolling` and a duration, or `calendar day`, `calendar week` or `calendar month`; found {value!r}"
    )


CapWindow = Annotated[
    Window,
    BeforeValidator(_window),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["rolling 7 days", "calendar day"]}),
]


class Cap(Definition):
    """At most ``limit`` messages to one person in ``window``, counting those to which ``applies_to`` applies."""

    key: Key
    limit: int = Field(ge=0, le=10_000)
    window: CapWindow
    applies_to: str = Field(
        'message.purpose == "marketing"', description="Expression over `message`; true means it counts."
    )
    reserve: Duration | None = Field(
        None,
        description="Room is kept for messages of a higher priority that are planned to be due within this time; "
        "without it, only for those that are due already.",
        examples=["12 hours"],
    )


class SmsEncoding(StrEnum):
    """How an SMS carrier counts: ``gsm`` in parts of 160 or 70 characters, ``euckr`` in bytes, as in Korea."""

    GSM = "gsm"
    EUCKR = "euckr"


Price = Annotated[str, Field(pattern=r"^\d{1,6}(\.\d{1,6})? [A-Z]{3}$", examples=["9 KRW", "0.0083 USD"])]


class Sms(Definition):
    """What the workspace's SMS carrier counts and charges."""

    encoding: SmsEncoding = Field(SmsEncoding.GSM, description="How the carrier counts: gsm, or euckr as in Korea.")
    prices: dict[Annotated[str, Field(pattern=r"^[A-Z]{2}(/long)?$")], Price] = Field(
        default_factory=dict,
        description="What one billed part costs, by country; `KR/long` for a Korean long message.",
        examples=[{"KR": "9 KRW", "KR/long": "27 KRW"}],
    )


class Policies(Definition):
    """campaigns/policies.yaml."""

    timezone: str = Field("Asia/Seoul", description="The workspace's own zone: schedules run in it.")
    locale: str = Field("ko", description="The locale that every message has; others fall back to it.")
    consent_required: tuple[Purpose, ...] = (Purpose.MARKETING, Purpose.SERVICE)
    quiet_hours: tuple[QuietHours, ...] = ()
    jurisdictions: Jurisdictions = Field(
        default_factory=Jurisdictions, description="Whose laws the workspace keeps, and how it tightens their rules."
    )
    unknown_timezone: tuple[str, ...] = Field(
        (),
        description="Zones to keep quiet hours in when a person's cannot be told; empty means do not send.",
    )
    holdout: Percent = Field(
        0.0,
        description="The share of people who get nothing from any campaign, so that the effect of all can be measured.",
        examples=["2%"],
    )
    holdout_purposes: tuple[Purpose, ...] = Field(
        (Purpose.MARKETING,), description="Purposes that the hold-out of all campaigns goes without."
    )
    caps: tuple[Cap, ...] = ()
    on_capped: OnCapped = OnCapped.DROP
    capped_purposes: tuple[Purpose, ...] = Field(
        (Purpose.MARKETING, Purpose.SERVICE), description="Purposes that caps hold back at all."
    )
    count_unknown: bool = Field(
        True,
        description="Does a message of which nobody can tell whether it went out count under the caps? `false` gives "
        "its slot back, and a person may then get one message more than a cap allows.",
    )
    topics: Annotated[dict[Key, Topic], AfterValidator(no_reserved_topic)] = Field(
        default_factory=dict, description="What people can choose to hear about; campaigns name one as `topic`."
    )
    imported_consents: Literal["refuse", "allow"] = Field(
        "refuse", description="May people be written to whose consent was imported without any proof of it?"
    )
    spread: Duration | None = Field(
        None,
        description="What waits for a quiet window to end goes out over this time after it, not all at once.",
        examples=["30 minutes"],
    )
    warm_up: tuple[WarmUp, ...] = Field(
        (), description="How many messages a day new domains and numbers send, until they are known."
    )
    holds: tuple[Hold, ...] = Field((), description="Complaints that keep messages back while they are open.")
    digests: dict[Key, DigestPlan] = Field(
        default_factory=dict,
        description="When messages that can wait go out together, in one email; `send` steps name one.",
    )
    sms: Sms = Field(default_factory=Sms, description="How SMS are counted, and what they cost.")
    stop_scope: Scope = Field(
        Scope.PROMPTED,
        description="What a STOP by text message keeps away: `marketing`, `prompted` (all but transactional) or `all`.",
    )


MESSAGE_FIELDS: dict[str, ValueType] = {
    "channel": ValueType.STRING,
    "purpose": ValueType.STRING,
    "campaign": ValueType.STRING,
    "stage": ValueType.STRING,
    "tags": ValueType.LIST,
    "priority": ValueType.NUMBER,
    "topic": ValueType.STRING,
}
"""What a cap's ``applies_to`` can ask about a message."""
