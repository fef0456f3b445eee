"""Turns sources into texts that are ready to run, and collects every problem on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from jinja2 import TemplateError, TemplateSyntaxError, nodes

from dangol.content import dialect, email, sandbox, voice
from dangol.content.links import IMAGES, Links, in_push
from dangol.content.phrasebook import Complain, Macros, Speaker, read_macros, syntax_place
from dangol.content.sandbox import Program
from dangol.content.sources import LAYOUT, MACROS, REQUIRED, TextFile, read_sources
from dangol.content.tags import Assembled, Origin, Segment, Slots, Tag, assemble, cut, unused_prefix
from dangol.jurisdictions import readable_packs
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel, Purpose

_MORE = ("image", "collapse_key", "preheader", "short", "tail")


@dataclass(frozen=True, slots=True)
class FactUsed:
    """``profile.name``, ``event.value`` or ``links.preferences`` as a text uses it, and where."""

    scope: str
    name: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Text:
    """One text ready to run. ``prefix`` is the disclosure before subject, title or SMS.

    ``subject``, ``html`` and ``link`` are None on channels without them. ``more`` has what only some texts have:
    ``image``, ``collapse_key``, ``short``, an email's ``preheader`` and the ``tail`` that no cut may take from a push.
    """

    file: TextFile
    prefix: str
    body: Program
    subject: Program | None
    html: Program | None
    link: Program | None
    facts: tuple[FactUsed, ...]
    variables: frozenset[tuple[str, str]]
    static: Mapping[str, str]
    more: Mapping[str, Program] = field(default_factory=dict)
    written: tuple[tuple[Assembled, nodes.Template], ...] = ()
    """The parts as their author wrote them, parsed; only for a check."""
    macros: Mapping[str, nodes.Macro] = field(default_factory=dict)


class Workshop:
    """The workspace's sources, read once. ``problems`` fills while reading and compiling.

    With ``checking`` the parsed texts are kept, which take much room.
    """

    def __init__(self, sources: Mapping[str, str], *, checking: bool = False) -> None:
        self._checking = checking
        self._sources = {path: text.replace("\r\n", "\n").replace("\r", "\n") for path, text in sources.items()}
        files, self.problems = read_sources(self._sources)
        self.files = {(file.template, file.channel, file.locale): file for file in files}
        self.packs = readable_packs(sources)
        self._prefix = unused_prefix(self._sources.values())
        self._macros: dict[tuple[str, Channel, Purpose, str], Macros | None] = {}
        self._errors = 0
        self.voice = self._read_voice()

    def _read_voice(self) -> voice.VoiceFile | None:
        absent = [path for path in (voice.PATH, LAYOUT, MACROS) if path not in self._sources]
        message = "every workspace needs this file; found none"
        self.problems += [Problem(path, 1, 1, "missing-file", message) for path in absent]
        if voice.PATH in absent:
            return None
        read, problems = voice.read_voice(self._sources[voice.PATH], self.packs)
        self.problems += problems
        return None if problems else read

    def complain(
        self, origin: Origin, code: str, message: str, word: str = "", hint: str = "", severity: str = "error"
    ) -> None:
        """Record a problem, with the column of ``word`` in its line."""
        lines = self._sources.get(origin.path, "").split("\n")
        line = lines[origin.line - 1] if 0 < origin.line <= len(lines) else ""
        column = dialect.column(line, word)
        problem = Problem(origin.path, origin.line, column, code, message, hint, severity)
        self._errors += severity == "error"
        if problem not in self.problems:
            self.problems.append(problem)

    def locales(self, template: str, channel: Channel) -> list[str]:
        return sorted(locale for name, via, locale in self.files if (name, via) == (template, channel))

    def compile(self, file: TextFile, purpose: Purpose, stage: str = "") -> Text | None:
        """The text ready to run; None if there are problems, which are then recorded."""
        bench = self.bench(file, purpose, stage)
        if bench is None:
            return None
        before = self._errors
        self._look_for_hand_typed(file)
        text = self._build(file, bench)
        return text if self._errors == before else None

    def stage_of(self, file: TextFile, stage: str) -> str:
        """``stage`` if the voice has words of its own for this text in it, else the empty stage that all share."""
        told = self.voice.voice.locales.get(self._spoken(file)) if self.voice is not None else None
        wording = told.stages.get(stage) if told is not None else None
        return stage if wording is not None and file.channel in {*wording.salutation, *wording.sign_off} else ""

    def _spoken(self, file: TextFile) -> str:
        """The locale of the voice that serves the text; empty if there is none."""
        voices = self.voice.voice.locales if self.voice is not None else {}
        return next((name for name in (file.locale, file.locale.partition("-")[0]) if name in voices), "")

    def bench(self, file: TextFile, purpose: Purpose, stage: str = "") -> Bench | None:
        """Where the text is made: its speaker and macros. None if there are problems, which are then recorded."""
        if self.voice is None or any(path not in self._sources for path in (LAYOUT, MACROS)):
            return None
        spoken = self._spoken(file)
        if not spoken:
            message, hint = f"the brand has no voice for `{file.locale}`", f"add `{file.locale}:` to {voice.PATH}"
            self.complain(Origin(file.path, 1), "missing-voice", message, "", hint)
            return None
        speaker = Speaker(self.voice, file.locale, spoken, file.channel, purpose, self.stage_of(file, stage))
        macros = self._macros_of(speaker)
        return Bench(speaker, macros, self.complain) if macros is not None else None

    def _macros_of(self, speaker: Speaker) -> Macros | None:
        """The macros as the speaker says them; None if something is wrong with them."""
        key = speaker.locale, speaker.channel, speaker.purpose, speaker.stage
        if key not in self._macros:
            before = self._errors
            macros = read_macros(self._sources[MACROS], speaker, self.complain)
            self._macros[key] = macros if self._errors == before else None
        return self._macros[key]

    def _look_for_hand_typed(self, file: TextFile) -> None:
        for number, line in enumerate(file.text.split("\n"), 1):
            if match := voice.HAND_TYPED.search(line):
                message = f"found `{match[0]}`; labels and opt-out lines are put in by dangol"
                hint = "remove it here"
                self.complain(Origin(file.path, number), "disclosure-by-hand", message, match[0], hint)

    def _build(self, file: TextFile, bench: Bench) -> Text | None:
        front = {key: bench.segments(text, origin) for key, (text, origin) in file.front.items()}
        body = bench.segments(file.body, file.body_origin, linewise=file.channel is not Channel.EMAIL)
        before = self._errors
        for segments in (*front.values(), body):
            bench.check(segments, file.path)
        if self._errors > before or not file.front.keys() >= set(REQUIRED[file.channel]):
            return None
        parts = _parts(file, bench, front, body, Slots(self._prefix), self._sources[LAYOUT])
        if parts is None:
            return None
        programs: dict[str, Program] = {}
        for name, part in parts.items():
            if program := bench.program(part, file.path, html=name == "html"):
                programs[name] = program
        if programs.keys() != parts.keys():
            return None
        return Text(
            file,
            bench.speaker.prefix,
            programs["body"],
            programs.get("subject"),
            programs.get("html"),
            programs.get("link"),
            tuple(bench.facts),
            frozenset((fact.scope, fact.name) for fact in bench.facts),
            {name: _static(part) for name, part in parts.items()},
            {name: program for name, program in programs.items() if name in _MORE},
            tuple(bench.written) if self._checking else (),
            bench.macros.trees if self._checking else {},
        )


def _parts(
    file: TextFile,
    bench: Bench,
    front: Mapping[str, Sequence[Segment]],
    body: Sequence[Segment],
    slots: Slots,
    layout: str,
) -> dict[str, list[Segment]] | None:
    greeting, sign_off = (bench.frame(f"{name}()") for name in ("greeting", "sign_off"))
    opt_out = bench.speaker.said(bench.speaker.opt_out(), bench.complain)
    if file.channel is Channel.EMAIL:
        footer = [*bench.speaker.said(bench.speaker.footer(), bench.complain), "\n\n", *opt_out]
        draft = email.Draft(file, front, body, footer, greeting, sign_off)
        return email.build(draft, bench.speaker, slots, layout, bench.complain)
    closing: list[Segment] = ["\n", sign_off] if bench.speaker.sign_off().text.strip() else []
    last: list[Segment] = ["\n", *opt_out] if opt_out else []
    if file.channel is Channel.SMS:
        sms = {"body": [bench.speaker.label, greeting, *_stripped(body), *closing, *last]}
        if "short" in front:
            sms["short"] = [bench.speaker.label, *_stripped(front["short"]), *closing, *last]
        return sms
    parts = _push(file, bench, front, slots)
    if file.options.fit:
        return parts | {"body": [greeting, *_stripped(body)], "tail": [*closing, *last]}
    return parts | {"body": [greeting, *_stripped(body), *closing, *last]}


def _push(
    file: TextFile, bench: Bench, front: Mapping[str, Sequence[Segment]], slots: Slots
) -> dict[str, list[Segment]]:
    parts = {"subject": [bench.speaker.label, *front["title"]]}
    for key, links in (("link", in_push(bench.speaker.schemes)), ("image", IMAGES)):
        if key in front:
            parts[key] = _guarded_link(file, key, front[key], links, slots, bench.complain)
    if "collapse_key" in front:
        parts["collapse_key"] = list(front["collapse_key"])
    return parts


def _guarded_link(
    file: TextFile, key: str, link: Sequence[Segment], links: Links, slots: Slots, complain: Complain
) -> list[Segment]:
    target = slots.lay(link)
    place = file.front[key][1]
    links.guard(target, slots, lambda code, message, _: complain(place, code, message, key, ""))
    return list(slots.lift(target))


def _stripped(segments: Sequence[Segment]) -> list[Segment]:
    stripped = list(segments)
    if stripped and isinstance(stripped[0], str):
        stripped[0] = stripped[0].lstrip()
    if stripped and isinstance(stripped[-1], str):
        stripped[-1] = stripped[-1].rstrip()
    return stripped


def _static(segments: Sequence[Segment]) -> str:
    """The text that is there for every reader: outside all blocks."""
    depth = 0
    pieces: list[str] = []
    for segment in segments:
        if isinstance(segment, str):
            pieces += [segment] if depth == 0 else []
        elif segment.kind == "block":
            word = segment.inner.split(maxsplit=1)[0]
            depth += (word in {"if", "for"}) - word.startswith("end")
    return "".join(pieces)


class Bench:
    """Where the parts of one text are cut, checked and compiled."""

    def __init__(self, speaker: Speaker, macros: Macros, complain: Complain) -> None:
        self.speaker = speaker
        self.macros = macros
        self.complain = complain
        self.facts: list[FactUsed] = []
        self.written: list[tuple[Assembled, nodes.Template]] = []

    def segments(self, text: str, origin: Origin, *, linewise: bool = False) -> list[Segment]:
        try:
            return self.speaker.expand(cut(text, origin, linewise=linewise), self.complain)
        except TemplateSyntaxError as error:
            self.complain(Origin(origin.path, error.lineno), "template-syntax", str(error.message), "", "")
            return []

    def frame(self, call: str) -> Tag:
        """A call of one of the macros that every channel's frame makes."""
        name = call.partition("(")[0]
        written = self.macros.segments[name]
        return Tag("output", call, next((tag.origin for tag in written if isinstance(tag, Tag)), Origin(MACROS, 1)))

    def check(self, segments: Sequence[Segment], path: str) -> None:
        """Look at a part as its author wrote it, so that what is wrong is told where it stands."""
        text = assemble(segments)
        if found := self._read(text, path, authored=True):
            self.written.append((text, found[0]))

    def _read(
        self, text: Assembled, path: str, *, authored: bool = False
    ) -> tuple[nodes.Template, dialect.Reading] | None:
        env = sandbox.environment(self.speaker.locale, html=False, schemes=self.speaker.schemes)
        try:
            tree = sandbox.parse(env, text.source)
        except TemplateError as error:
            self.complain(syntax_place(error, text, path), "template-syntax", _syntax(error), "", "")
            return None
        filters = {name: filter for name, filter in env.filters.items() if not (authored and name.startswith("_"))}
        reading = dialect.read(tree, filters=filters, macros=self.macros.trees, defines_macros=not authored)
        for finding in reading.findings:
            origin = text.origins.get(finding.line, Origin(path, 1))
            self.complain(origin, finding.code, finding.message, finding.word, finding.hint)
        return tree, reading

    def program(self, segments: Sequence[Segment], path: str, *, html: bool) -> Program | None:
        """Compile one part with the macros it calls. The part of an ``html`` program is mark-up already."""
        alone = self._read(assemble(segments), path)
        if alone is None or alone[1].findings:
            return None
        change: Callable[[str], str] = escape if html else str
        macros = [s if isinstance(s, Tag) else change(s) for s in self.macros.needed(alone[1].macros)]
        text = assemble([*macros, *segments])
        found = self._read(text, path)
        if found is None:
            return None
        tree, reading = found
        used = [FactUsed(fact.scope, fact.name, text.origins.get(fact.line, Origin(path, 1))) for fact in reading.facts]
        self.facts += [fact for fact in dict.fromkeys(used) if fact not in self.facts]
        names = frozenset((fact.scope, fact.name) for fact in used)
        try:
            env = sandbox.environment(self.speaker.locale, html=html, schemes=self.speaker.schemes)
            return Program(text, tree, env, names)
        except TemplateError as error:
            self.complain(Origin(path, 1), "too-deep", _syntax(error), "", "")
            return None


def _syntax(error: TemplateError) -> str:
    """Jinja's words without the delimiters that authors never see."""
    message = str(error.message)
    for mine, theirs in (("\ue000", "{{"), ("\ue001", "}}"), ("\ue002", "{%"), ("\ue003", "%}")):
        message = message.replace(mine, theirs)
    return message.replace("end of print statement", "`}}`").replace("end of statement block", "`%}`")
