"""Renders messages to be looked at, and gathers what is found wrong with them. Nothing here makes HTML of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from threading import Lock
from typing import Any, TypeVar

from dangol.content.check import Sent, examine
from dangol.content.messages import Messages, compile_messages
from dangol.content.phrasebook import Speaker
from dangol.content.tags import Tag
from dangol.content.voice import PATH, read_voice
from dangol.definitions.sources import Sources
from dangol.definitions.workspace import shared_path
from dangol.editor.facts import FactTable
from dangol.editor.model import Send
from dangol.editor.review import review
from dangol.editor.samples import DEFAULT, Sample, context
from dangol.errors import ProblemsFound, RenderError
from dangol.jurisdictions import readable_packs
from dangol.model.message import Rendered
from dangol.model.problem import Problem
from dangol.policy.law import Law
from dangol.surfaces.showing.book import Saying, TextName

Reader = Callable[[Saying, str], Mapping[str, Mapping[str, Any]]]
"""Whom a message is said to: gives the data for a saying in a locale."""

T = TypeVar("T")
_KEPT = 2_000
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
"""Of Markdown, in which the opt-out of an email is written; its label is what readers see."""


@dataclass(frozen=True, slots=True)
class Disclosed:
    """What is put into a text because it has to be said: ``label`` before it, ``opt_out`` at its end."""

    label: str = ""
    opt_out: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """One text as its reader gets it. ``rendered`` is None if it cannot be shown: then ``problems`` of its files or
    ``trouble`` with the reader's data say why. ``sent``: the campaign sends it on this channel."""

    text: TextName
    sent: bool
    sender: str = ""
    rendered: Rendered | None = None
    preheader: str = ""
    disclosed: Disclosed = Disclosed()
    trouble: str = ""
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class TableRow:
    """One fact: ``cells`` has how each column tells it, empty where it does not; ``differing`` columns are at fault."""

    kind: str
    value: str
    cells: tuple[str, ...]
    differing: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Table:
    """The facts that the texts of a message tell; ``columns`` are named by channel and locale."""

    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """What is found in a message's texts: problems, sorted by place, and tables of facts."""

    problems: tuple[Problem, ...] = ()
    tables: tuple[Table, ...] = ()


def to_sample(sample: Sample) -> Reader:
    """Somebody made up."""

    def reads(saying: Saying, locale: str) -> Mapping[str, Mapping[str, Any]]:
        return context(sample, saying.workspace.tracking_plan, saying.event, locale, needed=saying.needs)

    return reads


def to_person(fields: Mapping[str, Any]) -> Reader:
    """A person with this profile; what happened is made up."""
    made_up = to_sample(DEFAULT)

    def reads(saying: Saying, locale: str) -> Mapping[str, Mapping[str, Any]]:
        return {**made_up(saying, locale), "profile": fields}

    return reads


class Viewer:
    """Shows messages and keeps what it made of the same files before. Any number of threads may share one."""

    def __init__(self) -> None:
        self._kept: dict[object, Any] = {}
        self._lock = Lock()

    def show(self, saying: Saying, text: TextName, reader: Reader, jurisdictions: Sequence[str] = ()) -> Preview:
        """One text, said to ``reader``, who is bound by the packs of these codes."""
        sent = saying.campaign is None or text.channel in saying.channels
        compiled = self._compiled(saying, text)
        if not isinstance(compiled, Messages):
            return Preview(text, sent, problems=compiled)
        sender, disclosed = compiled.sender(text.channel, text.locale), self._disclosed(saying, text)
        try:
            context = reader(saying, text.locale)
            rendered = compiled.render(
                saying.message, text.channel, text.locale, context, saying.stage, jurisdictions=jurisdictions
            )
        except RenderError as error:
            return Preview(text, sent, sender, disclosed=disclosed, trouble=str(error))
        return Preview(text, sent, sender, rendered, preheader(rendered.html), disclosed)

    def findings(self, sayings: Iterable[Saying]) -> Findings:
        """What is wrong with the texts of one message, whoever sends it, and with the brand's files."""
        said = tuple(sayings)
        first = said[0]
        sends = [_send(one) for one in said]
        plan = first.workspace.sources.get(shared_path("tracking-plan"), "")
        policies = first.workspace.policies
        key = ("findings", _key(first.brand, first.own), str(sends), plan, policies.locale, str(policies.digests))
        return self._keep(key, lambda: _findings(first, sends))

    def _compiled(self, saying: Saying, text: TextName) -> Messages | tuple[Problem, ...]:
        """The text alone, so that mistakes in others do not hide it; or what is wrong with it."""
        sources = {**saying.brand, text.path: saying.own[text.path]}
        locale, encoding = saying.workspace.policies.locale, saying.workspace.policies.sms.encoding

        def make() -> Messages | tuple[Problem, ...]:
            try:
                return compile_messages(
                    sources,
                    templates=[saying.message],
                    purpose=saying.purpose,
                    default_locale=locale,
                    sms_encoding=encoding,
                    stages={saying.message: [saying.stage]},
                )
            except ProblemsFound as found:
                return found.problems

        key = ("compiled", _key(sources), saying.purpose, saying.stage, locale, encoding)
        return self._keep(key, make)

    def _disclosed(self, saying: Saying, text: TextName) -> Disclosed:
        key = ("disclosed", saying.brand.get(PATH, ""), saying.purpose, text.channel, text.locale)
        return self._keep(key, lambda: _disclosed(saying, text))

    def _keep(self, key: object, make: Callable[[], T]) -> T:
        found = self._kept.get(key)
        if found is None:
            found = make()
            with self._lock:
                while len(self._kept) >= _KEPT:
                    self._kept.pop(next(iter(self._kept)))
                self._kept[key] = found
        made: T = found
        return made


