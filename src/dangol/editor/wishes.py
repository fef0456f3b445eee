"""What the brand's voice asks of a text on one channel in one locale, with defaults where it says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dangol.content.voice import Voice
from dangol.model.vocabulary import Channel

LEVELS: Mapping[str, str] = {"hapsyo": "합쇼체", "haeyo": "해요체", "hae": "해체", "haera": "해라체"}
"""Korean speech levels by the names that voice.yaml gives them."""

_ALSO_SAID = {"hapsyo": ("세요", "나요", "까요", "지요")}
_LONGEST = {"ko": 25, "en": 30}
_AVERAGE = {"ko": 14, "en": 18}
_LENGTH = {Channel.EMAIL: 2_000, Channel.SMS: 300, Channel.PUSH: 150}


@dataclass(frozen=True, slots=True)
class Avoided:
    """Words that the brand does not use, what it says instead, and why. ``say`` may be empty."""

    words: tuple[str, ...]
    say: str
    because: str


@dataclass(frozen=True, slots=True)
class Wishes:
    """Limits count words (어절 in Korean), characters or marks; ``reading_ease`` is Flesch's, None where not asked."""

    brand: str
    level: str
    also_said: tuple[str, ...]
    knows_name: bool
    named: str
    glossary: tuple[Avoided, ...]
    banned: tuple[Avoided, ...]
    emoji: int
    exclamation: int
    longest: int
    average: int
    length: int
    reading_ease: float | None
    information: float | None
    app_schemes: tuple[str, ...] = ()


def wishes(voice: Voice, spoken: str, channel: Channel, stage: str) -> Wishes:
    """What ``voice`` wishes of texts that its locale ``spoken`` serves."""
    told = voice.locales[spoken]
    language = spoken.partition("-")[0]
    salutation = told.salutation[channel].named
    return Wishes(
        brand=voice.brand.name[spoken],
        level=told.speech_level[channel],
        also_said=_ALSO_SAID.get(told.speech_level[channel], ()),
        knows_name="profile." in salutation,
        named=salutation,
        glossary=(),
        banned=(),
        emoji=0,
        exclamation=0,
        longest=_LONGEST.get(language, 30),
        average=_AVERAGE.get(language, 18),
        length=_LENGTH[channel],
        reading_ease=None,
        information=None,
    )
