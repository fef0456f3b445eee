"""The brand voice as data: templates/brand/voice.yaml.

A voice says how people are addressed and taken leave of, in which speech level, which phrases the brand has for
things it says often, and what the law wants said with each purpose. Its texts are templates; they become part of a
message when a version is compiled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, model_validator

from dangol.content.tags import Origin
from dangol.definitions.document import Document, Path
from dangol.definitions.shape import validate
from dangol.definitions.yaml import read_yaml
from dangol.model.problem import Problem
from dangol.model.steps import Definition, Key
from dangol.model.vocabulary import Channel, Purpose

PATH = "templates/brand/voice.yaml"
KOREAN_LABEL = "(광고)"

LocaleName = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")]
Line = Annotated[str, Field(max_length=500)]


class Brand(Definition):
    """Who writes. Names and addresses are per locale."""

    name: dict[LocaleName, Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\r\n]+$")]]
    address: dict[LocaleName, Line]
    phone: Line
    email: str = Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$", description="The sender and contact address.")
    unsubscribe: str = Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$", description="Where a mail asking to be left alone goes.")
    website: str = Field(pattern=r"^https?://\S+$")
    sms_sender: str = Field(pattern=r"^\+?[0-9A-Za-z]{3,15}$", description="A number or name the SMS provider knows.")


class Salutation(Definition):
    """``named`` is used when every value it mentions is there, ``nameless`` otherwise."""

    named: Line
    nameless: Line


class Disclosure(Definition):
    """What has to be said: ``prefix`` before the subject, title or text; ``opt_out`` at the end."""

    prefix: Line = ""
    opt_out: Annotated[str, Field(max_length=2000)] = ""


class LocaleVoice(Definition):
    """The voice in one locale."""

    speech_level: dict[Channel, Key] = Field(description="Which form of the phrases each channel uses.")
    salutation: dict[Channel, Salutation]
    sign_off: dict[Channel, Line]
    label: dict[Channel, Line] = Field(default_factory=dict, description="The brand before an SMS or a push title.")
    phrases: dict[Key, Line | dict[Key, Line]] = Field(default_factory=dict)
    footer: str = Field(max_length=2000, description="Under every email, in Markdown.")
    disclosure: dict[Purpose, dict[Channel, Disclosure]]

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


class Voice(Definition):
    """templates/brand/voice.yaml."""

    brand: Brand
    locales: dict[LocaleName, LocaleVoice] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Told:
    """A text of the voice and where it is written."""

    text: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class VoiceFile:
    """The voice with the places of its texts."""

    voice: Voice
    document: Document

    def told(self, path: Path) -> Told:
        """The text at ``path``; empty if the voice says nothing there."""
        place = self.document.values.get(path)
        line = place.line + (place.style in {"|", ">"}) if place else 1
        return Told(self.document.text_at(path) or "", Origin(self.document.path, line))


RESERVED_PHRASES = frozenset({"salutation", "sign_off", "opt_out"})


def read_voice(text: str) -> tuple[VoiceFile | None, list[Problem]]:
    """Read voice.yaml: the voice, or None and every problem."""
    document, problems = read_yaml(PATH, text)
    if document is None:
        return None, problems
    voice, found = validate(document, Voice)
    problems += found
    if voice is None:
        return None, problems
    problems += _inconsistencies(voice, document)
    return VoiceFile(voice, document), problems


def _inconsistencies(voice: Voice, document: Document) -> list[Problem]:
    problems = []
    for locale, told in voice.locales.items():
        at: Path = ("locales", locale)
        for name in ("name", "address"):
            if locale not in getattr(voice.brand, name):
                message = f"expected `{name}` of the brand in `{locale}`; found none"
                problems.append(document.problem("missing-key", ("brand", name), message, key=True))
        for phrase, forms in told.phrases.items():
            problems += _phrase(document, (*at, "phrases", phrase), forms, told)
        problems += _disclosures(document, at, locale, told)
    return problems


def _phrase(document: Document, path: Path, forms: str | dict[str, str], told: LocaleVoice) -> list[Problem]:
    problems = []
    if path[-1] in RESERVED_PHRASES:
        problems.append(document.problem("reserved-name", path, f"`{path[-1]}` cannot name a phrase", key=True))
    if isinstance(forms, dict):
        for level in sorted(set(told.speech_level.values()) - forms.keys()):
            message = f"the phrase has no form in the speech level `{level}`, which this locale uses"
            problems.append(document.problem("missing-key", path, message, key=True, hint=f"add `{level}:`"))
    return problems


def _disclosures(document: Document, at: Path, locale: str, told: LocaleVoice) -> list[Problem]:
    """Marketing in Korea is labelled exactly so; marketing anywhere says how to opt out."""
    problems = []
    for channel in Channel:
        path: Path = (*at, "disclosure", Purpose.MARKETING.value, channel.value)
        said = told.disclosure.get(Purpose.MARKETING, {}).get(channel, Disclosure())
        if locale.split("-")[0] == "ko" and said.prefix.strip() != KOREAN_LABEL:
            message = f"marketing in Korean has to begin with `{KOREAN_LABEL}`; found `{said.prefix}`"
            problems.append(document.problem("missing-disclosure", (*path, "prefix"), message))
        if channel is not Channel.PUSH and not said.opt_out.strip():
            message = "marketing has to say how to opt out; found nothing"
            problems.append(document.problem("missing-disclosure", (*path, "opt_out"), message, hint="add `opt_out:`"))
    return problems


HAND_TYPED = re.compile(
    r"[(\[<{\"'“（]\s*광\W{0,2}고\s*[)\]>}\"'”）]|무료\s?수신\s?거부|무료\s?거부|reply stop", re.IGNORECASE
)
"""Disclosures as authors type them by hand, evasive spellings included."""
