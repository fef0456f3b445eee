"""Campaigns that set one another off: does a chain of emitted events lead back to where it began?

A chain that is entered anew each time round never ends by itself; at run time it is cut after a number of hops. A
chain through `again: never` or through a `wait_for`, which hears once a journey, comes to rest by itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dangol.definitions.checks.flow import steps_of
from dangol.definitions.document import Document, Path
from dangol.model.problem import Problem


@dataclass(frozen=True, slots=True)
class Link:
    """One campaign emits what another one, or itself, hears. Campaigns go by the paths of their files.

    ``emits`` and ``hears`` are places in those files; ``bounded``: this cannot happen time and again.
    """

    source: str
    emits: Path
    event: str
    target: str
    hears: Path
    bounded: bool


Cycle = tuple[Link, ...]


def check_chains(documents: Sequence[Document]) -> Iterator[Problem]:
    """Every circle of campaigns is told in each of its campaigns, where that emits: whoever looks at one sees it."""
    links = list(_links(documents))
    by_path = {document.path: document for document in documents}
    for cycle in _cycles([link for link in links if not link.bounded]):
        for turned in _turns(cycle):
            yield _problem(turned, by_path, "campaigns set one another off without end", "error")
    for cycle in _cycles(links):
        if any(link.bounded for link in cycle):
            for turned in _turns(cycle):
                yield _problem(turned, by_path, "campaigns lead back to one another", "warning")


def _links(documents: Iterable[Document]) -> Iterator[Link]:
    listeners = [(document, *heard) for document in documents for heard in _heard(document)]
    for document in documents:
        for step in steps_of(document):
            event = document.text_at((*step.path, "emit")) if step.verb == "emit" else None
            for target, hears, heard, bounded in listeners:
                if event is not None and heard == event:
                    yield Link(document.path, (*step.path, "emit"), event, target.path, hears, bounded)


def _heard(document: Document) -> Iterator[tuple[Path, str, bool]]:
    """Where a campaign hears which event, and whether that is bounded."""
    entry: Path = ("entry", "event")
    if (event := document.text_at(entry)) is not None:
        declared = document.get(("entry",))
        once = declared.get("again", "never") == "never" and "key" not in declared
        yield entry, event, once
    for step in steps_of(document):
        path = (*step.path, "wait_for", "event")
        if step.verb == "wait_for" and (event := document.text_at(path)) is not None:
            yield path, event, True


def _cycles(links: Sequence[Link]) -> Iterator[Cycle]:
    """For every link the shortest way back to where it began; each circle once."""
    onward: dict[str, list[Link]] = {}
    for link in links:
        onward.setdefault(link.source, []).append(link)
    seen: set[frozenset[Link]] = set()
    for link in links:
        way = _way(onward, link.target, link.source)
        cycle = (link, *way) if way is not None else ()
        if cycle and frozenset(cycle) not in seen:
            seen.add(frozenset(cycle))
            yield cycle


def _way(onward: Mapping[str, Sequence[Link]], start: str, end: str) -> Cycle | None:
    """The shortest chain from one campaign to another; empty if they are the same, None if there is none."""
    ways: dict[str, Cycle] = {start: ()}
    rest = deque([start])
    while rest and end not in ways:
        here = rest.popleft()
        for link in onward.get(here, ()):
            if link.target not in ways:
                ways[link.target] = (*ways[here], link)
                rest.append(link.target)
    return ways.get(end)


def _turns(cycle: Cycle) -> Iterator[Cycle]:
    """The same circle, begun at each of its campaigns."""
    for start in range(len(cycle)):
        yield (*cycle[start:], *cycle[:start])


def _problem(cycle: Cycle, documents: dict[str, Document], what: str, severity: str) -> Problem:
    first = cycle[0]
    chain = "; ".join(_told(link, documents) for link in cycle)
    hint = "take one `emit` out, or let one campaign take each person once (`again: never`)"
    return documents[first.source].problem(
        "emit-cycle",
        first.emits,
        f"{what}: {chain}",
        hint=hint if severity == "error" else "each person goes round once",
        severity=severity,
    )


def _told(link: Link, documents: dict[str, Document]) -> str:
    emits, _ = documents[link.source].place(link.emits)
    hears, _ = documents[link.target].place(link.hears)
    way = "begins" if link.hears[0] == "entry" else "goes on in"
    return f"{link.source}:{emits} emits `{link.event}`, which {way} {link.target}:{hears}"
