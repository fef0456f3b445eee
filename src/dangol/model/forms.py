"""Forms by which people agree to something: campaigns/consent-forms.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from dangol.model.steps import Definition, Key
from dangol.model.vocabulary import Channel, Purpose

LocaleName = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")]
Site = Annotated[str, Field(pattern=r"^https://[A-Za-z0-9.-]+(:\d{1,5})?$")]


class FormWording(Definition):
    """What somebody reads before they agree, in one language. It is kept word for word with each consent."""

    title: str = Field(min_length=1, max_length=100, description="The form's heading.", examples=["Our newsletter"])
    text: str = Field(
        min_length=1,
        max_length=4_000,
        description="What they agree to: to advertising, from whom, about what.",
        examples=["Dangol Records may send me advertising about new records by email."],
    )
    retention: str = Field(
        "",
        max_length=1_000,
        description="What is kept for how long, and that nobody has to agree.",
        examples=["We keep your address until you unsubscribe. You can shop without it."],
    )
    night: str = Field(
        "",
        max_length=500,
        description="Beside a box of its own: agreeing to messages at night too. Empty: not asked.",
        examples=["Also between 9 in the evening and 8 in the morning."],
    )

    def said(self, *, night: bool = False) -> str:
        """All that is agreed to, as the ledger keeps it; with ``night``, to messages at night too."""
        return "\n\n".join(part for part in (self.text, self.retention, self.night if night else "") if part)


class ConsentForm(Definition):
    """One form. Anybody can fill it in, so whoever does is sent a link, and agreed only once they confirmed."""

    channels: tuple[Literal[Channel.EMAIL, Channel.SMS], ...] = Field(
        min_length=1, description="By which ways people agree to be written to.", examples=[["email"]]
    )
    purpose: Purpose = Field(Purpose.MARKETING, description="What they agree to: `marketing` or `service`.")
    topics: tuple[Key, ...] = Field(
        (), description="Topics of policies.yaml to choose from; none: all of the purpose.", examples=[["new_records"]]
    )
    jurisdiction: Annotated[str, Field(pattern=r"^([A-Z]{2})?$")] = Field(
        "", description="Whose law the wording was written for; kept with each consent.", examples=["KR"]
    )
    frames: tuple[Site, ...] = Field(
        (), description="Sites that may show the form in a frame.", examples=[["https://shop.example"]]
    )
    wording: dict[LocaleName, FormWording] = Field(min_length=1, description="What people read, by language.")

    @model_validator(mode="after")
    def _makes_sense(self) -> ConsentForm:
        if self.purpose is Purpose.TRANSACTIONAL:
            raise ValueError("transactional messages need no consent; expected `marketing` or `service`")
        if len({bool(one.night) for one in self.wording.values()}) > 1:
            raise ValueError("`night` is asked in every language or in none")
        return self

    def worded(self, language: str) -> tuple[str, FormWording]:
        """The locale and wording nearest to this language: its own, else the first."""
        for locale, wording in self.wording.items():
            if locale.partition("-")[0] == language:
                return locale, wording
        return next(iter(self.wording.items()))


class ConsentForms(Definition):
    """campaigns/consent-forms.yaml, optional."""

    forms: dict[Key, ConsentForm] = Field(default_factory=dict, description="The forms, by key.")
