"""The review: every message, on every channel, in every locale, read as each sample reader would read it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from jinja2 import TemplateError

import dangol.editor.rules  # noqa: F401 - registers the rules
from dangol.content.check import Examined, Sent, examine
from dangol.content.messages import Messages
from dangol.content.sources import LAYOUT, TextFile
from dangol.content.workshop import Text
from dangol.editor.facts import FactReview, FactTable
from dangol.editor.facts import Rule as FactRule
from dangol.editor.model import Hit, Place, Prose, Reading, Scene, Send, Sentence
from dangol.editor.page import Page
from dangol.editor.prose import read
from dangol.editor.registry import RULES, Rule, Scope, of
from dangol.editor.samples import SAMPLES, Sample, context
from dangol.editor.spoken import Frames, Speech, line_and_column, place_of
from dangol.editor.told import Told
from dangol.editor.waivers import Waiver, all_waivers, apply_waivers
from dangol.editor.wishes import wishes
from dangol.errors import RenderError
from dangol.model.fragmentation import Fragmentation
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel, Purpose
from dangol.model.workspace import TrackingPlan

_TEXTS = re.compile(r">[^<]+<|(?<= )(?!style|class|alt|color|bgcolor)[a-z-]+=\"[^\"]*\"")
_SAID_BY_LOCALES: Mapping[str, tuple[str, ...]] = {
    FactRule.TARGET_DIFFERS.value: ("locale-links-differ",),
    FactRule.MISSING_IN_LOCALE.value: ("locale-links-differ", "locale-data-differs"),
}
"""Rules on facts → those that find the same in the sources already."""
_NO_CONTEXT: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Review:
    """What the editor found. ``waivers`` are all exceptions that authors made, used or not.

    ``left_out`` are notes about facts that one channel tells and another does not; mostly it is meant so.
    ``tables`` has the facts of each message, ``fragmentation`` says for each campaign how far its texts tell the same.
    """

    problems: tuple[Problem, ...]
    waivers: tuple[Waiver, ...]
    fragmentation: Mapping[str, Fragmentation] = field(default_factory=dict)
    tables: tuple[FactTable, ...] = ()
    left_out: tuple[Problem, ...] = ()


def review(
    sources: Mapping[str, str],
    *,
    sends: Iterable[Send],
    plan: TrackingPlan,
    default_locale: str,
    examined: Examined | None = None,
) -> Review:
    """Read every message of ``sources`` as its readers would. The same sources give the same review.

    ``examined`` is what a check of the same sources compiled; without it everything is compiled here. Texts with
    mistakes are passed over, for their check tells them. Texts that no campaign sends are read as service messages.
    """
    sent = list(sends)
    if examined is None:
        wanted = [Sent(one.template, one.purpose, one.channels, one.event, one.stage) for one in sent]
        examined = examine(sources, sends=wanted, plan=plan, default_locale=default_locale)
    reviewing = _Reviewing(sources, examined, sent, plan, default_locale)
    found = reviewing.findings()
    facts = reviewing.facts()
    waivers = all_waivers(sources)
    judged = [waiver for waiver in waivers if waiver.path not in reviewing.unread]
    remaining, faults = apply_waivers([*found, *reviewing.judged(facts, found)], judged, RULES)
    problems = sorted({*remaining, *faults})
    return Review(
        tuple(one for one in problems if one.code != FactRule.MISSING),
        tuple(waivers),
        facts.fragmentation,
        facts.tables,
        tuple(one for one in problems if one.code == FactRule.MISSING),
    )


@dataclass(slots=True)
class _Found:
    """One rule at one place, and the samples that show it."""

    problem: Problem
    samples: set[str]
    read_by: set[str]


class _Reviewing:
    def __init__(
        self, sources: Mapping[str, str], examined: Examined, sends: list[Send], plan: TrackingPlan, default_locale: str
    ) -> None:
        self.sources = {path: text.replace("\r\n", "\n").replace("\r", "\n") for path, text in sources.items()}
        self.workshop = examined.workshop
        self.texts = examined.texts
        self.plan = plan
        self.default_locale = default_locale
        self.sends = _by_text(sends)
        self.unread: set[str] = set()
        self.told = Told(self.sources, sends)
        self.found: dict[tuple[str, str, int, int], _Found] = {}
        self.contexts: dict[tuple[str, str, str], dict[str, dict[str, Any]]] = {}
        self.looked_at: set[str] = set()
        self.frames: Frames = {}
        self.noted: list[_Found] = []
        voice = self.workshop.voice
        self.severities: dict[str, str] = {
            id: str(voice.voice.rules.get(id, one.severity)) if voice else str(one.severity)
            for id, one in RULES.items()
        }

    def findings(self) -> list[Problem]:
        if self.workshop.voice is None:
            self.unread |= set(self.sources)
            return []
        for _, file in sorted(self.workshop.files.items(), key=lambda item: item[1].path):
            for send in self.sends.get((file.template, file.channel)) or [self._as_service(file)]:
                self._text(file, send)
        self._locales()
        return [_with_samples(one) for one in self.found.values()]

    def facts(self) -> FactReview:
        """What the texts tell, once all are read."""
        voice = self.workshop.voice
        return self.told.review(self.default_locale, voice.voice) if voice else FactReview()

    def judged(self, facts: FactReview, found: Iterable[Problem]) -> list[Problem]:
        """The problems of the facts, as severe as the brand has them, without those that the locales' rules tell."""
        told = {(_text_of(one.path), one.code) for one in found}
        known = [
            (one, self.severities[one.code])
            for one in facts.problems
            if not any((_text_of(one.path), rule) in told for rule in _SAID_BY_LOCALES.get(one.code, ()))
        ]
        return [replace(one, severity=severity) for one, severity in known if severity != "off"]

    def _as_service(self, file: TextFile) -> Send:
        """How a text is read that no campaign sends: with an event that has all it names."""
        named = set(re.findall(r"\bevent\.(\w+)", file.text))
        fitting = [event for event, properties in sorted(self.plan.events.items()) if named <= properties.keys()]
        event = fitting[0] if fitting and named else None
        return Send(file.template, Purpose.SERVICE, (file.channel,), event, unsent=True)

    def _text(self, file: TextFile, send: Send) -> None:
        stage = self.workshop.stage_of(file, send.stage)
        key = (file.path, send.purpose, stage)
        if key not in self.texts:
            self.texts[key] = self.workshop.compile(file, send.purpose, stage)
        text = self.texts[key]
        bench = self.workshop.bench(file, send.purpose, stage)
        if text is None or bench is None:
            self.unread.add(file.path)
            return
        assert self.workshop.voice is not None
        scene = Scene(
            file.template,
            file.locale,
            file.channel,
            send.purpose,
            send.stage,
            send.event or "",
            wishes(self.workshop.voice.voice, bench.speaker.spoken, file.channel, send.stage),
            send.unsent,
        )
        try:
            speech = Speech(file, bench, self.sources, self.frames)
        except TemplateError:  # the check of the text tells it
            self.unread.add(file.path)
            return
        self._source(file, scene)
        messages = Messages(
            {(file.template, file.channel): {file.locale: text}},
            self.workshop.voice.voice,
            send.purpose,
            file.locale,
            packs=self.workshop.packs,
        )
        groups = self._readers(text, send, scene)
        everyone = {sample for samples, _ in groups for sample in samples}
        alike: dict[object, list[_Found]] = {}
        for samples, data in groups:
            self._read(file, scene, speech, messages, samples, everyone, data, alike, send.event)

    def _readers(self, text: Text, send: Send, scene: Scene) -> list[tuple[set[str], dict[str, dict[str, Any]]]]:
        """The samples to whom this text says the same, with their data."""
        groups: dict[str, tuple[set[str], dict[str, dict[str, Any]]]] = {}
        for sample in SAMPLES:
            if sample.languages and scene.language not in sample.languages:
                continue
            data = self._context(sample, send.event, scene.locale)
            seen = repr([data.get(scope, _NO_CONTEXT).get(name) for scope, name in sorted(text.variables)])
            groups.setdefault(seen, (set(), data))[0].add(sample.key)
        return list(groups.values())

    def _context(self, sample: Sample, event: str | None, locale: str) -> dict[str, dict[str, Any]]:
        key = sample.key, event or "", locale
        if key not in self.contexts:
            self.contexts[key] = context(sample, self.plan, event, locale)
        return self.contexts[key]

    def _read(
        self,
        file: TextFile,
        scene: Scene,
        speech: Speech,
        messages: Messages,
        samples: set[str],
        everyone: set[str],
        data: dict[str, dict[str, Any]],
        alike: dict[object, list[_Found]],
        event: str | None,
    ) -> None:
        """Read the text as these samples would. ``alike`` has what was found where an author wrote the same."""
        try:
            rendered = messages.render(file.template, file.channel, file.locale, data)
            passages = speech.say(data)
        except RenderError as error:
            self._not_rendered(file, samples, everyone, str(error))
            return
        self.told.add(file, event, samples, passages, rendered.link)
        written = tuple((part, passage.runs_written()) for part, passage in sorted(passages.items()))
        if written in alike:
            for one in alike[written]:
                one.samples |= samples
            return
        before = self.noted = []
        alike[written] = before
        reading = read(scene, passages, rendered)
        self._sentences(reading, file, samples, everyone)
        for rule in of(Scope.MESSAGE):
            for hit in self._asked(rule, reading):
                place = self._needle(hit, file) or _place(reading.parts[_part(hit, reading)], hit, file)
                self._add(rule.id, place, hit, samples, everyone)
        if file.channel is Channel.EMAIL:
            self._page(file, rendered.html, samples, everyone)

    def _sentences(self, reading: Reading, file: TextFile, samples: set[str], everyone: set[str]) -> None:
        for sentence in reading.sentences:
            for id, hit in _on_sentence(replace(sentence, start=0, block=0), reading.scene):
                moved = replace(hit, start=hit.start + sentence.start, end=hit.end + sentence.start)
                self._add(id, _place(reading.parts[sentence.part], moved, file), moved, samples, everyone)

    def _asked(self, one: Rule, *about: object) -> Iterable[Hit]:
        return one.check(*about) if self.severities[one.id] != "off" else ()

    def _not_rendered(self, file: TextFile, samples: set[str], everyone: set[str], words: str) -> None:
        """A text that fails for every sample asks for data that the samples do not have; its check tells that."""
        path, _, rest = words.partition(":")
        line = int(match[0]) if path == file.path and (match := re.match(r"\d+", rest)) else 1
        hit = Hit(
            0, 0, f"the message cannot be made for some customers: {words}", "ask first whether the data is there"
        )
        index = sum(len(text) + 1 for text in file.text.split("\n")[: line - 1])
        self._add("does-not-render", Place(file.path, index, data=False, exact=False), hit, samples, everyone)

    def _page(self, file: TextFile, html: str, samples: set[str], everyone: set[str]) -> None:
        """The HTML; what differs in its texts only was looked at before."""
        structure = _TEXTS.sub("><", html)
        if structure in self.looked_at or all(self.severities[one.id] == "off" for one in of(Scope.HTML)):
            return
        self.looked_at.add(structure)
        page = Page(html)
        for one in of(Scope.HTML):
            for hit in self._asked(one, page):
                place = self._needle(hit, file) or self._in_layout(hit) or Place(LAYOUT, 0, data=False, exact=False)
                self._add(one.id, place, hit, everyone, everyone)

    def _source(self, file: TextFile, scene: Scene) -> None:
        for one in of(Scope.SOURCE):
            for hit in self._asked(one, file, scene.language):
                self._add(one.id, Place(file.path, hit.start, data=False), hit, set(), set())

    def _locales(self) -> None:
        by_message: dict[tuple[str, Channel], dict[str, TextFile]] = {}
        for (template, channel, locale), file in sorted(self.workshop.files.items()):
            by_message.setdefault((template, channel), {})[locale] = file
        for texts in by_message.values():
            for one in of(Scope.LOCALES) if len(texts) > 1 else ():
                for hit in self._asked(one, texts):
                    self._add(one.id, Place(texts[hit.part].path, hit.start, data=False), hit, set(), set())

    def _needle(self, hit: Hit, file: TextFile) -> Place | None:
        index = file.text.find(hit.needle) if hit.needle else -1
        return Place(file.path, index, data=False) if index >= 0 else None

    def _in_layout(self, hit: Hit) -> Place | None:
        layout = self.sources[LAYOUT]
        match = re.search(rf"{re.escape(hit.needle)}(?![\w])", layout, re.IGNORECASE) if hit.needle else None
        return Place(LAYOUT, match.start(), data=False) if match else None

    def _add(self, id: str, place: Place, hit: Hit, samples: set[str], everyone: set[str]) -> None:
        severity = self.severities[id]
        if severity == "off":
            return
        line, column = line_and_column(self.sources, place)
        problem = Problem(place.path, line, column, id, hit.message, hit.hint, severity)
        known = self.found.setdefault((id, place.path, line, column), _Found(problem, set(), set()))
        known.samples |= samples
        known.read_by |= everyone
        self.noted.append(known)


