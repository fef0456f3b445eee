"""What is found in the facts of all messages: problems at their places, fact tables, the fragmentation of campaigns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from dangol.editor.facts.compare import SEVERITY, Comparison, Finding, Rule, compare, counts
from dangol.editor.facts.model import Fact, Kind, Rendering
from dangol.editor.facts.rows import Row
from dangol.editor.facts.shown import shown
from dangol.model.fragmentation import Fragmentation, together
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel


class Place(NamedTuple):
    """Where something is written; line and column count from 1."""

    path: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


Locate = Callable[[Rendering, Fact | None], Place]
"""Where a fact of a rendering is written; without a fact, where the rendering's body begins."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One fact: ``cells`` has how each column tells it, empty where it does not; ``differing`` are columns at fault."""

    kind: Kind
    value: str
    cells: tuple[str, ...]
    differing: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class FactTable:
    """What the texts of one message tell, said to one sample."""

    template: str
    sample: str
    columns: tuple[tuple[Channel, str], ...]
    rows: tuple[TableRow, ...]


@dataclass(frozen=True, slots=True)
class FactReview:
    """``problems`` are sorted; there is a table for each message and a number for each campaign."""

    problems: tuple[Problem, ...] = ()
    tables: tuple[FactTable, ...] = ()
    fragmentation: Mapping[str, Fragmentation] = field(default_factory=dict)


def review(
    renderings: Iterable[Rendering],
    locate: Locate,
    *,
    default_locale: str = "",
    own: frozenset[str] = frozenset(),
) -> FactReview:
    """Compare all texts of each message, sample by sample. ``own`` is the brand's own data, as for ``extract``."""
    messages: dict[str, dict[str, list[Rendering]]] = {}
    for one in renderings:
        messages.setdefault(one.template, {}).setdefault(one.sample, []).append(one)
    gathered = _Problems(locate)
    tables: list[FactTable] = []
    counted: dict[str, list[Fragmentation]] = {}
    for _, samples in sorted(messages.items()):
        compared = [compare(texts, default_locale=default_locale, own=own) for texts in samples.values()]
        for comparison in compared:
            gathered.add(comparison)
        tables.append(max((table(one) for one in compared), key=lambda one: len(one.rows)))
        for campaign in sorted({key for texts in samples.values() for one in texts for key in one.campaigns}):
            worst = max((fragmentation(one, campaign) for one in compared), key=lambda one: (one.index, one.told))
            counted.setdefault(campaign, []).append(worst)
    numbers = {key: together(parts) for key, parts in sorted(counted.items())}
    return FactReview(gathered.sorted(), tuple(tables), numbers)


class _Problems:
    """Gathers findings: one place at fault is told once, whichever sample shows it; what a text lacks, in one note."""

    def __init__(self, locate: Locate) -> None:
        self._locate = locate
        self._told: dict[tuple[object, ...], Problem] = {}
        self._lacking: dict[Place, dict[Place, Finding]] = {}

    def add(self, comparison: Comparison) -> None:
        for finding in comparison.findings:
            place = self._locate(finding.rendering, finding.fact)
            there = self._locate(finding.other, finding.expected)
            if finding.rule is Rule.MISSING:
                self._lacking.setdefault(place, {}).setdefault(there, finding)
            else:
                key = (finding.rule, place, finding.expected.kind, there if finding.fact is None else None)
                self._told.setdefault(key, _problem(finding, place, there))

    def sorted(self) -> tuple[Problem, ...]:
        notes = [_note(place, list(findings.values())) for place, findings in self._lacking.items()]
        return tuple(sorted([*self._told.values(), *notes]))


