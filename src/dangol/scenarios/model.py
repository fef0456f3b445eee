"""A scenario file as its author wrote it: frozen, and checked in shape.

Whether the campaign, the event, the message and the reason exist is asked in ``checks``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from dangol.model.durations import Duration
from dangol.model.steps import Definition, Key
from dangol.model.times import ClockTime
from dangol.model.vocabulary import Channel, Purpose
from dangol.scenarios.moments import End, Length, Moment

Consents = dict[Purpose, tuple[Channel, ...]]
ALL = "all"


class Traits(Definition):
    """What is known about a customer. What is not written is the workspace's or made up; ``null`` is nothing."""

    email: str | None = Field(None, description="`<customer>@example.com` unless given; `null`: none is known.")
    phone: str | None = Field(None, description="Made up unless given; `null`: none is known.")
    device: bool | None = Field(None, description="Has the app, and so can get push messages: yes unless `false`.")
    locale: str | None = Field(None, description="The workspace's unless given; `null`: not known.", examples=["ko"])
    timezone: str | None = Field(
        None, description="The workspace's unless given; `null`: not known.", examples=["Asia/Seoul"]
    )
    country: str | None = Field(None, description="Two letters; not known unless given.", examples=["KR"])
    attributes: dict[str, Any] = Field(
        default_factory=dict, description="Attributes of tracking-plan.yaml.", examples=[{"name": "김지민"}]
    )


class Customer(Traits):
    """Somebody to whom scenarios happen."""

    consents: Consents = Field(
        default_factory=dict,
        description="Purpose → the channels on which the customer agreed to it, before anything happened; none "
        "unless given.",
        examples=[{"marketing": ["email", "sms", "push"]}],
    )


class Variant(Customer):
    """The customer of one scenario: one of the file's with changes, or somebody new."""

    like: Key | None = Field(None, description="A customer of this file, of whom all that is not given here is true.")


class PastEvent(Definition):
    """An event from before the scenario. It counts in conditions and begins no journey."""

    event: str = Field(description="An event of tracking-plan.yaml.", examples=["Order Completed"])
    properties: dict[str, Any] = Field(default_factory=dict, description="The event's properties.")
    before: Length | None = Field(None, description="How long before the scenario begins.", examples=["40 days"])
    at: Moment | None = Field(None, description="When it happened.")

    @model_validator(mode="after")
    def _one_time(self) -> PastEvent:
        if (self.before is None) == (self.at is None):
            raise ValueError("an event of the past has one of `before` and `at`")
        return self


class Timed(Definition):
    """At what time: ``at`` a moment, or some time ``after`` the scenario's beginning."""

    at: Moment | None = Field(None, description="The moment.")
    after: Length | None = Field(None, description="How long after the scenario's beginning.", examples=["2 hours"])

    @model_validator(mode="after")
    def _one_time(self) -> Timed:
        if self.at is not None and self.after is not None:
            raise ValueError("found both `at` and `after`; write one of them")
        return self


class EventHappens(Timed):
    """The customer does something, or something happens to them."""

    event: str = Field(description="An event of tracking-plan.yaml.", examples=["Checkout Started"])
    properties: dict[str, Any] = Field(default_factory=dict, description="The event's properties.")
    late: Length | None = Field(None, description="How long after it happened dangol hears of it.")


class ProfileHappens(Timed):
    """The shop reports something new about the customer."""

    profile: Traits = Field(description="What is new. An attribute that is `null` is removed.")


class ConsentChange(Definition):
    """What the customer agrees to, and what they take back."""

    given: Consents = Field(default_factory=dict, examples=[{"marketing": ["sms"]}])
    withdrawn: Consents = Field(default_factory=dict, examples=[{"marketing": ["email"]}])

    @model_validator(mode="after")
    def _some(self) -> ConsentChange:
        if not self.given and not self.withdrawn:
            raise ValueError("expected `given`, `withdrawn` or both; found neither")
        return self


class ConsentHappens(Timed):
    """The customer gives or withdraws consents."""

    consents: ConsentChange


class BounceHappens(Timed):
    """The customer's address on a channel turns out to be dead, and is not written to any more."""

    bounced: Channel = Field(description="The channel whose address bounced.")


