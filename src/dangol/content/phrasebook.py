"""What the brand says, put into texts: ``{{ voice.… }}``, ``{{ brand.… }}`` and the macros of macros.j2."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from jinja2 import TemplateError, TemplateSyntaxError, nodes

from dangol.content import dialect, sandbox
from dangol.content.disclosures import Pack, Rule, rule_of, serving
from dangol.content.links import Links, in_text
from dangol.content.sources import MACROS
from dangol.content.tags import Assembled, Origin, Segment, Tag, assemble, cut
from dangol.content.voice import Disclosure, LocaleVoice, Told, VoiceFile
from dangol.definitions.document import Path, did_you_mean
from dangol.model.vocabulary import Channel, Purpose

NEEDED_MACROS = ("greeting", "sign_off")
_REFERENCE = re.compile(r"\s*(voice|brand)\s*\.\s*(\w+)\s*")
_MACRO = re.compile(r"\s*macro\s+(\w+)")

Complain = Callable[[Origin, str, str, str, str], None]
"""Called with place, code, message, the word to point at and a hint."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """The voice in one locale, on one channel, for one purpose, in one stage of the journey.

    ``locale`` is the text's own; ``spoken`` is the voice's that serves it: ``ko`` serves a text in ``ko-KR``.
    ``stage`` is empty where the voice has no words of its own for the stage.
    """

    file: VoiceFile
    locale: str
    spoken: str
    channel: Channel
    purpose: Purpose
    stage: str = ""

    @property
    def told(self) -> LocaleVoice:
        return self.file.voice.locales[self.spoken]

    @property
    def disclosure(self) -> Disclosure:
        return self.told.disclosure.get(self.purpose, {}).get(self.channel, Disclosure())

    @property
    def pack(self) -> Pack:
        """What the law wants said in this language."""
        return serving(self.file.packs, self.locale)

    @property
    def rule(self) -> Rule:
        """What the law wants said with this message."""
        return rule_of(self.pack, self.purpose, self.channel)

    @property
    def prefix(self) -> str:
        """The law's label before subject, title or text; versions of old have typed it themselves."""
        label = self.rule.label
        return self.disclosure.prefix or (label.text if label is not None else "")

    @property
    def schemes(self) -> tuple[str, ...]:
        """The schemes of links into the brand's app."""
        return tuple(self.file.voice.brand.app_schemes)

    @property
    def links(self) -> Links:
        """The links that a text may hold."""
        return in_text(self.schemes)

    @property
    def label(self) -> str:
        return self.told.label.get(self.channel, "")

    def brand(self) -> dict[str, str]:
        """What ``brand.…`` stands for, all plain text."""
        brand = self.file.voice.brand
        plain = ("phone", "email", "unsubscribe", "website")
        return {
            "name": brand.name[self.spoken],
            "address": brand.address[self.spoken],
            **{name: getattr(brand, name) for name in plain},
        }

    def phrases(self) -> dict[str, Told]:
        """What ``voice.…`` stands for, salutation and form of address excepted."""
        at = ("locales", self.spoken)
        told = {"sign_off": self.sign_off()}
        level = self.told.speech_level[self.channel]
        for key, forms in self.told.phrases.items():
            path = (*at, "phrases", key, *((level,) if isinstance(forms, dict) else ()))
            told[key] = self.file.told(path)
        return told

    def sign_off(self) -> Told:
        return self.file.told(self.place_of("sign_off"))

    def place_of(self, part: str) -> Path:
        """Where salutation or sign-off stand: the stage's if it has its own, else the locale's."""
        at: Path = ("locales", self.spoken)
        stage = self.told.stages.get(self.stage)
        if stage is not None and self.channel in getattr(stage, part):
            at = (*at, "stages", self.stage)
        return (*at, part, self.channel.value)

    def opt_out(self) -> Told:
        path = ("locales", self.spoken, "disclosure", self.purpose.value, self.channel.value, "opt_out")
        return self.file.told(path)

    def footer(self) -> Told:
        if self.told.footer is None:
            return Told(self.pack.footer, Origin(self.file.document.path, 1))
        return self.file.told(("locales", self.spoken, "footer"))

    def expand(self, segments: Sequence[Segment], complain: Complain) -> list[Segment]:
        """Segments with every ``{{ voice.… }}`` and ``{{ brand.… }}`` replaced by what it stands for."""
        expanded: list[Segment] = []
        for segment in segments:
            match = (
                _REFERENCE.fullmatch(segment.inner) if isinstance(segment, Tag) and segment.kind == "output" else None
            )
            if match is None or isinstance(segment, str):
                expanded.append(segment)
            elif match[1] == "brand":
                expanded += self._brand(match[2], segment, complain)
            else:
                expanded += self._voice(match[2], segment, complain)
        return expanded

    def said(self, told: Told, complain: Complain) -> list[Segment]:
        """A text of the voice, cut and with ``brand.…`` put in."""
        try:
            segments = cut(told.text, told.origin, linewise=False)
        except TemplateSyntaxError as error:
            complain(Origin(told.origin.path, error.lineno), "template-syntax", str(error.message), "", "")
            return []
        for segment in segments:
            if isinstance(segment, Tag) and segment.inner.strip().startswith("voice."):
                complain(segment.origin, "not-available", "the voice cannot quote itself", "voice", "")
                return []
        return self.expand(segments, complain)

    def _brand(self, name: str, tag: Tag, complain: Complain) -> list[Segment]:
        known = self.brand()
        if name in known:
            return [known[name]]
        complain(
            tag.origin, "unknown-name", f"found the unknown `brand.{name}`", name, did_you_mean(name, frozenset(known))
        )
        return []

    def _voice(self, name: str, tag: Tag, complain: Complain) -> list[Segment]:
        known = self.phrases()
        if name == "salutation":
            return self._personal(self.place_of(name), complain)
        if name in known:
            return self.said(known[name], complain)
        if name == "address" and self.told.address is not None:
            return self._personal(("locales", self.spoken, name), complain)
        hint = did_you_mean(name, frozenset({*known, "salutation"} | ({"address"} if self.told.address else set())))
        complain(tag.origin, "unknown-name", f"found the unknown phrase `voice.{name}`", name, hint)
        return []

    def _personal(self, at: Path, complain: Complain) -> list[Segment]:
        """What is said with a name if everything it mentions is present, else what is said without."""
        named_text, nameless_text = self.file.told((*at, "named")), self.file.told((*at, "nameless"))
        named, nameless = self.said(named_text, complain), self.said(nameless_text, complain)
        mentioned = sorted({f"{scope}.{name}" for scope, name in _mentioned(named)})
        if not mentioned:
            return named
        condition = " and ".join(f"{name} is present" for name in mentioned)
        where = named_text.origin
        return [
            Tag("block", f"if {condition}", where),
            *named,
            Tag("block", "else", where),
            *nameless,
            Tag("block", "endif", where),
        ]


