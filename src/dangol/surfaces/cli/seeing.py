"""``dangol preview`` and ``dangol gallery``: what messages look like, from the files as they are now."""

from __future__ import annotations

import json
import tempfile
import webbrowser
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from dangol.bootstrap import open_dangol
from dangol.clock import SystemClock
from dangol.editor.samples import DEFAULT, SAMPLES, Sample, sample_named
from dangol.errors import ProblemsFound, UsageError
from dangol.jurisdictions import readable_packs
from dangol.ledger.words import Language
from dangol.model.durations import format_duration
from dangol.model.jurisdiction import Pack
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel
from dangol.settings import Settings
from dangol.surfaces import inquiry
from dangol.surfaces.cli.check import report_problems, telling_problems, workspace_root
from dangol.surfaces.showing.book import Book, Saying, book_of_files
from dangol.surfaces.showing.pieces import Link, Sheet, index_document, message_document
from dangol.surfaces.showing.sheets import campaigns_of, chosen, rows_of, sheet_for, sheet_of
from dangol.surfaces.showing.viewing import Preview, Reader, Viewer, to_person, to_sample
from dangol.surfaces.showing.words import WORDS

_SAMPLES = ", ".join(sample.key for sample in SAMPLES)
_MADE_BY = '<meta name="generator" content="dangol">'


class Tongue(StrEnum):
    EN = "en"
    KO = "ko"


LanguageOption = Annotated[
    Tongue | None, typer.Option("--language", help="The language around the messages; the workspace's by default.")
]


def preview(
    message: Annotated[str, typer.Argument(metavar="MESSAGE", help="The message: a folder of templates/.")],
    profile: Annotated[
        str | None, typer.Option(help="Say it to this customer of the installation, by the back end's id.")
    ] = None,
    sample: Annotated[str | None, typer.Option(help=f"Say it to somebody made up: {_SAMPLES}.")] = None,
    campaign: Annotated[str | None, typer.Option(help="As this campaign sends it; the first that does.")] = None,
    channel: Annotated[Channel | None, typer.Option(help="This channel only.")] = None,
    locale: Annotated[str | None, typer.Option(help="This locale only.")] = None,
    jurisdiction: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="As somebody there gets it, with the labels of its law: KR, US, US-FL …"),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="An HTML file to write, which needs no other.")] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
    language: LanguageOption = None,
) -> None:
    """Show a message as its reader gets it, from the files as they are now, committed or not.

    Exit code 1 if a text has mistakes; the others are shown all the same.
    """
    if profile is not None and sample is not None:
        raise UsageError("--profile and --sample name two readers; give one of them")
    root = workspace_root(())
    with telling_problems(root):
        book = _book(root)
    saying = book.saying(message, campaign)
    texts, codes = (
        chosen(saying, channel, locale),
        _jurisdictions(jurisdiction or (), readable_packs(saying.workspace.sources)),
    )
    reader, called = _reader(profile, sample)
    sheet = sheet_for(
        Viewer(), book, saying, reader, texts, called=called, real=profile is not None, jurisdictions=codes
    )
    console = Console(highlight=False)
    if profile is not None:
        typer.echo(f"This shows personal data: the profile of {profile!r}. What happened is made up.", err=True)
    console.print(_terminal(sheet))
    if output is not None or open_it:
        _deliver(message_document(sheet, _language(language, book)), message, output, open_it)
    _end(root, _of_texts(sheet))


def gallery(
    output: Annotated[Path, typer.Option(help="The folder to write into.")] = Path("gallery"),
    open_it: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
    language: LanguageOption = None,
) -> None:
    """Write every message, in all channels and locales and for every sample, as HTML pages without scripts.

    Exit code 1 if texts have mistakes; the others are shown all the same.
    """
    root = workspace_root(())
    with telling_problems(root):
        book = _book(root)
    viewer = Viewer()
    pages = dict(_pages(viewer, book, _language(language, book)))
    _write(output, pages)
    typer.echo(f"{output / 'index.html'}: {_count(len(book.sayings), 'message')} on {_count(len(pages), 'page')}")
    if open_it:
        _open(output / "index.html")
    problems = {one for sayings in book.sayings.values() for one in viewer.findings(sayings).problems}
    _end(root, sorted({*book.problems, *problems}))


def _book(root: Path) -> Book:
    book = book_of_files(root, now=SystemClock().now())
    if not book.sayings and book.problems:
        raise ProblemsFound(book.problems)
    return book


def _jurisdictions(codes: Sequence[str], packs: Mapping[str, Pack]) -> tuple[str, ...]:
    """These codes. Raises UsageError for one that there is no pack for."""
    known = {code.upper(): code for code in packs}
    for code in codes:
        if code.upper() not in known:
            raise UsageError(f"--jurisdiction: found no rules for {code[:20]!r}; there are {', '.join(sorted(packs))}")
    return tuple(known[code.upper()] for code in codes)


def _reader(profile: str | None, sample: str | None) -> tuple[Reader, Link]:
    if profile is None:
        made_up = sample_named(sample) if sample is not None else DEFAULT
        return to_sample(made_up), Link(made_up.key, made_up.about, "")
    with open_dangol(Settings()) as dangol, dangol.database.read() as tx:
        return to_person(inquiry.find_person(tx, profile).fields()), Link(profile, "", "")