class RefusalHappens(Timed):
    """From then on the carrier refuses what the customer is sent on a channel, for good."""

    refuses: Channel = Field(description="The channel on which messages are refused.")
    because: Literal["address", "content"] = Field(
        "address",
        description="`address`: the device is gone, or nobody has the address or number; `content`: the text.",
    )


class StartHappens(Timed):
    """A back end asks for a journey, for campaigns with ``entry: {api: …}``."""

    start: Key = Field(description="The campaign.", examples=["gift_note"])
    properties: dict[str, Any] = Field(default_factory=dict, description="The properties of the call.")


Happening = EventHappens | ProfileHappens | ConsentHappens | BounceHappens | RefusalHappens | StartHappens


class ExpectedMessage(Timed):
    """A message that is sent."""

    message: Key = Field(description="The folder under templates/.", examples=["win_back"])
    campaign: Key | None = Field(None, description="The campaign that sends it.")
    step: str | None = Field(None, description="The `ref` of the step that sends it, or its position.")
    channel: Channel | None = Field(None, description="The channel on which it goes.")
    locale: str | None = Field(None, description="The language of its text.", examples=["ko"])
    subject: str | None = Field(None, description="A part of the email's subject or the push message's title.")
    contains: tuple[str, ...] = Field((), description="Texts that subject, text or link hold.", examples=[["김지민"]])
    not_contains: tuple[str, ...] = Field((), description="Texts that neither subject nor text nor link holds.")
    segments: int | None = Field(None, ge=1, description="How many SMS parts are billed.")


class Named(Timed):
    """Which message or entry something is about, as far as that is told."""

    message: Key | None = Field(None, description="The message; left out, any message or entry.")
    campaign: Key | None = Field(None, description="The campaign.")
    step: str | None = Field(None, description="The `ref` of the step, or its position.")
    channel: Channel | None = Field(None, description="The channel.")


class ExpectedRefusal(Named):
    """A message, a channel of it, or an entry into the campaign that is refused."""

    refused: str = Field(description="The reason code.", examples=["consent_withdrawn"])


class ExpectedDeferral(Named):
    """A message that has to wait."""

    deferred: str = Field(description="The reason code.", examples=["quiet_hours"])


class ExpectedProfile(Definition):
    """What is known of the customer when the scenario is over."""

    profile: dict[str, Any] = Field(
        min_length=1, description="Attribute → value; `null`: it is not there.", examples=[{"vip": True}]
    )


class ExpectedEvent(Timed):
    """An event that an ``emit`` step reports."""

    emitted: str = Field(description="An event of tracking-plan.yaml.", examples=["Regular Recognised"])
    properties: dict[str, Any] = Field(default_factory=dict, description="Properties that it has, among others.")


class ExpectedCall(Timed):
    """A call that a ``webhook`` step makes; nothing leaves this machine."""

    webhook: str = Field(description="The address.", examples=["https://crm.example/hook"])
    payload: dict[str, Any] = Field(default_factory=dict, description="What it tells, among other things.")


Expectation = ExpectedMessage | ExpectedRefusal | ExpectedDeferral | ExpectedProfile | ExpectedEvent | ExpectedCall

HAPPENINGS: dict[str, type[Definition]] = {
    "event": EventHappens,
    "profile": ProfileHappens,
    "consents": ConsentHappens,
    "bounced": BounceHappens,
    "refuses": RefusalHappens,
    "start": StartHappens,
}
EXPECTATIONS: dict[str, type[Definition]] = {
    # `message` comes last: it may also stand beside the others, to say what they are about.
    "refused": ExpectedRefusal,
    "deferred": ExpectedDeferral,
    "profile": ExpectedProfile,
    "emitted": ExpectedEvent,
    "webhook": ExpectedCall,
    "message": ExpectedMessage,
}


def _happening(value: Any) -> Any:
    """Choose the model by its verb, so that a mistake is told about that verb alone."""
    if not isinstance(value, dict):
        return value
    verbs = [verb for verb in HAPPENINGS if verb in value]
    if len(verbs) == 1:
        return HAPPENINGS[verbs[0]].model_validate(value)
    raise ValueError(f"expected exactly one of {', '.join(HAPPENINGS)}; found {_found(value)}")


