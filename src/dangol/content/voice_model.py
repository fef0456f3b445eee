"""The shape of templates/brand/voice.yaml. What is new in it is optional: versions that are deployed stay readable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, model_validator

from dangol.content.voice_types import (
    AtMost,
    Characters,
    Line,
    LocaleName,
    Mailbox,
    Name,
    Reason,
    RuleId,
    Scheme,
    Sender,
    Severity,
    Share,
    Website,
    Word,
)
from dangol.model.steps import Definition, Key
from dangol.model.vocabulary import Channel, Purpose


class Brand(Definition):
    """Who writes. Names, addresses, promise and values are per locale."""

    name: dict[LocaleName, Name] = Field(
        description="What the brand is called.", examples=[{"ko": "단골레코드", "en": "Dangol Records"}]
    )
    address: dict[LocaleName, Line] = Field(
        description="The postal address.", examples=[{"en": "2F, 000 Wausan-ro, Mapo-gu, Seoul"}]
    )
    phone: Line = Field(description="The number that customers call.", examples=["02-000-0000"])
    email: Mailbox = Field(
        description="The sender and contact address.",
        examples=["hello@dangol.example"],
    )
    unsubscribe: Mailbox = Field(
        description="Where a mail asking to be left alone goes.",
        examples=["leave@dangol.example"],
    )
    website: Website = Field(description="The brand's own site.", examples=["https://dangol.example"])
    sms_sender: Sender = Field(
        description="A number or name the SMS provider knows.",
        examples=["020000000"],
    )
    promise: dict[LocaleName, Reason] = Field(
        default_factory=dict,
        description="What customers can rely on, in a sentence.",
        examples=[{"en": "We play every record before we sell it, and name its faults first."}],
    )
    values: dict[LocaleName, Reason] = Field(
        default_factory=dict,
        description="What the brand holds to, in a sentence.",
        examples=[{"en": "Honest before clever, unhurried, and glad to be asked."}],
    )
    app_schemes: tuple[Scheme, ...] = Field(
        (),
        description="Schemes that links may have besides https, http, mailto and tel: those of the brand's own apps.",
        examples=[["dangolrecords"]],
    )


class Salutation(Definition):
    """``named`` is used when every value it mentions is there, ``nameless`` otherwise."""

    named: Line = Field(
        description="With the name, or whatever else of the profile it mentions.",
        examples=["Hello {{ profile.given_name }},"],
    )
    nameless: Line = Field(description="Without.", examples=["Hello,"])


class StageWording(Definition):
    """What is said otherwise in one stage of the journey; channels that are not named stay as they are."""

    salutation: dict[Channel, Salutation] = Field(
        default_factory=dict,
        description="Per channel, in place of the locale's own salutation.",
        examples=[{"email": {"named": "Dear {{ profile.given_name }},", "nameless": "Dear friend of the shop,"}}],
    )
    sign_off: dict[Channel, Line] = Field(
        default_factory=dict,
        description="Per channel, in place of the locale's own sign-off.",
        examples=[{"email": "The two of us at Dangol Records"}],
    )

    @model_validator(mode="after")
    def _says_something(self) -> StageWording:
        if not self.salutation and not self.sign_off:
            raise ValueError("expected `salutation` or `sign_off` for some channel; found neither")
        return self


class Term(Definition):
    """One thing, one word: what the brand calls it, and what it does not."""

    say: Word = Field(description="The brand's word.", examples=["손님"])
    avoid: tuple[Word, ...] = Field(
        alias="not", min_length=1, description="Words not to use for it.", examples=[["고객님", "고객"]]
    )
    because: Reason = Field(
        description="Why, as you would tell a new colleague.", examples=["가게에서 부르는 대로 씁니다."]
    )


class Banned(Definition):
    """A phrase that the brand never says."""

    say_not: Word = Field(description="The phrase.", examples=["국내 최고"])
    because: Reason = Field(description="Why not.", examples=["견주어 본 적이 없습니다."])
    rather: Line = Field("", description="What to write in its place.", examples=["직접 들어 보고 고른"])


class SentenceLimits(Definition):
    """How long sentences may be, in words; in Korean a word is an 어절."""

    longest: Annotated[int, Field(ge=1, le=200)] | None = Field(
        None, description="Words of the longest sentence.", examples=[25]
    )
    average: Annotated[float, Field(ge=1, le=200)] | None = Field(
        None, description="Words of a sentence, on average over the message.", examples=[14]
    )

    @model_validator(mode="after")
    def _in_order(self) -> SentenceLimits:
        if self.longest is not None and self.average is not None and self.average > self.longest:
            raise ValueError(f"the average of {self.average:g} is above the longest of {self.longest}")
        return self


class Disclosure(Definition):
    """What has to be said besides what the law gives the words of."""

    prefix: Line = Field(
        "",
        description="No longer needed: labels such as `(광고)` come with dangol. Remove it.",
        json_schema_extra={"deprecated": True},
    )
    opt_out: Annotated[str, Field(max_length=2000)] = Field(
        "",
        description="How to leave, or why the reader gets this; at the end of the message. Email: Markdown.",
        examples=["Reply STOP to opt out"],
    )


class LocaleVoice(Definition):
    """The voice in one locale."""

    speech_level: dict[Channel, Key] = Field(
        description="Which form of the phrases each channel uses.",
        examples=[{"email": "hapsyo", "sms": "hapsyo", "push": "haeyo"}],
    )
    also_said: dict[Key, tuple[Word, ...]] = Field(
        default_factory=dict,
        description="Per speech level, sentence endings that it admits besides its own.",
        examples=[{"hapsyo": ["세요", "나요", "까요", "지요"]}],
    )
    address: Salutation | None = Field(
        None,
        description="The form of address, within a sentence: `{{ voice.address }}`.",
        examples=[{"named": "{{ profile.name }}님", "nameless": "손님"}],
    )
    salutation: dict[Channel, Salutation] = Field(
        description="Per channel, how a message begins.",
        examples=[{"email": {"named": "Hello {{ profile.given_name }},", "nameless": "Hello,"}}],
    )
    sign_off: dict[Channel, Line] = Field(
        description="Per channel, how a message ends.", examples=[{"email": "All of us at Dangol Records", "push": ""}]
    )
    stages: dict[Key, StageWording] = Field(
        default_factory=dict,
        description="Stages of journey-map.yaml in which salutation or sign-off are others.",
        examples=[{"after_service": {"sign_off": {"email": "Your two at the counter"}}}],
    )
    label: dict[Channel, Line] = Field(
        default_factory=dict,
        description="The brand before an SMS or a push title.",
        examples=[{"sms": "[단골레코드] ", "push": "단골레코드 · "}],
    )
    phrases: dict[Key, Line | dict[Key, Line]] = Field(
        default_factory=dict,
        description="What the brand says often: a text, or a text per speech level; `{{ voice.… }}`.",
        examples=[{"thanks": {"hapsyo": "고맙습니다.", "haeyo": "고마워요."}}],
    )
    footer: Annotated[str, Field(max_length=2000)] | None = Field(
        None,
        description="Under every email, in Markdown. Without it, the sender block that comes with dangol.",
        examples=["**{{ brand.name }}**\\\n{{ brand.address }}"],
    )
    disclosure: dict[Purpose, dict[Channel, Disclosure]] = Field(
        description="Per purpose and channel: what the brand has to say at the end.",
        examples=[{"marketing": {"sms": {"opt_out": "무료수신거부 080-000-0000"}}}],
    )
    glossary: tuple[Term, ...] = Field(
        (),
        description="The brand's words, and those it does not use.",
        examples=[[{"say": "손님", "not": ["고객님"], "because": "가게에서 부르는 대로 씁니다."}]],
    )
    banned: tuple[Banned, ...] = Field(
        (),
        description="Phrases that the brand never says.",
        examples=[[{"say_not": "국내 최고", "because": "견주어 본 적이 없습니다.", "rather": "직접 들어 보고 고른"}]],
    )
    emoji: dict[Channel, AtMost] = Field(
        default_factory=dict, description="At most so many in a message.", examples=[{"email": 0, "sms": 0, "push": 1}]
    )
    exclamation: dict[Channel, AtMost] = Field(
        default_factory=dict,
        description="At most so many exclamation marks in a message.",
        examples=[{"email": 1, "sms": 0, "push": 0}],
    )
    sentence: SentenceLimits = Field(
        default_factory=SentenceLimits,
        description="How long sentences may be.",
        examples=[{"longest": 25, "average": 14}],
    )
    length: dict[Channel, Characters] = Field(
        default_factory=dict,
        description="Characters of what is written in a message, at most.",
        examples=[{"email": 1200, "sms": 90, "push": 80}],
    )
    reading_ease: Annotated[float, Field(ge=0, le=100)] | None = Field(
        None, description="The least Flesch reading ease of an email; English only.", examples=[60]
    )

    @model_validator(mode="after")
    def _every_channel(self) -> LocaleVoice:
        parts: dict[str, Mapping[Channel, object]] = {
            "speech_level": self.speech_level,
            "salutation": self.salutation,
            "sign_off": self.sign_off,
        }
        for name, part in parts.items():
            if absent := [channel.value for channel in Channel if channel not in part]:
                raise ValueError(f"`{name}` has nothing for {', '.join(absent)}")
        return self


class StageShare(Definition):
    """How a stage's messages divide between information and emotion."""

    information: Share = Field(description="The share of information; the rest is emotion.", examples=["80%"])


class Voice(Definition):
    """templates/brand/voice.yaml."""

    brand: Brand = Field(description="Who writes.")
    stages: dict[Key, StageShare] = Field(
        default_factory=dict,
        description="Per stage of journey-map.yaml: the share of information against emotion.",
        examples=[{"purchase": {"information": "80%"}}],
    )
    locales: dict[LocaleName, LocaleVoice] = Field(min_length=1, description="The voice, locale by locale.")
    rules: dict[RuleId, Severity] = Field(
        default_factory=dict,
        description="How serious a rule of the editor is here: `error`, `warning`, `note` or `off`.",
        examples=[{"reading-ease": "off", "exclamation": "error"}],
    )
