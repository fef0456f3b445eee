"""Does the voice say what the law wants said: who writes, how to reach them, how to leave?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from dangol.content.disclosures import Part, SayRule
from dangol.content.phrasebook import Speaker
from dangol.content.terms import written
from dangol.content.voice import VoiceFile
from dangol.definitions.document import Path
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel, Purpose

_BRAND = re.compile(r"\{\{\s*brand\s*\.\s*(\w+)\s*\}\}")
_TARGET = re.compile(r"\]\([^)]*\)|https?://\S+")
_SPOKEN = {"ko": re.compile("[가-힣]{2}"), "en": re.compile("[A-Za-z]{3}")}
_WORDS = {
    Part.NAME: "who writes",
    Part.CONTACT: "how to reach the sender",
    Part.PHONE: "the sender's phone number",
    Part.EMAIL: "the sender's email address",
    Part.ADDRESS: "the sender's postal address",
    Part.OPT_OUT: "how to opt out",
}
_LANGUAGES = {"ko": "Korean", "en": "English"}


class Occasion(NamedTuple):
    """For which purpose, on which channel and in which stage of the journey something is sent."""

    purpose: Purpose
    channel: Channel
    stage: str = ""


def check_required(file: VoiceFile, locale: str, occasions: Iterable[Occasion]) -> Iterator[Problem]:
    """What the frame of messages lacks on these occasions. A rule that was only recalled gives a warning."""
    for occasion in sorted(occasions):
        speaker = Speaker(file, locale, locale, occasion.channel, occasion.purpose, occasion.stage)
        text = _frame(speaker)
        for need in speaker.rule.needs:
            if not _said(need.part, text, speaker) and not (need.unless_sender and _is_sender(speaker)):
                found = f"has to say {_WORDS[need.part]} ({need.source}); found nothing of it"
                yield _problem(speaker, need, found, f"say it with {_remedy(need.part)}", need.recalled)
            elif absent := [one for one in need.languages if not _spoken_in(one, speaker.opt_out().text)]:
                languages = " and ".join(_LANGUAGES.get(one, one) for one in absent)
                found = f"has to say {_WORDS[need.part]} in {languages} too ({need.source})"
                yield _problem(speaker, need, found, "add a sentence", str(need.languages_mark).startswith("R"))


def _problem(speaker: Speaker, need: SayRule, found: str, hint: str, recalled: bool) -> Problem:
    message = f"{speaker.purpose.value} by {speaker.channel.value} in `{speaker.locale}` {found}"
    severity = "warning" if recalled else "error"
    return speaker.file.document.problem(
        "missing-disclosure", _place(speaker, need.part), message, hint=hint, severity=severity
    )


def _frame(speaker: Speaker) -> str:
    """What every message says around its own words, the brand's data put in."""
    parts = [speaker.label, speaker.sign_off().text, speaker.opt_out().text]
    if speaker.channel is Channel.EMAIL:
        parts.append(speaker.footer().text)
    brand: Mapping[str, str] = speaker.brand()
    return _BRAND.sub(lambda match: brand.get(match[1], ""), "\n".join(parts))


def _said(part: Part, text: str, speaker: Speaker) -> bool:
    brand = speaker.brand()
    match part:
        case Part.OPT_OUT:
            return bool(speaker.opt_out().text.strip())
        case Part.CONTACT:
            return any(brand[way].strip() and brand[way] in text for way in ("phone", "email"))
        case _:
            return bool(brand[part.value].strip()) and brand[part.value] in text


def _is_sender(speaker: Speaker) -> bool:
    brand = speaker.file.voice.brand
    return re.sub(r"\D", "", brand.phone) == re.sub(r"\D", "", brand.sms_sender) != ""


def _spoken_in(language: str, text: str) -> bool:
    found = _SPOKEN.get(language)
    return found is None or found.search(_TARGET.sub("]", written(text))) is not None


def _remedy(part: Part) -> str:
    if part is Part.OPT_OUT:
        return "`opt_out`"
    return f"`{{{{ brand.{'phone' if part is Part.CONTACT else part.value} }}}}`"


def _place(speaker: Speaker, part: Part) -> Path:
    """Where the voice would say it."""
    at: Path = ("locales", speaker.spoken)
    opt_out = (*at, "disclosure", speaker.purpose.value, speaker.channel.value, "opt_out")
    if part is Part.OPT_OUT:
        return opt_out
    if speaker.channel is Channel.EMAIL:
        return (*at, "footer")
    if part is Part.NAME:
        return (*at, "label", speaker.channel.value)
    return speaker.place_of("sign_off") if speaker.channel is Channel.SMS else opt_out
