"""``dangol doctor``: everything that a tired operator would forget, and how to mend it."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from dataclasses import asdict
from typing import Annotated

import typer

from dangol.settings import Settings
from dangol.surfaces.doctor.checks import Check, examine
from dangol.surfaces.doctor.finding import Finding, Verdict
from dangol.surfaces.doctor.visit import Visit

_WIDTH = 80
_MARKS = {
    Verdict.FINE: ("fine", typer.colors.GREEN),
    Verdict.WARNING: ("warning", typer.colors.YELLOW),
    Verdict.PROBLEM: ("PROBLEM", typer.colors.RED),
    Verdict.UNANSWERED: ("unknown", typer.colors.MAGENTA),
    Verdict.SKIPPED: ("-", typer.colors.BRIGHT_BLACK),
}
_COUNTED = {
    Verdict.PROBLEM: ("problem", "problems"),
    Verdict.UNANSWERED: ("could not be asked",) * 2,
    Verdict.WARNING: ("warning", "warnings"),
    Verdict.FINE: ("fine",) * 2,
    Verdict.SKIPPED: ("not asked",) * 2,
}
_MARK_WIDTH = 9


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Ask nobody but the database and the broker.")] = False,
    web: Annotated[str, typer.Option(metavar="URL", help="Where `dangol web` answers, to ask for its health.")] = "",
    dns_server: Annotated[str, typer.Option(metavar="HOST", help="The name server to ask; HOST or HOST:PORT.")] = "",
    processes: Annotated[
        int, typer.Option(min=1, max=10_000, help="How many processes share the database, on all machines.")
    ] = 4,
    timeout: Annotated[float, typer.Option(min=0.1, max=60, help="Seconds that one question may take.")] = 5.0,
) -> None:
    """Look at settings, database, broker, carriers and DNS; say what is wrong, why it matters and how to mend it.

    Changes and sends nothing. Exit code 0 if all is fine, 1 for problems, 3 if something could not be asked.
    """
    visit = Visit(Settings(), offline=offline, web=web, dns_server=dns_server, processes=processes, timeout=timeout)
    counts: Counter[Verdict] = Counter()
    told = []
    try:
        for check, found in examine(visit):
            counts.update(finding.verdict for finding in found)
            told += [{"check": check.name, **asdict(finding)} for finding in found]
            if not as_json:
                _print(check, found)
    finally:
        visit.close()
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        summary = (f"{counts[verdict]} {words[counts[verdict] != 1]}" for verdict, words in _COUNTED.items())
        typer.echo("\n" + ", ".join(summary))
    if counts[Verdict.UNANSWERED]:
        raise typer.Exit(3)
    if counts[Verdict.PROBLEM]:
        raise typer.Exit(1)


def _print(check: Check, found: list[Finding]) -> None:
    for finding in found:
        mark, colour = _MARKS[finding.verdict]
        lines = _wrapped(f"{check.name}: {finding.what}", "")
        typer.secho(mark.ljust(_MARK_WIDTH), fg=colour, nl=False)
        typer.echo(lines[0].removeprefix(" " * _MARK_WIDTH))
        for line in lines[1:]:
            typer.echo(line)
        if finding.fix:
            for line in (*_wrapped(finding.why, "why: "), *_wrapped(finding.fix, "do:  ")):
                typer.echo(line)


def _wrapped(text: str, label: str) -> list[str]:
    indent = " " * _MARK_WIDTH
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent + label,
        subsequent_indent=indent + " " * len(label),
        break_long_words=False,
        break_on_hyphens=False,
    )
