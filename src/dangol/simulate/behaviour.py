"""What is assumed about people: ``behaviour.yaml`` as a frozen model, with defaults for everything.

The assumptions are stated in the report; docs/simulating.md explains every key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from dangol.definitions.shape import validate
from dangol.definitions.yaml import read_yaml
from dangol.errors import ProblemsFound, UsageError
from dangol.model.durations import Duration
from dangol.model.steps import Definition, Key
from dangol.model.vocabulary import Channel, Purpose

_LARGEST = 1_000_000
_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)%")


def _share(value: object) -> object:
    if isinstance(value, float):
        return value
    match = _SHARE.fullmatch(value) if isinstance(value, str) else None
    if match is None or float(match[1]) > 100:
        raise ValueError(f"expected a percentage from 0% to 100%; found {value!r}")
    return float(match[1]) / 100


Share = Annotated[float, BeforeValidator(_share)]
"""``2.5%`` as 0.025."""
Rate = Annotated[float, Field(ge=0, le=1_000)]
Amount = Annotated[float, Field(ge=0, le=1e12)]
Scalar = str | bool | int | float


class Between(Definition):
    """``{from: 12000, to: 180000, step: 1000}``: any multiple of ``step`` in this range."""

    from_: float = Field(alias="from")
    to: float
    step: float = Field(1, gt=0)

    @model_validator(mode="after")
    def _in_order(self) -> Between:
        if self.to < self.from_:
            raise ValueError(f"`to` is below `from`: {self.to:g} < {self.from_:g}")
        return self


class OneOf(Definition):
    """``{one_of: [web, app]}``: each as likely as the others."""

    one_of: tuple[Scalar, ...] = Field(min_length=1)


class NewId(Definition):
    """``{id: cart}``: an id of its own for every event, such as ``cart-5f0c2a91``."""

    id: str = Field(max_length=32)


class DaysLater(Definition):
    """``{days_later: 3}``: the day, or the instant, so many days after the event."""

    days_later: int = Field(ge=-3_660, le=3_660)


class BetweenDays(Definition):
    """``{between: [1955-01-01, 2006-12-31]}``: any day in this range."""

    between: tuple[date, date]

    @field_validator("between", mode="before")
    @classmethod
    def _days(cls, value: object) -> object:
        if not (isinstance(value, list | tuple) and len(value) == 2):
            raise ValueError("expected two days, such as `[1955-01-01, 2006-12-31]`")
        first, last = (date.fromisoformat(str(day)) for day in value)
        if last < first:
            raise ValueError(f"the first day is after the last: {first} > {last}")
        return first, last


Property = BetweenDays | Between | OneOf | NewId | DaysLater | Scalar


class Follows(Definition):
    """What an event leads to, for some."""

    event: str
    share: Share = Field(description="In how many cases it follows.")
    after: Duration = Field(description="How much later, on average.")
    keeps: tuple[str, ...] = Field((), description="Properties that are those of the event before.")


class Happens(Definition):
    """One kind of event."""

    rate: Rate = Field(0.0, description="How often it happens to a person in 30 days, on average, by itself.")
    properties: dict[str, Property] = Field(default_factory=dict)
    then: tuple[Follows, ...] = ()


class Response(Definition):
    """What people do about a message; shares are of the messages that were handed over."""

    channel: Channel | None = Field(None, description="Every channel unless given.")
    stage: Key | None = Field(None, description="Every stage of the journey map unless given.")
    open: Share = 0.0
    click: Share = 0.0
    purchase: Share = 0.0
    after: Duration | None = Field(None, description="How long after the message they buy, on average.")


class Purchase(Definition):
    """The event that a purchase is."""

    event: str = "Order Completed"


class People(Definition):
    """What made-up people are like, and what is assumed where a file of people says nothing."""

    consents: dict[Purpose, dict[Channel, Share]] = Field(
        default_factory=dict, description="Who agreed, by purpose and channel; used where no consents are given."
    )
    attributes: dict[str, Property] = Field(default_factory=dict, description="What made-up profiles hold.")
    devices: Share = Field(0.5, description="Who has the app; used where devices are not known.")
    activity: float = Field(
        1.0,
        ge=0,
        le=1,
        description="How much people differ: 0 is not at all, 1 is a few regulars and many rare guests.",
    )
    past: dict[str, Rate] = Field(
        default_factory=dict, description="Events in a made-up person's past, by how often in 30 days."
    )
    past_days: int = Field(180, ge=0, le=3_660, description="How far back the past of made-up people goes.")


class Cost(Definition):
    """What a message costs: one of the three."""

    per_message: Amount | None = None
    per_thousand: Amount | None = None
    per_segment: Amount | None = Field(None, description="SMS only: a long text is billed as several.")

    @model_validator(mode="after")
    def _one_way(self) -> Cost:
        if sum(value is not None for value in (self.per_message, self.per_thousand, self.per_segment)) != 1:
            raise ValueError("say one of `per_message`, `per_thousand` and `per_segment`")
        return self

    def of(self, messages: int, segments: int) -> float:
        """What so many messages with so many segments cost."""
        if self.per_segment is not None:
            return self.per_segment * segments
        return (self.per_message or 0.0) * messages + (self.per_thousand or 0.0) * messages / 1_000


class Limit(Definition):
    """What a provider takes."""

    per_second: float | None = Field(None, gt=0, le=_LARGEST)
    per_day: int | None = Field(None, gt=0)


class Behaviour(Definition):
    """``behaviour.yaml``."""

    currency: str = Field("KRW", max_length=16)
    people: People = Field(default_factory=People)
    events: dict[str, Happens] = Field(default_factory=dict)
    purchase: Purchase = Field(default_factory=Purchase)
    responses: tuple[Response, ...] = ()
    costs: dict[Channel, Cost] = Field(default_factory=dict)
    limits: dict[Channel, Limit] = Field(default_factory=dict)

    def response(self, channel: str, stage: str) -> Response:
        """The response that says most about this channel and stage; of two that say as much, the later one."""
        best, rank = _NO_RESPONSE, -1
        for one in self.responses:
            fits = one.channel in (None, channel) and one.stage in (None, stage)
            says = (one.stage is not None) * 2 + (one.channel is not None)
            if fits and says >= rank:
                best, rank = one, says
        return best


_NO_RESPONSE = Response()


def read_behaviour(path: Path) -> Behaviour:
    """The assumptions in a file. Raises UsageError if it cannot be read, ProblemsFound with everything wrong in it."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"--behaviour: {path} does not exist") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"--behaviour: {path} is not UTF-8: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise UsageError(f"--behaviour: {path} cannot be read: {error.strerror}") from None
    return parse_behaviour(str(path), text)


def shipped_behaviour() -> Behaviour:
    """What is assumed unless a file says otherwise."""
    name = "behaviour.yaml"
    return parse_behaviour(name, (files("dangol.simulate") / "data" / name).read_text(encoding="utf-8"))


def parse_behaviour(path: str, text: str) -> Behaviour:
    """The assumptions in a text; ``path`` is named in problems."""
    document, problems = read_yaml(path, text.replace("\r\n", "\n"))
    if document is None or problems:
        raise ProblemsFound(problems)
    behaviour, problems = validate(document, Behaviour)
    if behaviour is None:
        raise ProblemsFound(problems)
    misnamed = [
        document.problem(
            "unknown-event", ("events", name, "then", index, "event"), f"`{follows.event}` is not under `events`"
        )
        for name, happens in behaviour.events.items()
        for index, follows in enumerate(happens.then)
        if follows.event not in behaviour.events
    ]
    if misnamed:
        raise ProblemsFound(misnamed)
    return behaviour


def unknown_events(behaviour: Behaviour, planned: Mapping[str, Any]) -> list[str]:
    """Events of the behaviour that the tracking plan does not have; they are left out of a simulation."""
    return sorted(set(behaviour.events) - set(planned))