def _problem(finding: Finding, place: Place, there: Place) -> Problem:
    here, other = _text(finding.rendering), _text(finding.other)
    said = finding.expected.written
    if finding.fact is None:
        message = f"{here} does not tell the {finding.expected.kind} `{said}`; {other} does, in {there}"
        hint = "tell it in both"
    elif finding.rule is Rule.CONTRADICTED:
        message = (
            f"the {finding.fact.part} tells `{finding.fact.written}`; the text below it tells `{said}`, in {there}"
        )
        hint = "announce what the text says"
    else:
        what = "leads to" if finding.rule is Rule.TARGET_DIFFERS else "tells"
        message = f"{here} {what} `{finding.fact.written}`; {other} {what} `{said}`, in {there}"
        hint = "a reader of both would not know which is true; make them the same"
        if finding.rule is Rule.TARGET_DIFFERS:
            hint = "lead to the same place, if these are the same link"
    return Problem(*place, finding.rule.value, message, hint, SEVERITY[finding.rule])


def _note(place: Place, findings: Sequence[Finding]) -> Problem:
    lacking = ", ".join(f"`{one.expected.written}`" for one in findings)
    others = ", ".join(dict.fromkeys(_text(one.other) for one in findings))
    message = f"{_text(findings[0].rendering)} does not tell {lacking}; {others} does"
    return Problem(*place, Rule.MISSING.value, message, "", SEVERITY[Rule.MISSING])


_CALLED = {Channel.EMAIL: "email", Channel.SMS: "SMS", Channel.PUSH: "push"}


def _text(rendering: Rendering) -> str:
    return f"the {_CALLED[rendering.channel]} in {rendering.locale}"


def _faults(comparison: Comparison) -> dict[tuple[int, str], Finding]:
    """(index of the row that should be told, path of the text that tells otherwise) → the finding."""
    found: dict[tuple[int, str], Finding] = {}
    for finding in comparison.findings:
        if finding.rule in {Rule.DIFFERS, Rule.TARGET_DIFFERS}:
            for index, row in enumerate(comparison.rows):
                if any(fact is finding.expected for fact in row.told.values()):
                    found[index, _column(finding.rendering)] = finding
    return found


def _column(rendering: Rendering) -> str:
    return f"{rendering.channel.value}.{rendering.locale}"


def _is_wrong(row: Row, comparison: Comparison) -> bool:
    """Whether whoever tells this row should tell another."""
    wrong = [one.fact for one in comparison.findings if one.rule in {Rule.DIFFERS, Rule.TARGET_DIFFERS}]
    return all(any(fact is one for one in wrong) for fact in row.told.values())


def _matters(row: Row) -> bool:
    """Whether a text that lacks this lacks something; ways of speaking are in no table."""
    return any(counts(fact) for fact in row.told.values())


def table(comparison: Comparison) -> FactTable:
    """The comparison as rows and columns. What is told otherwise stands in the row of what it should be."""
    faults = _faults(comparison)
    rows = []
    for index, row in enumerate(comparison.rows):
        differs = any(place == index for place, _ in faults)
        if _is_wrong(row, comparison) or not (differs or _matters(row)):
            continue
        cells, differing = [], set()
        for number, text in enumerate(comparison.renderings):
            fault = faults.get((index, _column(text)))
            if fault is not None and fault.fact is not None and number not in row.told:
                differing.add(number)
                cells.append(fault.fact.written)
            else:
                cells.append(row.told[number].written if number in row.told else "")
        rows.append(TableRow(row.kind, shown(row.best), tuple(cells), frozenset(differing)))
    first = comparison.renderings[0]
    columns = tuple(one.cell for one in comparison.renderings)
    return FactTable(first.template, first.sample, columns, tuple(rows))


def fragmentation(comparison: Comparison, campaign: str) -> Fragmentation:
    """The cells of the texts that this campaign sends: told, differing and missing."""
    told = sum(
        campaign in text.campaigns and row.has(number)
        for row in comparison.rows
        if _matters(row)
        for number, text in enumerate(comparison.renderings)
    )
    ours = [one for one in comparison.findings if campaign in one.rendering.campaigns]
    missing = sum(one.rule in {Rule.MISSING, Rule.MISSING_IN_LOCALE} for one in ours)
    differing = len(ours) - missing
    apart = sum(one.rule in {Rule.DIFFERS, Rule.TARGET_DIFFERS} for one in ours)
    return Fragmentation(told - apart, differing, missing)