def _text_of(path: str) -> str:
    """What a text's files in all locales share: message and channel."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/{name.partition('.')[0]}"


def _by_text(sends: Iterable[Send]) -> dict[tuple[str, Channel], list[Send]]:
    """How each text is sent; what differs in the campaign only is sent in the same way."""
    found: dict[tuple[str, Channel], dict[tuple[object, ...], Send]] = {}
    for send in sorted(sends, key=repr):
        for channel in send.channels:
            way = send.purpose, send.event, send.stage
            found.setdefault((send.template, channel), {}).setdefault(way, send)
    return {key: list(ways.values()) for key, ways in found.items()}


def _with_samples(found: _Found) -> Problem:
    if not found.samples or found.samples == found.read_by:
        return found.problem
    named = ", ".join(f"`{name}`" for name in sorted(found.samples))
    return replace(found.problem, message=f"{found.problem.message} (for the sample {named})")


def _part(hit: Hit, reading: Reading) -> str:
    return hit.part if hit.part in reading.parts else "body"


def _place(prose: Prose, hit: Hit, file: TextFile) -> Place:
    """Where the words of a hit are written."""
    if not prose.back:
        return Place(file.path, len(file.text) - len(file.body), data=False, exact=False)
    first = min(max(hit.start, 0), len(prose.back) - 1)
    last = min(max(hit.end - 1, first), len(prose.back) - 1)
    place = place_of(prose.passage, prose.back[first], prose.back[last] + 1)
    if place.path:
        return place
    written = [found for _, found in prose.passage.runs if not found.data]
    return written[0] if written else Place(file.path, 0, data=False, exact=False)


@lru_cache(maxsize=100_000)
def _on_sentence(sentence: Sentence, scene: Scene) -> tuple[tuple[str, Hit], ...]:
    """What the rules on sentences find in one, wherever it stands."""
    if not sentence.mask.strip("\ue020 \n"):
        return ()
    return tuple((one.id, hit) for one in of(Scope.SENTENCE) for hit in one.check(sentence, scene))
