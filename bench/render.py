"""``python -m bench.render``: what an email of 10 KB costs to render, against bare Jinja2 on the same text and data.

Bare Jinja2 gets the very texts that dangol has compiled (subject, HTML and plain-text twin, brand and macros put in)
and the same filters; it escapes, as it would anywhere, and has no sandbox, no limits and no cleaning of values. Both
run in this one process, in turn, so that what else the machine does falls on both.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any
from unittest.mock import patch

from babel.core import Locale
from jinja2 import Environment, StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment
from rich.console import Console
from rich.table import Table

from bench.letter import TEMPLATE, reader
from bench.phases import texts_of_the_letter
from dangol.content import workshop
from dangol.content.filters import TESTS, bounded, filters_for, url_part
from dangol.content.messages import Messages
from dangol.content.sandbox import Program
from dangol.content.tags import DELIMITERS
from dangol.model.vocabulary import Channel

AIM = 1.5
Context = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """One compiled part of the letter: its text with dangol's delimiters, and whether values in it are escaped."""

    source: str
    html: bool


def compiled() -> tuple[Messages, dict[str, list[Part]]]:
    """The letter as dangol compiles it, and the texts that it compiled, by locale."""
    parts: dict[str, list[Part]] = {}

    class Watched(Program):
        def __init__(self, text: Any, tree: Any, env: Any, facts: Any) -> None:
            super().__init__(text, tree, env, facts)
            locale = next(origin.path.split(".")[1] for origin in text.origins.values() if "/letter/" in origin.path)
            parts.setdefault(locale, []).append(Part(text.source, bool(env.autoescape)))

    with patch.object(workshop, "Program", Watched):
        return texts_of_the_letter(), parts


def bare(parts: Mapping[str, Sequence[Part]], kind: type[Environment]) -> Callable[[str, Context], list[str]]:
    """The same texts in a Jinja2 environment of ``kind``, with the same filters and nothing else of dangol's."""
    templates: dict[str, list[Template]] = {}
    for locale, own in parts.items():
        for part in own:
            made = kind(autoescape=part.html, undefined=StrictUndefined, **DELIMITERS)  # type: ignore[arg-type]
            made.filters |= {**filters_for(Locale.parse(locale)), "_bounded": bounded, "_url_part": url_part}
            made.tests |= TESTS
            templates.setdefault(locale, []).append(made.from_string(part.source))

    def render(locale: str, context: Context) -> list[str]:
        return [template.render(context) for template in templates[locale]]

    return render


def measure(people: Sequence[tuple[str, Context]], rounds: int) -> dict[str, float]:
    """Microseconds of CPU a letter, the median of ``rounds`` taken in turn."""
    messages, parts = compiled()
    plain, sandboxed = bare(parts, Environment), bare(parts, ImmutableSandboxedEnvironment)
    ways: dict[str, Callable[[str, Context], object]] = {
        "bare Jinja2 (the floor)": plain,
        "Jinja2's own sandbox": sandboxed,
        "dangol": lambda locale, context: messages.render(TEMPLATE, Channel.EMAIL, locale, context),
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, render in ways.items():
            began = time.process_time()
            for locale, context in people:
                render(locale, context)
            took[name].append((time.process_time() - began) / len(people) * 1e6)
    return {name: median(runs[1:]) for name, runs in took.items()}  # the first round warms the caches


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--people", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args(arguments)
    people = [
        (known["locale"], {"profile": known["attributes"], "event": {}}) for known in map(reader, range(options.people))
    ]
    messages, _ = compiled()
    sizes = [len(messages.render(TEMPLATE, Channel.EMAIL, *person).html.encode()) for person in people[:200]]
    found = measure(people, options.rounds)
    floor = found["bare Jinja2 (the floor)"]
    table = Table(title=f"One email of {sum(sizes) // len(sizes):,} bytes of HTML, its twin and its subject")
    for name in ("", "CPU µs", "× bare Jinja2"):
        table.add_column(name, justify="left" if not name else "right")
    for name, cost in found.items():
        table.add_row(name, f"{cost:.1f}", f"{cost / floor:.2f}")
    say = Console()
    say.print(table)
    ratio = found["dangol"] / floor
    met = "met" if ratio <= AIM else "missed"
    say.print(f"dangol costs {ratio:.2f} × bare Jinja2; the aim is at most {AIM} ×: {met}")


if __name__ == "__main__":
    main()
