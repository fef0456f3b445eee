"""What has to be said with a message: labels, sender and opt-out, from a pack of data with its sources.

The pack says the label's text and which parts must be there. The words of the opt-out are the brand's.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import Field, model_validator

from dangol.definitions.shape import validate
from dangol.definitions.yaml import read_yaml
from dangol.errors import ProblemsFound
from dangol.model.steps import Definition
from dangol.model.vocabulary import Channel, Purpose

Mark = Literal["V", "v", "R", "R-med"]
"""How well a source was read: on an official page, on a secondary one, recalled, recalled less surely."""

Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]


class Part(StrEnum):
    """What a message may have to say. ``contact`` is any way to reach the sender."""

    NAME = "name"
    CONTACT = "contact"
    PHONE = "phone"
    EMAIL = "email"
    ADDRESS = "address"
    OPT_OUT = "opt_out"


class Label(Definition):
    """The words that a message begins with, white space included, and before what they stand."""

    text: str = Field(min_length=1, max_length=40)
    at: Literal["subject", "title", "text"]
    source: str = Field(min_length=1)
    mark: Mark


class Need(Definition):
    """A part that must be there.

    ``languages``: all of them have to be spoken in it. ``unless_sender``: the number that the message is sent from
    says it already.
    """

    part: Part
    source: str = Field(min_length=1)
    mark: Mark
    languages: tuple[Language, ...] = ()
    languages_mark: Mark | None = None
    unless_sender: bool = False

    @property
    def recalled(self) -> bool:
        """Nobody has read the source again; a breach is then a warning."""
        return self.mark.startswith("R")

    @model_validator(mode="after")
    def _both_or_none(self) -> Need:
        if bool(self.languages) != (self.languages_mark is not None):
            raise ValueError("`languages` and `languages_mark` belong together")
        return self


class Rule(Definition):
    """What has to be said on one channel for one purpose."""

    label: Label | None = None
    needs: tuple[Need, ...] = ()


class Pack(Definition):
    """What has to be said in some languages. ``footer`` is the sender block of emails, in Markdown."""

    jurisdiction: str
    languages: tuple[Language, ...]
    footer: str = Field(min_length=1)
    marketing: dict[Channel, Rule] = Field(default_factory=dict)
    service: dict[Channel, Rule] = Field(default_factory=dict)
    transactional: dict[Channel, Rule] = Field(default_factory=dict)

    def rule(self, purpose: Purpose, channel: Channel) -> Rule:
        """What the pack asks; an empty rule if it asks nothing."""
        rules: dict[Channel, Rule] = getattr(self, purpose.value)
        return rules.get(channel, _NOTHING)


class Disclosures(Definition):
    """data/disclosures.yaml."""

    read: str
    packs: tuple[Pack, ...]

    @model_validator(mode="after")
    def _one_for_each_language(self) -> Disclosures:
        named = [language for pack in self.packs for language in pack.languages]
        if len(named) != len(set(named)) or sum(not pack.languages for pack in self.packs) != 1:
            raise ValueError("expected one pack a language, and one that serves all others")
        return self

    def pack(self, locale: str) -> Pack:
        """The pack that serves texts in ``locale``."""
        language = locale.partition("-")[0]
        served = (pack for pack in self.packs if language in pack.languages)
        return next(served, None) or next(pack for pack in self.packs if not pack.languages)


_NOTHING = Rule()


@cache
def disclosures() -> Disclosures:
    """The packs that come with dangol, read once."""
    name = "disclosures.yaml"
    return parse_disclosures(name, (files("dangol.content") / "data" / name).read_text(encoding="utf-8"))


def parse_disclosures(path: str, text: str) -> Disclosures:
    """The packs in a text; ``path`` is named in problems. Raises ProblemsFound."""
    document, problems = read_yaml(path, text.replace("\r\n", "\n"))
    if document is None or problems:
        raise ProblemsFound(problems)
    packs, problems = validate(document, Disclosures)
    if packs is None:
        raise ProblemsFound(problems)
    return packs
