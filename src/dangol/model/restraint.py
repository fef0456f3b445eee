"""What a workspace says about holding back: topics, complaint holds, digests, new senders: parts of policies.yaml."""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from dangol.model.durations import Duration
from dangol.model.jurisdiction import Weekday
from dangol.model.steps import Definition, Key
from dangol.model.times import WEEKDAYS, ClockTime, Day
from dangol.model.vocabulary import NIGHT, Channel, Purpose

LANGUAGES = ("ko", "en")
"""Languages in which recipients read a topic's name."""


def _in_both(texts: dict[str, str]) -> dict[str, str]:
    missing = [language for language in LANGUAGES if not texts.get(language, "").strip()]
    if texts and missing:
        raise ValueError(f"expected a text in {' and '.join(LANGUAGES)}; `{missing[0]}` is missing")
    return texts


def _named(texts: dict[str, str]) -> dict[str, str]:
    if not texts:
        raise ValueError(f"expected a name in {' and '.join(LANGUAGES)}; found none")
    return _in_both(texts)


Texts = Annotated[dict[str, Annotated[str, Field(max_length=300)]], AfterValidator(_in_both)]
"""Language → text; empty, or Korean and English at least."""


class Topic(Definition):
    """Something that people choose to hear about or not, such as new arrivals."""

    name: Annotated[dict[str, Annotated[str, Field(max_length=100)]], AfterValidator(_named)] = Field(
        description="What recipients read, by language.", examples=[{"ko": "새로 들어온 음반", "en": "New records"}]
    )
    about: Texts = Field(default_factory=dict, description="What this topic brings, and how often, by language.")


def no_reserved_topic(topics: dict[str, Topic]) -> dict[str, Topic]:
    """Raises ValueError where a topic takes the name that consents for the night are recorded under."""
    if NIGHT in topics:
        raise ValueError(f"`{NIGHT}` stands for consents to be written to at night; choose another key")
    return topics


class During(StrEnum):
    """What happens to messages while a case is open."""

    DEFER = "defer"
    DROP = "drop"


class Hold(Definition):
    """While a complaint is open, its person hears nothing of some purposes."""

    key: Key = Field(description="What the log calls this hold.", examples=["complaint"])
    opens: str = Field(description="An event of tracking-plan.yaml that opens a case.", examples=["Complaint Raised"])
    closes: tuple[str, ...] = Field(
        min_length=1, description="Events that close it.", examples=[["Complaint Resolved"]]
    )
    case: Key | None = Field(
        None,
        description="The property that tells one case from another, which all these events have; without it a closing "
        "event closes every case.",
        examples=["case_id"],
    )
    purposes: tuple[Purpose, ...] = Field((Purpose.MARKETING,), min_length=1, description="Purposes that are held.")
    during: During = Field(
        During.DEFER, description="`defer`: messages wait until the case is closed; `drop`: they are not sent."
    )
    at_most: Duration = Field(
        timedelta(days=30), description="A case that nobody closes counts as closed after this time."
    )
    resume_after: Duration | None = Field(
        None, description="How long after a case was closed the person is still left alone.", examples=["1 day"]
    )

    @property
    def events(self) -> frozenset[str]:
        return frozenset({self.opens, *self.closes})

    @property
    def reach(self) -> timedelta:
        """How far back events can still hold a message."""
        return self.at_most + (self.resume_after or timedelta())

    @model_validator(mode="after")
    def _opens_or_closes(self) -> Hold:
        if self.opens in self.closes:
            raise ValueError(f"`{self.opens}` cannot both open and close a case")
        return self


def _has_a_sender(channel: Channel) -> Channel:
    if channel is Channel.PUSH:
        raise ValueError("expected `email` or `sms`; a push message has no sender that becomes known")
    return channel


class WarmUp(Definition):
    """How many messages go out a day from a new sender, until those who receive mail or texts know it."""

    channel: Annotated[Channel, AfterValidator(_has_a_sender)] = Field(
        description="`email` or `sms`.", examples=["email"]
    )
    sender: Annotated[str, Field(min_length=1, max_length=254)] | None = Field(
        None,
        description="The address or number that is new, as in voice.yaml; all of the channel unless given.",
        examples=["news@brand.example"],
    )
    starts: Day = Field(description="The first day, in the workspace's zone; before it nothing is held back.")
    per_day: tuple[Annotated[int, Field(ge=1, le=1_000_000_000)], ...] = Field(
        min_length=1,
        max_length=366,
        description="How many messages go out on the first day, on the second, and so on; after the last any number.",
        examples=[[500, 1000, 2000, 5000]],
    )

    @property
    def known_sender(self) -> str:
        """The sender as it is counted; "" for all of the channel."""
        return (self.sender or "").casefold()

    def counts(self, channel: Channel, sender: str) -> bool:
        """Is a message from ``sender`` one that this plan counts?"""
        return channel is self.channel and self.known_sender in {"", sender.casefold()}

    def limit(self, day: date) -> int | None:
        """How many messages may go out on this day; None for any number."""
        number = (day - self.starts).days
        return self.per_day[number] if 0 <= number < len(self.per_day) else None


class DigestPlan(Definition):
    """When messages that can wait go out together, in one email, and what its text is."""

    template: Key = Field(
        description="The folder under templates/ whose email lists the messages.", examples=["digest"]
    )
    at: ClockTime = Field(description="The time on the recipient's clock.", examples=["10:00"])
    days: tuple[Weekday, ...] = Field(
        WEEKDAYS,
        min_length=1,
        description="The days on which it goes out; every day by default.",
        examples=[["saturday"]],
    )
    most: int = Field(8, ge=2, le=20, description="How many messages one email holds at most.")

    @property
    def weekdays(self) -> frozenset[int]:
        """The days as ``date.weekday()`` has them: 0 is Monday."""
        return frozenset(WEEKDAYS.index(day) for day in self.days)
