"""A campaign as its author wrote it: frozen, checked in shape, independent of where it was read from.

Checks that need to look at other files (does the stage exist, is the event known) are in ``definitions``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from dangol.model.durations import Duration
from dangol.model.vocabulary import Channel, OnCapped, Purpose

Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class Definition(BaseModel):
    """What every model read from a workspace file has in common: frozen, and strangers are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


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

    after: Duration


class Entry(Definition):
    """How people get in: by an event, or by a schedule over an audience."""

    event: str | None = Field(
        None, description="An event of tracking-plan.yaml that lets its person in.", examples=["Order Completed"]
    )
    where: str | None = Field(
        None,
        description="Expression over `event` and `profile`; true means enter.",
        examples=["event.value >= 30000", 'count("Order Completed") == 1'],
    )
    schedule: str | None = Field(None, description="Five-field cron, in `timezone`.", examples=["0 10 * * MON"])
    audience: str | None = Field(
        None,
        description="Expression over `profile`; everyone for whom it is true.",
        examples=['has_consent("email", "marketing")', "true"],
    )
    timezone: str | None = Field(
        None, description="IANA zone of the schedule; the workspace's by default.", examples=["Asia/Seoul"]
    )
    again: Literal["never", "always"] | After = Field(
        "never",
        description="May one person enter again, once out? A person is never in the same campaign twice at a time.",
        examples=["never", "always", {"after": "30 days"}],
    )

    @model_validator(mode="after")
    def _one_way_in(self) -> Entry:
        by_event, by_schedule = self.event is not None, self.schedule is not None
        if by_event == by_schedule:
            raise ValueError("an entry has either `event` or `schedule` with `audience`")
        if by_event and (self.audience is not None or self.timezone is not None):
            raise ValueError("`audience` and `timezone` belong to a `schedule`; with `event` use `where`")
        if by_schedule and self.audience is None:
            raise ValueError('a `schedule` needs an `audience`; use `audience: "true"` for everyone')
        if by_schedule and self.where is not None:
            raise ValueError("`where` belongs to an `event`; with a `schedule` use `audience`")
        return self


class Goal(Definition):
    """What the campaign is for; reaching it ends the journey."""

    event: str = Field(description="The event that counts as success.", examples=["Order Completed"])
    within: Duration = Field(description="How long after entering it still counts.")


class Wait(Definition):
    """Let time pass."""

    wait: Duration = Field(description="How long.")
    ref: Key | None = Field(None, description="A name for this step in the log, unique in the campaign.")


class AllOf(Definition):
    """``channels: {all: [email, push]}``: one message on each of them."""

    all: tuple[Channel, ...] = Field(min_length=1)


class Send(Definition):
    """Send a message: the first channel of the list that is allowed, or all of them."""

    send: Key = Field(description="The folder under templates/.")
    ref: Key | None = Field(None, description="A name for this step in the log, unique in the campaign.")
    channels: Annotated[tuple[Channel, ...], Field(min_length=1)] | AllOf = Field(
        description="The first that is allowed, in this order; `{all: […]}` for every one.",
        examples=[["push", "email"], {"all": ["email", "sms"]}],
    )
    expires_after: Duration | None = Field(
        None, description="Counted from when the step is reached; later the message is not sent, and the log says so."
    )
    on_capped: OnCapped | None = Field(
        None, description="What to do when a frequency cap is used up; policies.yaml decides by default."
    )

    @property
    def routes(self) -> tuple[tuple[Channel, ...], ...]:
        """One tuple a message: the channels to try for it, in order."""
        if isinstance(self.channels, AllOf):
            return tuple((channel,) for channel in self.channels.all)
        return (self.channels,)

    @property
    def every_channel(self) -> tuple[Channel, ...]:
        return tuple(channel for route in self.routes for channel in route)


