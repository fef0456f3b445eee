"""A campaign as its author wrote it: frozen, checked in shape, independent of where it was read from.

Checks that need to look at other files (does the stage exist, is the event known) are in ``definitions``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cached_property
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from dangol.model.durations import Duration
from dangol.model.steps import END, Definition, Key, PlacedStep, Send, Steps, by_form, placed
from dangol.model.times import Day
from dangol.model.vocabulary import NIGHT, Purpose

RECIPIENT = "recipient"
"""The ``timezone`` of a schedule that runs by each person's own clock."""


def _percent(value: object) -> float:
    text = value.strip() if isinstance(value, str) else ""
    if not text.endswith("%"):
        raise ValueError(f"expected a percentage such as `10%`; found {value!r}")
    try:
        share = float(text[:-1]) / 100
    except ValueError:
        raise ValueError(f"expected a percentage such as `10%`; found {value!r}") from None
    if not 0 <= share < 1:
        raise ValueError(f"expected a percentage from 0% to below 100%; found {value!r}")
    return share


Percent = Annotated[float, BeforeValidator(_percent), WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?%$"})]


class After(Definition):
    """``again: {after: 7 days}``: a person may enter again this long after the last entry."""

    after: Duration = Field(description="How long after the last entry.")


_PROPERTY = r"^event\.[A-Za-z_][A-Za-z0-9_]*$"


def _property(text: str) -> str:
    if not re.fullmatch(_PROPERTY, text):
        raise ValueError("expected a property of the event, such as `event.cart_id`")
    return text


class Entry(Definition):
    """How people get in: by an event, by joining an audience, by a schedule over an audience, or through the API."""

    event: str | None = Field(
        None, description="An event of tracking-plan.yaml that lets its person in.", examples=["Order Completed"]
    )
    where: str | None = Field(
        None,
        description="Expression over `event` and `profile`; true means enter.",
        examples=["event.value >= 30000", 'count("Order Completed") == 1'],
    )
    key: (
        Annotated[
            str,
            AfterValidator(_property),
            WithJsonSchema({"type": "string", "pattern": _PROPERTY}),
        ]
        | None
    ) = Field(
        None,
        description="A property of the event that tells one journey from another: a person can be in the campaign "
        "once for each value, and `again` counts for each by itself.",
        examples=["event.cart_id"],
    )
    api: str | None = Field(
        None,
        description="Only `POST /v1/journeys` lets people in; the event of tracking-plan.yaml that such a call counts "
        "as, with its properties.",
        examples=["Gift Requested"],
    )
    schedule: str | None = Field(
        None, description="Five-field cron, in `timezone`; needs an `audience`.", examples=["0 10 * * MON"]
    )
    audience: str | None = Field(
        None,
        description="Expression over `profile`. With a `schedule`: everyone for whom it is true then. Without: "
        "everyone for whom it becomes true.",
        examples=['has_consent("email", "marketing")', 'in_segment("lapsed")', "true"],
    )
    every: Duration | None = Field(
        None, description="How often the audience is looked at for people who joined it: 15 minutes unless given."
    )
    existing: Literal["skip", "enter"] = Field(
        "skip", description="Those who are in the audience already when the campaign goes into service."
    )
    timezone: str | None = Field(
        None,
        description="IANA zone of the schedule; the workspace's by default. `recipient`: each person's own.",
        examples=["Asia/Seoul", RECIPIENT],
    )
    again: Literal["never", "always"] | After = Field(
        "never",
        description="May one person enter again, once out? A person is never in the same campaign twice at a time, "
        "or with a `key` twice for the same value.",
        examples=["never", "always", {"after": "30 days"}],
    )

    @property
    def kind(self) -> Literal["event", "api", "schedule", "audience"]:
        if self.event is not None:
            return "event"
        if self.api is not None:
            return "api"
        return "schedule" if self.schedule is not None else "audience"

    @property
    def opened_by(self) -> str | None:
        """The event whose properties are ``entry``; None where an audience lets people in."""
        return self.event or self.api

    @model_validator(mode="after")
    def _one_way_in(self) -> Entry:
        ways = [name for name in ("event", "api") if getattr(self, name) is not None]
        ways += ["audience"] if self.schedule is not None or self.audience is not None else []
        if len(ways) != 1:
            raise ValueError(
                "an entry has one of `event`, `api`, `audience`, or `schedule` with `audience`; "
                f"found {' and '.join(ways) or 'none of them'}"
            )
        if ways == ["audience"]:
            if self.audience is None:
                raise ValueError('a `schedule` needs an `audience`; use `audience: "true"` for everyone')
            if self.where is not None or self.key is not None:
                raise ValueError("`where` and `key` belong to an `event`; with an `audience` say who is in it there")
            if self.schedule is not None and (self.every is not None or self.existing == "enter"):
                raise ValueError("`every` and `existing` belong to an `audience` without a `schedule`")
            if self.schedule is None and self.timezone is not None:
                raise ValueError("`timezone` belongs to a `schedule`")
        elif self.timezone is not None or self.every is not None or self.existing == "enter":
            raise ValueError("`timezone` belongs to a `schedule`, `every` and `existing` to an `audience`")
        return self


def _event_name(value: object) -> object:
    if isinstance(value, str):
        return value
    raise ValueError("expected an event, or a mapping with `event` and `where`")


class ExitOn(Definition):
    """``exit: [{event: Order Completed, where: event.cart_id == entry.cart_id}]``."""

    event: str = Field(description="An event of tracking-plan.yaml.")
    where: str | None = Field(
        None,
        description="Expression over `event`, `entry` and `profile`: which of these events ends the journey.",
        examples=["event.cart_id == entry.cart_id"],
    )


class Goal(Definition):
    """What the campaign is for; reaching it ends the journey."""

    event: str = Field(description="The event that counts as success.", examples=["Order Completed"])
    where: str | None = Field(
        None,
        description="Expression over `event`, `entry` and `profile`: which of these events counts.",
        examples=["event.cart_id == entry.cart_id"],
    )
    within: Duration = Field(description="How long after entering it still counts.")


def _topic(key: str) -> str:
    if key == NIGHT:
        raise ValueError(f"`{NIGHT}` stands for consents to be written to at night and is no topic of messages")
    return key


class Stage(Definition):
    """The part of a campaign that belongs to one stage of the journey map."""

    stage: Key = Field(description="A stage of journey-map.yaml.", examples=["onboarding"])
    steps: Annotated[Steps, Field(min_length=1)] = Field(description="What happens, one after the other.")


class Campaign(Definition):
    """One flow over several channels."""

    key: Key = Field(description="The file's name without `.yaml`.", examples=["win_back"])
    name: str = Field(min_length=1, max_length=200, description="What people call the campaign.")
    owner: str = Field("", max_length=200, description="The team that answers for it.", examples=["crm"])
    purpose: Purpose = Field(
        description="Decides which consent is needed, and whether quiet hours and caps hold the messages back."
    )
    tags: tuple[Key, ...] = Field((), description="For caps and reports.", examples=[["newsletter"]])
    topic: Annotated[Key, AfterValidator(_topic)] | None = Field(
        None,
        description="A topic of policies.yaml that its messages are about; who left that topic does not get them.",
        examples=["new_records"],
    )
    priority: int = Field(50, ge=0, le=100, description="The higher one wins the last slot under a cap.")
    value: Annotated[float, Field(ge=-1e12, le=1e12, strict=True)] | str = Field(
        0.0,
        description="What a message is worth, of two of the same priority the greater one wins the slot: a number, or "
        "an expression over `profile` and `entry` that tells one, asked when the message is planned.",
        examples=[5, "entry.value"],
    )
    entry: Entry = Field(description="Who gets in, and when.")
    exit: tuple[Annotated[str | ExitOn, by_form(ExitOn, _event_name)], ...] = Field(
        (),
        description="Events that end the journey, looked at before every step and every send.",
        examples=[["Order Completed"], [{"event": "Order Completed", "where": "event.cart_id == entry.cart_id"}]],
    )
    goal: Goal | None = Field(None, description="What the campaign is for; reaching it ends the journey.")
    holdout: Percent = Field(
        0.0, description="The share of people who get nothing, so that the effect can be measured.", examples=["10%"]
    )
    spread: Duration | None = Field(
        None,
        description="For a `schedule` or an `audience`: its messages go out over this time, each person at an instant "
        "of their own, not all at once.",
        examples=["6 hours"],
    )
    starts: Day | None = Field(None, description="The first day on which people enter, in the workspace's zone.")
    ends: Day | None = Field(
        None,
        description="The last day of the campaign, in the workspace's zone; after it nobody enters, nothing is sent, "
        "and journeys end.",
    )
    stages: tuple[Stage, ...] = Field(min_length=1, description="The steps, by stage of the customer's journey.")

    @field_validator("ends")
    @classmethod
    def _in_order(cls, ends: date | None, info: ValidationInfo) -> date | None:
        starts = info.data.get("starts")
        if ends is not None and starts is not None and ends < starts:
            raise ValueError(f"the campaign ends on {ends}, before it starts on {starts}")
        return ends

    @cached_property
    def placed(self) -> tuple[PlacedStep, ...]:
        """Every step with its position and stage, each before what its branches contain."""
        found: list[PlacedStep] = []
        for index, stage in enumerate(self.stages):
            after = f"{index + 1}.0" if index + 1 < len(self.stages) else END
            found += placed(stage.steps, stage.stage, str(index), after)
        return tuple(found)

    def steps(self) -> Iterator[PlacedStep]:
        """``placed``, one by one."""
        return iter(self.placed)

    @property
    def sends(self) -> tuple[Send, ...]:
        return tuple(placed.step for placed in self.placed if isinstance(placed.step, Send))

    @property
    def digests(self) -> frozenset[str]:
        """The digests of policies.yaml that messages of this campaign wait for."""
        return frozenset(send.digest for send in self.sends if send.digest is not None)

    @property
    def exits(self) -> tuple[ExitOn, ...]:
        return tuple(ExitOn(event=one) if isinstance(one, str) else one for one in self.exit)


def again_after(entry: Entry) -> timedelta | None:
    """How long a person must wait before entering again; None if ``again`` is not a duration."""
    return entry.again.after if isinstance(entry.again, After) else None
