"""The steps of a campaign as their author wrote them: frozen, and checked in shape."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails

from dangol.model.durations import EXPECTED as EXPECTED_DURATION
from dangol.model.durations import Duration
from dangol.model.times import EXPECTED, ClockTime, OnWeekday, Target, TimeOfDay, parse_target
from dangol.model.vocabulary import Channel, OnCapped, OnFailed

Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
MAX_POSITION = 64
"""Characters that a step's position may have."""
MAX_NESTING = 4
"""Branches that a step may stand in, one inside the other. Both limits are kept when a workspace is checked."""


class Definition(BaseModel):
    """What every model read from a workspace file has in common: frozen, and strangers are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def by_form(model: type[Definition], otherwise: Callable[[object], Any] = lambda value: value) -> BeforeValidator:
    """Read a mapping as ``model`` and anything else by ``otherwise``.

    A union would tell every mistake once a branch; this tells it about the form that the author chose.
    """
    return BeforeValidator(lambda value: model.model_validate(value) if isinstance(value, dict) else otherwise(value))


def _until(value: object) -> str:
    parse_target(value)
    return str(value).strip()


def _field_path(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"(profile|entry)\.[A-Za-z_][A-Za-z0-9_]*", value):
        raise ValueError("expected a field such as `profile.name` or `entry.order_id`")
    return value


FieldPath = Annotated[
    str,
    BeforeValidator(_field_path),
    WithJsonSchema({"type": "string", "pattern": r"^(profile|entry)\.\w+$", "examples": ["entry.order_id"]}),
]


class From(Definition):
    """``{from: entry.order_id}``: the value that a field has when the step is reached; left out if it has none."""

    from_: FieldPath = Field(alias="from", description="A field of `profile` or `entry`.", examples=["entry.order_id"])


def _literal(value: object) -> object:
    if isinstance(value, str | bool | int | float):
        return value
    raise ValueError("expected text, a number, `true` or `false`")


def _listed(value: object) -> object:
    if isinstance(value, str | bool | int | float | list | tuple):
        return value
    raise ValueError("expected text, a number, `true`, `false`, a list of these or `{from: …}`")


Literal_ = Annotated[str | bool | int | float, BeforeValidator(_literal)]
Given = Annotated[Literal_ | tuple[Literal_, ...] | From, by_form(From, _listed)]
"""A value written down, a list of them, or one taken from a field."""


class Until(Definition):
    """Wait for a moment on the person's own clock."""

    until: Annotated[
        str,
        BeforeValidator(_until),
        WithJsonSchema(
            {
                "type": "string",
                "examples": [
                    "09:00",
                    "monday 10:00",
                    "2026-12-24",
                    "3 days before profile.birthday",
                    "entry.starts_at",
                ],
            }
        ),
    ] = Field(description=f"What to wait for: {EXPECTED}.")
    at: ClockTime | None = Field(
        None,
        description="The time of that day, in the person's zone: 09:00 unless given. A field that tells an instant is "
        "waited for to the second unless this is given.",
    )
    yearly: bool = Field(False, description="Each year's return of the day, as for a birthday.")
    if_past: Literal["exit", "continue"] = Field(
        "exit", description="What to do when the moment has gone by already: end the journey, or go on at once."
    )

    @cached_property
    def target(self) -> Target:
        return parse_target(self.until)

    @model_validator(mode="after")
    def _one_meaning(self) -> Until:
        match self.target:
            case TimeOfDay() | OnWeekday() if self.yearly:
                raise ValueError("`yearly` belongs to a day such as `2026-12-24` or `profile.birthday`")
            case TimeOfDay() if self.at is not None:
                raise ValueError("`until` tells the time already; leave `at` out")
            case OnWeekday(at=at) if at is not None and self.at is not None:
                raise ValueError("`until` tells the time already; leave `at` out")
        return self


def _not_until(value: object) -> object:
    """A bare ``wait: 09:00`` or ``wait: monday`` lacks its ``until``; what is no duration either is left to it."""
    try:
        parse_target(value)
    except ValueError:
        if isinstance(value, str):
            return value
        raise ValueError(f"expected {EXPECTED_DURATION}, or `{{until: …}}` with a moment") from None
    raise ValueError(f"expected {EXPECTED_DURATION}; found the moment `{value}`: write `wait: {{until: {value}}}`")