def _expectation(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    verb = next((verb for verb in EXPECTATIONS if verb in value), None)
    if verb is not None:
        return EXPECTATIONS[verb].model_validate(value)
    raise ValueError(f"expected one of {', '.join(EXPECTATIONS)}; found {_found(value)}")


def _found(value: dict[str, Any]) -> str:
    return ", ".join(f"`{name}`" for name in value) or "nothing"


Beside = Literal["all"] | tuple[Key, ...]
Ends = str | tuple[str, ...]


class Scenario(Definition):
    """Given a customer, when these things happen, then these messages and no others."""

    name: str = Field(min_length=1, max_length=200, description="What is shown, in one sentence.")
    at: Moment = Field(description="When it begins, on the customer's clock.", examples=["2026-03-02 10:00"])
    until: End = Field(timedelta(days=30), description="How long it runs, or until when; 30 days unless given.")
    customer: Key | Variant | None = Field(
        None, description="A customer of this file, or one described here. May be left out if the file has one."
    )
    timezone: str | None = Field(
        None, description="The clock that is meant, if not the customer's.", examples=["Asia/Seoul"]
    )
    beside: Beside | None = Field(
        None, description="Other campaigns in service; none unless given. `all`: all of them."
    )
    holdout: bool = Field(False, description="Is the customer in the campaign's hold-out?")
    arms: dict[Key, Key] = Field(
        default_factory=dict,
        description="Experiment → the arm that the customer draws; a `split`'s first arm unless given.",
        examples=[{"copy": "story"}],
    )
    history: tuple[PastEvent, ...] = Field((), description="What happened before.")
    happens: tuple[Annotated[Happening, BeforeValidator(_happening)], ...] = Field(
        (), description="What happens, each at the beginning unless `at` or `after` is given."
    )
    expect: tuple[Annotated[Expectation, BeforeValidator(_expectation)], ...] = Field(
        description="Every message that is sent, in order; and, where it matters, what is not. `[]`: no message."
    )
    ends: Ends | dict[Key, Ends] | None = Field(
        None,
        description="How the journey ended: a reason, the word of an `exit` step, `waiting` or `not_entered`. A list "
        "if there were several, a mapping if it is about other campaigns too.",
        examples=["goal_reached", ["exit_event", "waiting"]],
    )


class Never(Definition):
    """Messages that no customer may ever get. A message is meant if all that is said of it is true."""

    message: Key | None = Field(None, description="The folder under templates/.")
    campaign: Key | None = Field(None, description="The campaign that sends it.")
    channel: Channel | None = Field(None, description="The channel on which it goes.")
    contains: str | None = Field(None, min_length=1, description="A text in subject, text or link.")
    after: str | None = Field(
        None, description="It is sent after this event of the scenario.", examples=["Order Completed"]
    )
    where: str | None = Field(
        None,
        description="Which of these events count: an expression over `event` and `entry`.",
        examples=["event.cart_id == entry.cart_id"],
    )
    between: tuple[ClockTime, ClockTime] | None = Field(
        None, description="It is sent between these times of the customer's day.", examples=[["21:00", "08:00"]]
    )
    more_than: int | None = Field(None, ge=1, description="So many are allowed; none unless given.")
    within: Duration | None = Field(None, description="… in so long a time; in a whole scenario unless given.")

    @model_validator(mode="after")
    def _says_something(self) -> Never:
        if self.within is not None and self.more_than is None:
            raise ValueError("`within` needs `more_than`: how many messages in that time are too many?")
        if self.where is not None and self.after is None:
            raise ValueError("`where` needs `after`: which event is it about?")
        if not self.model_fields_set:
            raise ValueError("an empty rule would forbid every message")
        return self


class ScenarioFile(Definition):
    """campaigns/tests/<campaign>.yaml."""

    campaign: Key | None = Field(None, description="The campaign under test; the file's name unless given.")
    beside: Beside = Field((), description="Other campaigns in service in every scenario; `all` for all of them.")
    customers: dict[Key, Customer] = Field(default_factory=dict, description="Customers by name.")
    scenarios: tuple[Scenario, ...] = Field(min_length=1, description="What is tried.")
    never: tuple[Never, ...] = Field((), description="What must not happen in any scenario of this file.")
