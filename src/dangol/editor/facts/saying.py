"""What an author says in a text: subject, body and link, without the brand's greeting, sign-off and footer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dangol.content.phrasebook import Macros, Speaker, read_macros
from dangol.content.sandbox import Budget, Program
from dangol.content.sources import MACROS, TextFile
from dangol.content.workshop import Bench, Workshop
from dangol.editor.facts.model import Rendering
from dangol.model.vocabulary import Channel, Purpose

Context = Mapping[str, Mapping[str, Any]]

Samples = Callable[[str | None, str], Iterable[tuple[str, Context]]]
"""Event and locale → the samples to whom a text is said, by key, with their data."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """A campaign's step that sends ``template``: on which channels, after which event."""

    template: str
    channels: tuple[Channel, ...]
    event: str | None
    campaign: str
    purpose: Purpose


class Sayings:
    """The texts of a workspace, compiled part by part. What cannot be compiled is left out; its check tells it."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._workshop = Workshop(sources)
        self._macros_source = sources.get(MACROS, "").replace("\r\n", "\n")
        self._macros: dict[tuple[str, Channel, Purpose], Macros] = {}

    @property
    def own(self) -> frozenset[str]:
        """The brand's own numbers and addresses, which are no facts of a message."""
        if self._workshop.voice is None:
            return frozenset()
        brand = self._workshop.voice.voice.brand
        return frozenset({brand.phone, brand.email, brand.unsubscribe})

    def renderings(self, occasions: Iterable[Occasion], samples: Samples) -> list[Rendering]:
        """What the occasions' texts say to each sample; a text that fails for a sample is left out."""
        told: list[Rendering] = []
        for (template, event), together in _by_event(occasions).items():
            for (name, channel, locale), file in self._workshop.files.items():
                senders = [one for one in together if channel in one.channels]
                if name == template and senders:
                    campaigns = tuple(sorted({one.campaign for one in senders}))
                    programs = self._programs(file, senders[0].purpose)
                    for sample, context in samples(event, locale):
                        if parts := _said(programs, context):
                            key = f"{sample} after {event}" if event else sample
                            told.append(Rendering(template, channel, locale, key, parts, file.path, campaigns))
        return told

    def _programs(self, file: TextFile, purpose: Purpose) -> dict[str, Program]:
        bench = self._bench(file, purpose)
        if bench is None:
            return {}
        written = {key: bench.segments(text, origin) for key, (text, origin) in file.front.items()}
        written["body"] = bench.segments(file.body, file.body_origin, linewise=file.channel is not Channel.EMAIL)
        found = {part: bench.program(segments, file.path, html=False) for part, segments in written.items()}
        return {part: program for part, program in found.items() if program is not None}

    def _bench(self, file: TextFile, purpose: Purpose) -> Bench | None:
        voice = self._workshop.voice
        if voice is None:
            return None
        spoken = next((one for one in (file.locale, file.locale.partition("-")[0]) if one in voice.voice.locales), "")
        if not spoken:
            return None
        speaker = Speaker(voice, file.locale, spoken, file.channel, purpose)
        key = (file.locale, file.channel, purpose)
        if key not in self._macros:
            self._macros[key] = read_macros(self._macros_source, speaker, _ignore)
        return Bench(speaker, self._macros[key], _ignore)


def _by_event(occasions: Iterable[Occasion]) -> dict[tuple[str, str | None], list[Occasion]]:
    """The occasions by template and event, for an event decides what a text can tell."""
    found: dict[tuple[str, str | None], list[Occasion]] = {}
    for one in sorted(occasions, key=lambda one: (one.template, one.event or "", one.campaign)):
        found.setdefault((one.template, one.event), []).append(one)
    return found


def _said(programs: Mapping[str, Program], context: Context) -> dict[str, str]:
    """The parts as ``context`` has them said; empty if one cannot be."""
    values = {**{name: context.get(name, {}) for name in ("profile", "event", "entry")}, "_budget": Budget()}
    try:
        return {part: program.render(values) for part, program in programs.items()}
    except Exception:  # whatever data does to a template: the text's own check tells it
        return {}


def _ignore(*_: object) -> None:
    """The text's own check complains."""