class Wait(Definition):
    """Let time pass: for a duration, or until a moment."""

    wait: Annotated[Duration | Until, by_form(Until, _not_until)] = Field(
        description="How long, or until when.",
        examples=["2 hours", {"until": "09:00"}, {"until": "3 days before profile.birthday", "yearly": True}],
    )
    ref: Key | None = Field(None, description="A name for this step in the log, unique in the campaign.")


class Awaited(Definition):
    """What a ``wait_for`` listens to."""

    event: str = Field(description="The event of tracking-plan.yaml that ends the wait.", examples=["Order Completed"])
    where: str | None = Field(
        None,
        description="Expression over `event`, `entry` and `profile`: which of these events counts.",
        examples=["event.cart_id == entry.cart_id"],
    )
    within: Duration = Field(description="How long to wait; after that the `else` steps run.")
    since: Literal["step", "entry"] = Field(
        "step", description="Which events count: from when this step is reached, or from the entry into the journey."
    )


class WaitFor(Definition):
    """Wait until something happens, or for so long."""

    wait_for: Awaited = Field(description="What to wait for, and for how long.")
    then: Steps = Field((), description="What to do when it happened.")
    otherwise: Steps = Field((), alias="else", description="What to do when it did not happen in time.")
    ref: Key | None = Field(None, description="A name for this step in the log, unique in the campaign.")


class If(Definition):
    """One way or the other."""

    condition: str = Field(
        alias="if",
        description="Expression over `profile` and `entry`, asked when the step is reached.",
        examples=['count("Order Completed") >= 3'],
    )
    then: Steps = Field((), description="What to do if it is true.")
    otherwise: Steps = Field((), alias="else", description="What to do if it is not.")
    ref: Key | None = Field(None, description="A name for this step in the log, unique in the campaign.")


Weight = Annotated[int, Field(ge=1, le=100, strict=True)]


