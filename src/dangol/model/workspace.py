"""The other workspace files as values: journey map, tracking plan, policies."""

from __future__ import annotations

import re
from datetime import time, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from dangol.model.campaign import Definition, Key
from dangol.model.durations import format_duration, parse_duration
from dangol.model.vocabulary import Channel, OnCapped, Purpose


class MapStage(Definition):
    """One stage of the customer's journey, as the customer lives it."""

    key: Key
    name: str
    intent: str = Field(description="What the customer wants to get done.")
    emotion: str = Field("", description="What the customer is expected to feel.")
    obstacles: tuple[str, ...] = ()
    touchpoints: dict[str, str] = Field(default_factory=dict, description="What each channel does here.")
    kpi: str = ""
    moment_of_truth: bool = False


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


class TrackingPlan(Definition):
    """campaigns/tracking-plan.yaml: which attributes profiles have, which events happen, with which properties.

    Backend services may send more; only what is listed can be used in expressions and templates.
    """

    attributes: dict[str, ValueType] = Field(default_factory=dict)
    events: dict[str, dict[str, ValueType]] = Field(default_factory=dict)


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


def _clock_time(value: object) -> time:
    match = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)", value) if isinstance(value, str) else None
    if isinstance(value, time):
        return value
    if match is None:
        raise ValueError(f"expected a time of day from 00:00 to 23:59, such as 21:00; found {value!r}")
    return time(int(match[1]), int(match[2]))


ClockTime = Annotated[
    time,
    BeforeValidator(_clock_time),
    PlainSerializer(lambda value: value.strftime("%H:%M"), return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}),
]


class QuietHours(Definition):
    """A window of the recipient's local day in which the listed purposes and channels do not go out.

    The start is quiet, the end is not; a window may span midnight.
    """

    start: ClockTime = Field(alias="from")
    end: ClockTime = Field(alias="to")
    purposes: tuple[Purpose, ...] = (Purpose.MARKETING,)
    channels: tuple[Channel, ...] = tuple(Channel)

    @model_validator(mode="after")
    def _not_empty(self) -> QuietHours:
        if self.start == self.end:
            raise ValueError("`from` and `to` are the same time; a quiet window needs a length")
        return self


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


class Policies(Definition):
    """campaigns/policies.yaml."""

    timezone: str = Field("Asia/Seoul", description="The workspace's own zone: schedules run in it.")
    locale: str = Field("ko", description="The locale that every message has; others fall back to it.")
    consent_required: tuple[Purpose, ...] = (Purpose.MARKETING, Purpose.SERVICE)
    quiet_hours: tuple[QuietHours, ...] = ()
    unknown_timezone: tuple[str, ...] = Field(
        (),
        description="Zones to keep quiet hours in when a person's cannot be told; empty means do not send.",
    )
    caps: tuple[Cap, ...] = ()
    on_capped: OnCapped = OnCapped.DROP
    capped_purposes: tuple[Purpose, ...] = Field(
        (Purpose.MARKETING, Purpose.SERVICE), description="Purposes that caps hold back at all."
    )


MESSAGE_FIELDS: dict[str, ValueType] = {
    "channel": ValueType.STRING,
    "purpose": ValueType.STRING,
    "campaign": ValueType.STRING,
    "stage": ValueType.STRING,
    "tags": ValueType.LIST,
    "priority": ValueType.NUMBER,
}
"""What a cap's ``applies_to`` can ask about a message."""