class Exit(Definition):
    """Leave the journey here; the text says why, for the log."""

    exit: Key = Field(description="Why, in one word, for the log.", examples=["done"])
    ref: Key | None = Field(None, description="A name for this step in the log, unique in the campaign.")


Step = Wait | Send | Exit
STEP_TYPES: dict[str, type[Wait] | type[Send] | type[Exit]] = {"wait": Wait, "send": Send, "exit": Exit}
LATER_STEP_TYPES = frozenset({"wait_for", "if", "split", "set", "emit", "webhook"})


def _step(value: Any) -> Any:
    """Choose the step's model by its verb, so that a mistake inside a step is told about that step alone."""
    if not isinstance(value, dict):
        return value
    verbs = [verb for verb in STEP_TYPES if verb in value]
    if len(verbs) == 1:
        return STEP_TYPES[verbs[0]].model_validate(value)
    later = sorted(verb for verb in LATER_STEP_TYPES if verb in value)
    if later:
        raise ValueError(f"this version of dangol does not run `{later[0]}` steps; it runs {', '.join(STEP_TYPES)}")
    found = ", ".join(f"`{name}`" for name in value) or "nothing"
    raise ValueError(f"expected exactly one of {', '.join(STEP_TYPES)} in a step; found {found}")


class Stage(Definition):
    """The part of a campaign that belongs to one stage of the journey map."""

    stage: Key = Field(description="A stage of journey-map.yaml.", examples=["onboarding"])
    steps: tuple[Annotated[Step, BeforeValidator(_step)], ...] = Field(
        min_length=1, description="What happens, one after the other."
    )


class Campaign(Definition):
    """One flow over several channels."""

    key: Key = Field(description="The file's name without `.yaml`.", examples=["win_back"])
    name: str = Field(min_length=1, max_length=200, description="What people call the campaign.")
    owner: str = Field("", max_length=200, description="The team that answers for it.", examples=["crm"])
    purpose: Purpose = Field(
        description="Decides which consent is needed, and whether quiet hours and caps hold the messages back."
    )
    tags: tuple[Key, ...] = Field((), description="For caps and reports.", examples=[["newsletter"]])
    priority: int = Field(50, ge=0, le=100, description="The higher one wins the last slot under a cap.")
    entry: Entry = Field(description="Who gets in, and when.")
    exit: tuple[str, ...] = Field(
        (), description="Events that end the journey, looked at before every step and every send."
    )
    goal: Goal | None = Field(None, description="What the campaign is for; reaching it ends the journey.")
    holdout: Percent = Field(
        0.0, description="The share of people who get nothing, so that the effect can be measured.", examples=["10%"]
    )
    stages: tuple[Stage, ...] = Field(min_length=1, description="The steps, by stage of the customer's journey.")

    def steps(self) -> Iterator[PlacedStep]:
        """Every step with its position and stage, in the order in which they run."""
        for stage_index, stage in enumerate(self.stages):
            for step_index, step in enumerate(stage.steps):
                yield PlacedStep(f"{stage_index}.{step_index}", stage.stage, step)

    @property
    def sends(self) -> tuple[Send, ...]:
        return tuple(placed.step for placed in self.steps() if isinstance(placed.step, Send))


class PlacedStep(BaseModel):
    """A step and where it stands.

    ``position`` is a dotted path into the campaign (``stage.step``, later also into branches); a journey's
    row holds the position of the step it runs next.
    """

    model_config = ConfigDict(frozen=True)

    position: str
    stage: str
    step: Step

    def __init__(self, position: str, stage: str, step: Step) -> None:
        super().__init__(position=position, stage=stage, step=step)

    @property
    def name(self) -> str:
        """What the log calls the step: its ``ref`` if the author gave one, else its position."""
        return self.step.ref or self.position


def again_after(entry: Entry) -> timedelta | None:
    """How long a person must wait before entering again; None if ``again`` is not a duration."""
    return entry.again.after if isinstance(entry.again, After) else None
