"""The brand voice as data: templates/brand/voice.yaml.

A voice says how people are addressed and taken leave of, in which speech level, which phrases the brand has for
things it says often, and what the law wants said with each purpose. Its texts are templates; they become part of a
message when a version is compiled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from dangol.content.disclosures import Pack, rule_of, serving
from dangol.content.tags import Origin
from dangol.content.voice_model import Banned, Brand, Disclosure, LocaleVoice, Salutation, StageWording, Term, Voice
from dangol.definitions.document import Document, Path
from dangol.definitions.shape import validate
from dangol.definitions.yaml import read_yaml
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel, Purpose

__all__ = [
    "PATH",
    "Banned",
    "Brand",
    "Disclosure",
    "LocaleVoice",
    "Salutation",
    "StageWording",
    "Term",
    "Told",
    "Voice",
    "VoiceFile",
    "read_voice",
]

PATH = "templates/brand/voice.yaml"


@dataclass(frozen=True, slots=True)
class Told:
    """A text of the voice and where it is written."""

    text: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class VoiceFile:
    """The voice with the places of its texts, and the packs of the law as its workspace has them."""

    voice: Voice
    document: Document
    packs: Mapping[str, Pack]

    def told(self, path: Path) -> Told:
        """The text at ``path``; empty if the voice says nothing there."""
        place = self.document.values.get(path)
        line = place.line + (place.style in {"|", ">"}) if place else 1
        return Told(self.document.text_at(path) or "", Origin(self.document.path, line))


RESERVED_PHRASES = frozenset({"salutation", "sign_off", "opt_out"})


def read_voice(text: str, packs: Mapping[str, Pack]) -> tuple[VoiceFile | None, list[Problem]]:
    """Read voice.yaml, which the law of ``packs`` binds: the voice, or None and every problem."""
    document, problems = read_yaml(PATH, text)
    if document is None:
        return None, problems
    voice, found = validate(document, Voice)
    problems += found
    if voice is None:
        return None, problems
    problems += _inconsistencies(voice, document, packs)
    return VoiceFile(voice, document, packs), problems


def _inconsistencies(voice: Voice, document: Document, packs: Mapping[str, Pack]) -> list[Problem]:
    problems = []
    for locale, told in voice.locales.items():
        at: Path = ("locales", locale)
        for name in ("name", "address"):
            if locale not in getattr(voice.brand, name):
                message = f"expected `{name}` of the brand in `{locale}`; found none"
                problems.append(document.problem("missing-key", ("brand", name), message, key=True))
        for phrase, forms in told.phrases.items():
            problems += _phrase(document, (*at, "phrases", phrase), forms, told)
        problems += _disclosures(document, at, serving(packs, locale), told)
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


def _disclosures(document: Document, at: Path, pack: Pack, told: LocaleVoice) -> list[Problem]:
    """Where the law gives a label's words, nobody else's will do; marketing anywhere says how to opt out."""
    problems = []
    for channel in Channel:
        path: Path = (*at, "disclosure", Purpose.MARKETING.value, channel.value)
        said = told.disclosure.get(Purpose.MARKETING, {}).get(channel, Disclosure())
        label, prefix = rule_of(pack, Purpose.MARKETING, channel).label, said.prefix.strip()
        if label is not None and prefix and prefix != label.text.strip():
            message = f"marketing in `{at[-1]}` has to begin with `{label.text.strip()}`; found `{said.prefix}`"
            hint = "remove `prefix`; dangol puts the label in"
            problems.append(document.problem("missing-disclosure", (*path, "prefix"), message, hint=hint))
        if channel is not Channel.PUSH and not said.opt_out.strip():
            message = "marketing has to say how to opt out; found nothing"
            problems.append(document.problem("missing-disclosure", (*path, "opt_out"), message, hint="add `opt_out:`"))
    return problems


HAND_TYPED = re.compile(
    r"[(\[<{\"'“（]\s*광\W{0,2}고\s*[)\]>}\"'”）]|무료\s?수신\s?거부|무료\s?거부|reply stop", re.IGNORECASE
)
"""Disclosures as authors type them by hand, evasive spellings included."""