class Split(Definition):
    """Divide people by chance, once and for all: who had an arm keeps it, however often they come by.

    ``split`` names the experiment and gives each arm's share; each arm's steps stand beside it, under its name.
    """

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)
    __pydantic_extra__: dict[str, Steps]

    split: dict[Key, dict[Key, Weight]] = Field(
        description="The experiment's name, and the percentage of people in each arm.",
        examples=[{"copy": {"plain": 50, "story": 50}}],
    )
    ref: Key | None = Field(None, description="A name for this step in the log, unique in the campaign.")

    @field_validator("split", mode="before")
    @classmethod
    def _one_experiment(cls, split: object) -> object:
        if isinstance(split, dict) and (len(split) != 1 or not all(isinstance(arms, dict) for arms in split.values())):
            raise ValueError("a `split` has one name, with its arms below: `split: {copy: {plain: 50, story: 50}}`")
        return split

    @field_validator("split")
    @classmethod
    def _whole(cls, split: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
        (weights,) = split.values()
        if taken := [arm for arm in weights if arm in step_keys()]:
            raise ValueError(f"an arm cannot be called `{taken[0]}`, which is a key of steps; choose another word")
        if len(weights) < 2:
            raise ValueError("a `split` has at least two arms")
        if (total := sum(weights.values())) != 100:
            raise ValueError(f"the weights of a `split` add up to 100; found {total}")
        return split

    @model_validator(mode="wrap")
    @classmethod
    def _an_arm_for_every_weight(cls, value: Any, handler: ModelWrapValidatorHandler[Split]) -> Split:
        """Told together with what is wrong inside the arms; a stranger's steps are not looked at."""
        arms = arms_of(value)
        if arms is None:
            return handler(value)
        mistakes = [InitErrorDetails(type="missing", loc=(arm,), input=value) for arm in arms if arm not in value]
        known = {**cls.model_fields, **arms}
        mistakes += [
            InitErrorDetails(type="extra_forbidden", loc=(key,), input=value[key]) for key in value if key not in known
        ]
        try:
            split = handler({key: below for key, below in value.items() if key in known})
        except ValidationError as error:
            mistakes += [_again(detail) for detail in error.errors(include_url=False)]
        if mistakes:
            raise ValidationError.from_exception_data(cls.__name__, mistakes)
        return split

    @property
    def experiment(self) -> str:
        return next(iter(self.split))

    @property
    def weights(self) -> dict[str, int]:
        """Arm → percentage, in the author's order."""
        return next(iter(self.split.values()), {})

    def arm(self, name: str) -> tuple[Step, ...]:
        return (self.__pydantic_extra__ or {})[name]


def arms_of(step: object) -> dict[str, Any] | None:
    """Arm → weight of a `split` as it was written, right or wrong; None if it is no split or has not one name."""
    split = step.get("split") if isinstance(step, dict) else None
    if not isinstance(split, dict) or len(split) != 1:
        return None
    (arms,) = split.values()
    return arms if isinstance(arms, dict) and all(isinstance(arm, str) for arm in arms) else None


def _again(detail: Any) -> InitErrorDetails:
    """One error of pydantic's, to be raised once more."""
    return InitErrorDetails(type=detail["type"], loc=detail["loc"], input=detail["input"], ctx=detail.get("ctx", {}))


class AllOf(Definition):
    """``channels: {all: [email, push]}``: one message on each of them."""

    all: tuple[Channel, ...] = Field(min_length=1, description="The channels.", examples=[["email", "sms"]])


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
    on_failed: OnFailed = Field(
        OnFailed.FAIL,
        description="What to do when the carrier refuses the address for good, such as a device that is gone: `fail`, "
        "or go on by the `next_channel` of the list.",
    )
    digest: Key | None = Field(
        None,
        description="A digest of policies.yaml: the email waits for it and goes out together with others.",
        examples=["weekly"],
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


class Add(Definition):
    """``{add: [regular]}``: put these into a list attribute, each once."""

    add: tuple[Literal_, ...] = Field(min_length=1, description="What to put into the list.", examples=[["regular"]])


class Remove(Definition):
    """``{remove: [newcomer]}``: take these out of a list attribute."""

    remove: tuple[Literal_, ...] = Field(min_length=1, description="What to take out.", examples=[["newcomer"]])


def _change(value: object) -> object:
    """What an attribute is to become, read by the form that the author chose."""
    if not isinstance(value, dict):
        return None if value is None else _listed(value)
    for key, model in (("add", Add), ("remove", Remove), ("from", From)):
        if key in value:
            return model.model_validate(value)
    raise ValueError("expected a value, or a mapping with `from`, `add` or `remove`")


Change = Annotated[Literal_ | tuple[Literal_, ...] | From | Add | Remove | None, BeforeValidator(_change)]


class Set(Definition):
    """Note something about the person: an attribute of tracking-plan.yaml gets a value, nothing removes it."""

    set: dict[str, Change] = Field(
        min_length=1,
        description="Attribute → value; `{add: […]}` and `{remove: […]}` for lists, such as tags.",
        examples=[{"vip": True, "tags": {"add": ["regular"]}}],
    )
    ref: Key | None = Field(None, description="A name for this step in the log, unique in the campaign.")


class Emit(Definition):
    """Report an event about the person, as a back end would; other campaigns may begin, go on or end by it."""

    emit: str = Field(description="An event of tracking-plan.yaml.", examples=["Regular Recognised"])
    properties: dict[str, Given] = Field(default_factory=dict, description="The event's properties.")
    ref: Key | None = Field(None, description="A name for this step in the log, unique in the campaign.")


MAX_ADDRESS = 2000


def _address(text: str) -> str:
    expected = "expected an address such as `https://crm.example/hook`"
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"https", "http"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or len(text) > MAX_ADDRESS or not text.isprintable() or " " in text:
        raise ValueError(expected)
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"{expected}; found a user or password in it, which would stand in the log")
    if parts.fragment:
        raise ValueError(f"{expected} without a `#` part, which is never sent")
    return text


class Webhook(Definition):
    """Tell another system; the journey goes on without waiting for its answer."""

    webhook: Annotated[
        str,
        AfterValidator(_address),
        WithJsonSchema({"type": "string", "pattern": r"^https?://[^\s]+$", "maxLength": MAX_ADDRESS}),
    ] = Field(
        description="Where to POST.",
        examples=["https://crm.example/hook"],
    )
    payload: dict[str, Given] = Field(
        default_factory=dict, description="What to tell, beside which step of which journey."
    )
    expires_after: Duration | None = Field(
        None, description="Counted from when the step is reached; later the call is not made, and the log says so."
    )
    ref: Key | None = Field(None, description="A name for this step in the log, unique in the campaign.")


class Exit(Definition):
    """Leave the journey here; the text says why, for the log."""

    exit: Key = Field(description="Why, in one word, for the log.", examples=["done"])
    ref: Key | None = Field(None, description="A name for this step in the log, unique in the campaign.")


Step = Wait | WaitFor | If | Split | Send | Set | Emit | Webhook | Exit
STEP_TYPES: dict[str, type[Definition]] = {
    "wait": Wait,
    "wait_for": WaitFor,
    "if": If,
    "split": Split,
    "send": Send,
    "set": Set,
    "emit": Emit,
    "webhook": Webhook,
    "exit": Exit,
}


def step_keys() -> frozenset[str]:
    """Every key that some step has; no arm can be called so."""
    return frozenset(field.alias or name for model in STEP_TYPES.values() for name, field in model.model_fields.items())


def verbs_of(step: Mapping[str, Any]) -> list[str]:
    """The verbs that a step as written has; one if it is right. An arm that is called like a verb is none."""
    arms = arms_of(step) or {}
    return [verb for verb in STEP_TYPES if verb in step and verb not in arms]


def _step(value: Any) -> Any:
    """Choose the step's model by its verb, so that a mistake inside a step is told about that step alone."""
    if not isinstance(value, dict):
        return value
    verbs = verbs_of(value)
    if len(verbs) == 1:
        return STEP_TYPES[verbs[0]].model_validate(value)
    found = ", ".join(f"`{name}`" for name in value) or "nothing"
    raise ValueError(f"expected exactly one of {', '.join(STEP_TYPES)} in a step; found {found}")


Steps = tuple[Annotated[Step, BeforeValidator(_step)], ...]
for _model in (WaitFor, If, Split):
    _model.model_rebuild()


class PlacedStep(BaseModel):
    """A step and where it stands.

    ``position`` is a dotted path into the campaign: stage and step, then for each branch its name and the step in
    it (``0.2``, ``0.2.then.1``). ``following`` is where the journey goes on after the step and its branches; END
    after the last.
    """

    model_config = ConfigDict(frozen=True)

    position: str
    stage: str
    step: Step
    following: str

    @property
    def name(self) -> str:
        """What the log calls the step: its ``ref`` if the author gave one, else its position."""
        return self.step.ref or self.position

    @property
    def branches(self) -> dict[str, tuple[Step, ...]]:
        """Branch → its steps, in the author's order; empty for steps without branches."""
        return branches(self.step)

    def into(self, branch: str) -> str:
        """Where a journey goes on that takes this branch."""
        return f"{self.position}.{branch}.0" if self.branches[branch] else self.following


START = ""
"""The position of a journey that has not run a step."""
END = "end"
"""The position after the last step: a journey may wait there before it completes."""


def branches(step: Step) -> dict[str, tuple[Step, ...]]:
    match step:
        case WaitFor(then=then, otherwise=otherwise) | If(then=then, otherwise=otherwise):
            return {"then": then, "else": otherwise}
        case Split():
            return {arm: step.arm(arm) for arm in step.weights}
        case _:
            return {}


def placed(steps: tuple[Step, ...], stage: str, prefix: str, after: str) -> Iterator[PlacedStep]:
    """These steps and all in their branches, each before what it contains; ``after`` is what follows the last."""
    for index, step in enumerate(steps):
        following = f"{prefix}.{index + 1}" if index + 1 < len(steps) else after
        here = PlacedStep(position=f"{prefix}.{index}", stage=stage, step=step, following=following)
        yield here
        for branch, inner in here.branches.items():
            yield from placed(inner, stage, f"{here.position}.{branch}", following)
