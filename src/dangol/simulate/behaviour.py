"""What is assumed about people: ``behaviour.yaml`` as a frozen model, with defaults for everything.

The assumptions are stated in the report; docs/simulating.md explains every key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from dangol.definitions.document import Document, did_you_mean
from dangol.definitions.document import Path as Place
from dangol.definitions.shape import validate
from dangol.definitions.workspace import Workspace
from dangol.definitions.yaml import read_yaml
from dangol.errors import ProblemsFound, UsageError
from dangol.model.durations import Duration
from dangol.model.problem import Problem
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

    @model_validator(mode="after")
    def _open_before_click(self) -> Response:
        if self.click > self.open > 0:
            raise ValueError(f"more click than open: `click` is {self.click:.2%}, `open` {self.open:.2%}")
        return self


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
    dead: dict[Channel, Share] = Field(
        default_factory=dict,
        description="Which share of the addresses on a channel is no more: the carrier refuses them for good.",
    )

    @field_validator("costs")
    @classmethod
    def _parts_are_of_sms(cls, costs: dict[Channel, Cost]) -> dict[Channel, Cost]:
        for channel, cost in costs.items():
            if cost.per_segment is not None and channel is not Channel.SMS:
                raise ValueError(f"`per_segment` is for sms; {channel.value} costs `per_message` or `per_thousand`")
        return costs

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


def read_behaviour(path: Path, workspace: Workspace) -> Behaviour:
    """The assumptions in a file about the people of this workspace.

    Raises UsageError if it cannot be read, ProblemsFound with everything wrong in it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"--behaviour: {path} does not exist") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"--behaviour: {path} is not UTF-8: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise UsageError(f"--behaviour: {path} cannot be read: {error.strerror}") from None
    return parse_behaviour(str(path), text, workspace)


def shipped_behaviour() -> Behaviour:
    """What is assumed unless a file says otherwise."""
    name = "behaviour.yaml"
    return parse_behaviour(name, (files("dangol.simulate") / "data" / name).read_text(encoding="utf-8"))


def parse_behaviour(path: str, text: str, workspace: Workspace | None = None) -> Behaviour:
    """The assumptions in a text; ``path`` is named in problems. What it names is looked up in ``workspace``."""
    text = text.replace("\r\n", "\n")
    if not text.strip():
        raise ProblemsFound([Problem(path, 1, 1, "empty-file", "the file is empty", "leave --behaviour out instead")])
    document, problems = read_yaml(path, text)
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
    if workspace is not None:
        misnamed += _unknown(document, behaviour, workspace)
    if misnamed:
        raise ProblemsFound(sorted(misnamed))
    return behaviour


def _unknown(document: Document, behaviour: Behaviour, workspace: Workspace) -> Iterator[Problem]:
    """What is named and is not there. Events that the tracking plan lacks are left out and told of, not refused."""
    plan, stages = workspace.tracking_plan, {stage.key for stage in workspace.journey_map.stages}
    place: Place
    for index, response in enumerate(behaviour.responses):
        if response.stage is not None and response.stage not in stages:
            text = f"the journey map has no stage `{response.stage}`"
            yield _misnamed(document, "unknown-stage", ("responses", index, "stage"), text, response.stage, stages)
    bought = behaviour.purchase.event
    if "event" in behaviour.purchase.model_fields_set and bought not in plan.events:
        text = f"the tracking plan has no event `{bought}`"
        yield _misnamed(document, "unknown-event", ("purchase", "event"), text, bought, set(plan.events))
    for name in behaviour.people.attributes:
        if name not in plan.attributes:
            text = f"the tracking plan has no attribute `{name}`"
            place = ("people", "attributes", name)
            yield _misnamed(document, "unknown-attribute", place, text, name, set(plan.attributes), key=True)
    for name in behaviour.people.past:
        if name not in plan.events:
            text = f"the tracking plan has no event `{name}`"
            place = ("people", "past", name)
            yield _misnamed(document, "unknown-event", place, text, name, set(plan.events), key=True)
    for event, happens in behaviour.events.items():
        known = plan.events.get(event)
        if known is not None:
            for name in happens.properties.keys() - known.keys():
                text = f"`{event}` has no property `{name}` in the tracking plan"
                place = ("events", event, "properties", name)
                yield _misnamed(document, "unknown-property", place, text, name, set(known), key=True)
            for index, follows in enumerate(happens.then):
                for number, name in enumerate(follows.keeps):
                    if name not in known:
                        text = f"`{event}` has no property `{name}` to keep"
                        place = ("events", event, "then", index, "keeps", number)
                        yield _misnamed(document, "unknown-property", place, text, name, set(known))


def _misnamed(
    document: Document, code: str, place: Place, text: str, name: str, known: set[str], *, key: bool = False
) -> Problem:
    return document.problem(code, place, text, hint=did_you_mean(name, known), key=key)


def unknown_events(behaviour: Behaviour, planned: Mapping[str, Any]) -> list[str]:
    """Events of the behaviour that the tracking plan does not have; they are left out of a simulation."""
    return sorted(set(behaviour.events) - set(planned))