def _key(*sources: Sources) -> tuple[tuple[str, str], ...]:
    return tuple(item for one in sources for item in sorted(one.items()))


def _send(saying: Saying) -> Send:
    key = saying.campaign.key if saying.campaign else ""
    return Send(saying.message, saying.purpose, tuple(sorted(saying.channels)), saying.event, saying.stage, key)


def _findings(saying: Saying, sends: Sequence[Send]) -> Findings:
    """What the check and the editor find in the message's own files and the brand's."""
    workspace, sources = saying.workspace, {**saying.brand, **saying.own}
    plan, locale = workspace.tracking_plan, workspace.policies.locale
    sent = [Sent(one.template, one.purpose, one.channels, one.event, one.stage) for one in sends]
    served = Law(readable_packs(workspace.sources), workspace.policies.jurisdictions).served
    digests = [one.template for one in workspace.policies.digests.values()]
    examined = examine(
        sources,
        sends=sent,
        plan=plan,
        default_locale=locale,
        sms=workspace.policies.sms,
        served=served,
        digest_texts=digests,
    )
    reviewed = review(sources, sends=sends, plan=plan, default_locale=locale, examined=examined)
    tables = tuple(_table(one) for one in reviewed.tables if one.template == saying.message)
    return Findings(tuple(sorted({*examined.problems, *reviewed.problems})), tables)


def _table(table: FactTable) -> Table:
    columns = tuple(f"{channel.value} {locale}" for channel, locale in table.columns)
    rows = tuple(TableRow(one.kind.value, one.value, one.cells, one.differing) for one in table.rows)
    return Table(columns, rows)


def _disclosed(saying: Saying, text: TextName) -> Disclosed:
    voice, _ = read_voice(saying.brand[PATH], readable_packs(saying.workspace.sources))
    assert voice is not None  # the text was compiled with it
    spoken = next(name for name in (text.locale, text.locale.partition("-")[0]) if name in voice.voice.locales)
    speaker = Speaker(voice, text.locale, spoken, text.channel, saying.purpose)
    segments = speaker.said(speaker.opt_out(), lambda *_: None)
    opt_out = "".join(f"{{{{{one.inner}}}}}" if isinstance(one, Tag) else one for one in segments)
    return Disclosed(speaker.prefix.strip(), _LINK.sub(r"\1", opt_out).strip())


class _Preheader(HTMLParser):
    """Finds the first text of a body that no reader sees: mail programs show it beside the subject."""

    def __init__(self) -> None:
        super().__init__()
        self.found = ""
        self._depth = 0
        self._in_body = self._over = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        style = (dict(attrs).get("style") or "").replace(" ", "")
        if tag == "body":
            self._in_body = True
        elif self._in_body and not self._over and (self._depth or "display:none" in style):
            self._depth += tag == "div"
        elif self._in_body:
            self._over = True

    def handle_endtag(self, tag: str) -> None:
        if self._depth and tag == "div":
            self._depth -= 1
            self._over = self._depth == 0

    def handle_data(self, data: str) -> None:
        if self._depth:
            self.found += data


def preheader(html: str) -> str:
    """The hidden line at the top of an email; empty if it has none."""
    parser = _Preheader()
    parser.feed(html)
    return " ".join(parser.found.split())
