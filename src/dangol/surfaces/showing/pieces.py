"""The HTML of messages that are shown: pieces for the pages, and documents that need no other file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from dangol import __version__
from dangol.definitions.sources import Sources
from dangol.ledger.words import Language
from dangol.model.durations import format_duration
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel
from dangol.surfaces.showing.book import Book, Saying
from dangol.surfaces.showing.frames import WIDTHS, Look, framed, height
from dangol.surfaces.showing.viewing import Findings, Preview
from dangol.surfaces.showing.words import WORDS, language_of, locale_name

_EXCERPT = 140


@dataclass(frozen=True, slots=True)
class Link:
    """A choice: its name, what it means, where it leads; ``href`` is empty where there is nothing to choose."""

    name: str
    about: str
    href: str
    current: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """Everything on the page of one message. ``real``: it is said to a real person."""

    saying: Saying
    previews: tuple[Preview, ...]
    findings: Findings = field(default_factory=Findings)
    samples: tuple[Link, ...] = ()
    campaigns: tuple[Link, ...] = ()
    index: str = ""
    real: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A message in the list of all."""

    name: str
    href: str
    sayings: tuple[Saying, ...]
    findings: Findings


@dataclass(frozen=True, slots=True)
class Told:
    """A problem with its line, cut around the place: what stands before it, at it and after it."""

    problem: Problem
    before: str = ""
    at: str = ""
    after: str = ""


def told(problems: Iterable[Problem], sources: Sources) -> list[Told]:
    """The problems with their lines, as far as the files have them."""
    found = []
    for problem in problems:
        lines = sources.get(problem.path, "").split("\n")
        if problem.path not in sources or problem.line > len(lines):
            found.append(Told(problem))
            continue
        line, place = lines[problem.line - 1], problem.column - 1
        start = max(0, place - _EXCERPT // 2)
        end = start + _EXCERPT
        before, after = line[start:place], line[place + 1 : end]
        found.append(Told(problem, ("…" if start else "") + before, line[place : place + 1], after))
    return found


def message_piece(sheet: Sheet, language: Language) -> str:
    """A message in all its texts, as part of a page."""
    return _render("message.html", language, **_message_values(sheet))


def index_piece(rows: Sequence[Row], book: Book, language: Language) -> str:
    """The list of all messages, as part of a page."""
    return _render("index.html", language, **_index_values(rows, book))


def message_document(sheet: Sheet, language: Language) -> str:
    """A message as an HTML file that needs no other."""
    return _document(sheet.saying.message, message_piece(sheet, language), language)


def index_document(rows: Sequence[Row], book: Book, language: Language) -> str:
    """The list of all messages as an HTML file that needs no other but those it links to."""
    return _document(WORDS[language]["messages"], index_piece(rows, book, language), language)


def broken_piece(book: Book, language: Language) -> str:
    """What is wrong with files that keep everything from being shown."""
    return _render("broken.html", language, told=told(book.problems, book.sources))


def looks() -> str:
    """The style sheet of the pieces."""
    return _data("showing.css")


def _message_values(sheet: Sheet) -> dict[str, Any]:
    saying, problems = sheet.saying, sheet.findings.problems
    sources = saying.workspace.sources
    paths = {one.text.path for one in sheet.previews}
    by_channel: dict[Channel, list[Preview]] = {}
    for preview in sheet.previews:
        by_channel.setdefault(preview.text.channel, []).append(preview)
    return {
        "sheet": sheet,
        "saying": saying,
        "stage": {stage.key: stage.name for stage in saying.workspace.journey_map.stages}.get(
            saying.stage, saying.stage
        ),
        "by_channel": by_channel,
        "findings": {path: told([one for one in problems if one.path == path], sources) for path in paths},
        "mistakes": {one.text.path: told(one.problems, sources) for one in sheet.previews},
        "elsewhere": told([one for one in problems if one.path not in paths], sources),
        "widths": WIDTHS,
        "looks": list(Look),
        "framed": framed,
        "height": height,
    }


def _index_values(rows: Sequence[Row], book: Book) -> dict[str, Any]:
    return {"rows": rows, "told": told(book.problems, book.sources), "counted": counted}


def counted(problems: Iterable[Problem]) -> dict[str, int]:
    """How many of each severity, the worst first."""
    found = [problem.severity for problem in problems]
    return {severity: found.count(severity) for severity in ("error", "warning", "note") if severity in found}


def _document(title: str, piece: str, language: Language) -> str:
    css = f"{_pages_css()}\n{looks()}"
    return _render("document.html", language, title=title, piece=piece, css=css)


def _render(template: str, language: Language, **values: Any) -> str:
    words = WORDS[language]
    return _TEMPLATES.get_template(template).render(
        language=language, words=words, version=__version__, locale_name=locale_name, **values
    )


def _data(name: str) -> str:
    return files("dangol.surfaces.showing").joinpath("templates", name).read_text(encoding="utf-8")


def _pages_css() -> str:
    return files("dangol.surfaces.pages").joinpath("static", "style.css").read_text(encoding="utf-8")


_TEMPLATES = Environment(
    loader=PackageLoader("dangol.surfaces.showing"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters.update(language=language_of, duration=format_duration)
