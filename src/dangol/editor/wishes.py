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
    """Limits count words (어절 in Korean), characters or marks.

    ``reading_ease`` is Flesch's and ``information`` a share of the sentences; None where nothing is asked.
    """

    brand: str
    level: str
    also_said: tuple[str, ...]
    salutation: str
    glossary: tuple[Avoided, ...]
    banned: tuple[Avoided, ...]
    emoji: int
    exclamation: int
    longest: int
    average: float
    length: int
    reading_ease: float | None
    information: float | None
    app_schemes: tuple[str, ...] = ()

    @property
    def knows_name(self) -> bool:
        """Whether the salutation says something of the reader's own."""
        return "profile." in self.salutation


def wishes(voice: Voice, spoken: str, channel: Channel, stage: str) -> Wishes:
    """What ``voice`` wishes of texts that its locale ``spoken`` serves."""
    told = voice.locales[spoken]
    language = spoken.partition("-")[0]
    level = told.speech_level[channel]
    share = voice.stages.get(stage)
    wording = told.stages.get(stage)
    salutation = (wording.salutation.get(channel) if wording else None) or told.salutation[channel]
    return Wishes(
        brand=voice.brand.name[spoken],
        level=level,
        also_said=told.also_said.get(level, _ALSO_SAID.get(level, ())),
        salutation=salutation.named,
        glossary=tuple(Avoided(term.avoid, term.say, term.because) for term in told.glossary),
        banned=tuple(Avoided((one.say_not,), one.rather, one.because) for one in told.banned),
        emoji=told.emoji.get(channel, 0),
        exclamation=told.exclamation.get(channel, 0),
        longest=told.sentence.longest or _LONGEST.get(language, 30),
        average=told.sentence.average or _AVERAGE.get(language, 18),
        length=told.length.get(channel, _LENGTH[channel]),
        reading_ease=told.reading_ease if channel is Channel.EMAIL else None,
        information=share.information if share else None,
        app_schemes=voice.brand.app_schemes,
    )