def _mentioned(segments: Sequence[Segment]) -> Iterator[tuple[str, str]]:
    for segment in segments:
        if isinstance(segment, Tag):
            yield from re.findall(r"\b(profile|event)\.([A-Za-z]\w*)", segment.inner)


@dataclass(frozen=True, slots=True)
class Macros:
    """The brand's macros for one speaker: their texts, their trees and whom each one calls."""

    segments: Mapping[str, list[Segment]] = field(default_factory=dict)
    trees: Mapping[str, nodes.Macro] = field(default_factory=dict)
    calls: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def needed(self, called: frozenset[str]) -> list[Segment]:
        """The texts of the called macros and of those that they call, in the order of their definition."""
        wanted: set[str] = set()
        waiting = sorted(called & self.segments.keys())
        while waiting:
            name = waiting.pop()
            if name not in wanted:
                wanted.add(name)
                waiting += sorted(self.calls.get(name, frozenset()) & self.segments.keys())
        return [segment for name, segments in self.segments.items() if name in wanted for segment in segments]


def read_macros(source: str, speaker: Speaker, complain: Complain) -> Macros:
    """The macros of macros.j2 as ``speaker`` says them. What is wrong with them is complained about."""
    try:
        segments = speaker.expand(cut(source, Origin(MACROS, 1), linewise=True), complain)
    except TemplateSyntaxError as error:
        complain(Origin(MACROS, error.lineno), "template-syntax", str(error.message), "", "")
        return Macros()
    env = sandbox.environment(speaker.locale, html=False, schemes=speaker.schemes)
    text = assemble(segments)
    try:
        tree = sandbox.parse(env, text.source)
    except TemplateError as error:
        complain(syntax_place(error, text, MACROS), "template-syntax", str(error.message), "", "")
        return Macros()
    trees = {node.name: node for node in tree.body if isinstance(node, nodes.Macro)}
    filters = {name: filter for name, filter in env.filters.items() if not name.startswith("_")}
    reading = dialect.read(tree, filters=filters, macros=trees, defines_macros=True)
    for finding in reading.findings:
        origin = text.origins.get(finding.line, Origin(MACROS, 1))
        complain(origin, finding.code, finding.message, finding.word, finding.hint)
    calls = {name: _called(tree) for name, tree in trees.items()}
    if way := dialect.circle(calls):
        origin = text.origins.get(trees[way[0]].lineno, Origin(MACROS, 1))
        complain(origin, "macro-circle", f"the macro calls itself: {' → '.join(way)}", way[0], "")
        return Macros()
    for name in NEEDED_MACROS:
        if name not in trees or trees[name].args:
            message = f"expected a macro `{name}()`; every channel's frame uses it"
            complain(Origin(MACROS, 1), "missing-macro", message, "", f"add `{{% macro {name}() %}}…{{% endmacro %}}`")
    return Macros(_by_macro(segments), trees, calls)


def _called(tree: nodes.Macro) -> frozenset[str]:
    return frozenset(call.node.name for call in tree.find_all(nodes.Call) if isinstance(call.node, nodes.Name))


def _by_macro(segments: Sequence[Segment]) -> dict[str, list[Segment]]:
    parts: dict[str, list[Segment]] = {}
    current: list[Segment] | None = None
    for segment in segments:
        if isinstance(segment, Tag) and segment.kind == "block" and (match := _MACRO.match(segment.inner)):
            current = parts.setdefault(match[1], [])
        if current is not None:
            current.append(segment)
        if isinstance(segment, Tag) and segment.kind == "block" and segment.inner.split()[:1] == ["endmacro"]:
            current = None
    return parts


def syntax_place(error: TemplateError, text: Assembled, path: str) -> Origin:
    """Where the author should look for a mistake that Jinja found in an assembled text."""
    line = getattr(error, "lineno", 1)
    before = [number for number in text.origins if number <= line]
    return text.origins[max(before)] if before else Origin(path, 1)