def _language(asked: Tongue | None, book: Book) -> Language:
    locale = next((sayings[0].workspace.policies.locale for sayings in book.sayings.values()), "en")
    if asked is not None:
        return "ko" if asked is Tongue.KO else "en"
    return "ko" if locale.partition("-")[0] == "ko" else "en"


def _of_texts(sheet: Sheet) -> list[Problem]:
    """What is found in the texts that are shown, and in what they are made with."""
    hidden = {text.path for text in sheet.saying.texts} - {one.text.path for one in sheet.previews}
    return [problem for problem in sheet.findings.problems if problem.path not in hidden]


def _end(root: Path, problems: Sequence[Problem]) -> None:
    """Tell problems as `check` does, with its exit code."""
    if problems:
        report_problems(root, problems, err=True)
    if any(problem.severity == "error" for problem in problems):
        raise typer.Exit(1)


def _terminal(sheet: Sheet) -> Group:
    saying = sheet.saying
    who = f"{saying.campaign.key}, {saying.purpose.value}" if saying.campaign else WORDS["en"]["unsent"]
    who = " · ".join([*(f"the digest {key}" for key in saying.digests), who])
    said_to = " · ".join(f"said to {link.name}{f' ({link.about})' if link.about else ''}" for link in sheet.samples)
    head = Text.assemble((saying.message, "bold"), (f" · {who} · {said_to}", "dim"))
    return Group(head, *(part for one in sheet.previews for part in _text(one)))


def _text(shown: Preview) -> Iterator[RenderableType]:
    rendered, channel = shown.rendered, shown.text.channel
    yield Text(f"\n{channel.value} {shown.text.locale}", style="bold")
    if not shown.sent:
        yield Text(WORDS["en"]["not_sent"], style="yellow")
    if rendered is None:
        why = shown.trouble or "it has mistakes, which are told below"
        yield Text(f"cannot be shown: {why}", style="red")
        return
    rows = {"From": shown.sender}
    if channel is Channel.EMAIL:
        rows |= {"Subject": rendered.subject, "Preheader": shown.preheader or "none"}
    if channel is Channel.PUSH:
        rows |= {"Title": rendered.subject, "Link": rendered.link or "none"}
    if channel is Channel.SMS:
        rows["Size"] = str(rendered.size or _count(rendered.segments, "segment"))
    rows |= {"Image": rendered.image} if rendered.image else {}
    rows |= {"Replaces": rendered.collapse_key} if rendered.collapse_key else {}
    rows |= {"Wanted for": format_duration(rendered.ttl)} if rendered.ttl else {}
    rows |= {"Changed": json.dumps(dict(rendered.notes), ensure_ascii=False)} if rendered.notes else {}
    disclosed = shown.disclosed
    rows |= {"Label": disclosed.label} if disclosed.label else {}
    rows |= {"Opt-out": disclosed.opt_out} if disclosed.opt_out else {}
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(Text(name, style="dim"), Text(value))
    yield table
    yield Panel(Text(rendered.text.rstrip("\n")), box=box.ROUNDED, width=_WIDTHS[channel])


_WIDTHS = {Channel.EMAIL: 78, Channel.SMS: 44, Channel.PUSH: 50}


def _deliver(html: str, message: str, output: Path | None, open_it: bool) -> None:
    file = output or Path(tempfile.mkdtemp(prefix="dangol-")) / f"{message}.html"
    try:
        file.write_text(html, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}") from error
    typer.echo(str(file))
    if open_it:
        _open(file)


def _open(file: Path) -> None:
    if not webbrowser.open(file.resolve().as_uri()):
        typer.echo(f"no browser could be opened; open {file} yourself", err=True)


def _pages(viewer: Viewer, book: Book, language: Language) -> Iterator[tuple[str, str]]:
    """Name and text of every file."""
    yield "index.html", index_document(rows_of(viewer, book, _href), book, language)
    for message in book.sayings:
        for key in campaigns_of(book, message):
            saying: Saying = book.saying(message, key)
            for sample in SAMPLES:
                sheet = sheet_of(viewer, book, saying, sample, _href, index="index.html")
                yield _href(message, sample, key), message_document(sheet, language)


def _href(message: str, sample: Sample, campaign: str | None) -> str:
    return (
        "--".join([message, *([sample.key] if sample != DEFAULT else []), *([campaign] if campaign else [])]) + ".html"
    )


def _write(folder: Path, pages: dict[str, str]) -> None:
    """Write the pages; those of an earlier gallery that are no more are removed, and nothing else is touched."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        others = [file.name for file in sorted(folder.glob("*.html")) if not _is_ours(file)]
        if mine := sorted(set(others) & pages.keys()):
            raise UsageError(f"{folder / mine[0]} is there already and no page of a gallery; choose another --output")
        for file in folder.glob("*.html"):
            if file.name not in pages and file.name not in others:
                file.unlink()
        for name, text in pages.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write the gallery to {folder}: {error.strerror}") from error


def _is_ours(file: Path) -> bool:
    with file.open("rb") as stream:
        return _MADE_BY.encode() in stream.read(600)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
