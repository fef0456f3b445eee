"""Does the voice say what the law wants said: who writes, how to reach them, how to leave?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dangol.content.disclosures import Pack, Part, SayRule, needs_of
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


@dataclass(frozen=True, slots=True)
class _Lack:
    """What a frame does not say. ``languages`` is None for a part that is not there at all."""

    part: Part
    languages: tuple[str, ...] | None = None


def check_required(
    file: VoiceFile, locale: str, occasions: Iterable[Occasion], served: Sequence[Pack] = ()
) -> Iterator[Problem]:
    """What the frame of messages lacks on these occasions; each thing once, with all the rules that ask for it.

    Asked for by the pack that serves texts in ``locale``, and by those of the places that the workspace serves: people
    there may read any of its languages. Rules that were only recalled give a warning.
    """
    for occasion in sorted(occasions):
        speaker = Speaker(file, locale, locale, occasion.channel, occasion.purpose, occasion.stage)
        lacks: dict[_Lack, list[SayRule]] = {}
        for need in needs_of(speaker.pack, served, speaker.purpose, speaker.channel):
            if (lack := _lack(need, speaker)) is not None:
                lacks.setdefault(lack, []).append(need)
        yield from (_problem(speaker, lack, rules) for lack, rules in lacks.items())


def _lack(need: SayRule, speaker: Speaker) -> _Lack | None:
    if not _said(need.part, _frame(speaker), speaker):
        return None if need.unless_sender and _is_sender(speaker) else _Lack(need.part)
    absent = tuple(one for one in need.languages if not _spoken_in(one, speaker.opt_out().text))
    return _Lack(need.part, absent) if absent else None


def _problem(speaker: Speaker, lack: _Lack, rules: Sequence[SayRule]) -> Problem:
    asked = "; ".join(f"{rule.id}: {rule.source}" for rule in rules)
    message = f"{speaker.purpose.value} by {speaker.channel.value} in `{speaker.locale}` has to say {_WORDS[lack.part]}"
    if lack.languages is None:
        message += f" ({asked}); found nothing of it"
        hint, recalled = f"say it with {_remedy(lack.part)}", all(rule.recalled for rule in rules)
    else:
        message += f" in {' and '.join(_LANGUAGES.get(one, one) for one in lack.languages)} too ({asked})"
        hint, recalled = "add a sentence", all(str(rule.languages_mark).startswith("R") for rule in rules)
    return speaker.file.document.problem(
        "missing-disclosure",
        _place(speaker, lack.part),
        message,
        hint=hint,
        severity="warning" if recalled else "error",
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
