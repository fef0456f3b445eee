"""The fact table of one message: which fact is told in which of its texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from dangol.editor.facts.model import HEADS, Fact, Kind
from dangol.editor.facts.targets import same_target


@dataclass(eq=False)
class Row:
    """One fact of a message: the texts that tell it, by their index, each with the place where it is told first."""

    kind: Kind
    told: dict[int, Fact] = field(default_factory=dict)
    implied: set[int] = field(default_factory=set)
    """Texts that tell a weekday by telling the date."""

    def has(self, text: int) -> bool:
        return text in self.told or text in self.implied

    def admits(self, fact: Fact) -> bool:
        return all(same(fact, other) for other in self.told.values())

    @property
    def best(self) -> Fact:
        """The fact where it is told most fully."""
        return min(self.told.values(), key=_vagueness)


def same(one: Fact, other: Fact) -> bool:
    """Whether two facts of one kind say the same; a part of a date is compatible with the whole."""
    if one.kind is Kind.DATE:
        return all(a is None or b is None or a == b for a, b in zip(one.value, other.value, strict=True))
    if one.kind is Kind.TIME:
        hour, minute, ambiguous = one.value
        hour2, minute2, ambiguous2 = other.value
        assert isinstance(hour, int)
        assert isinstance(hour2, int)
        apart = (hour - hour2) % (12 if ambiguous or ambiguous2 else 24)
        return minute == minute2 and apart == 0
    if one.kind is Kind.LINK:
        return same_target(str(one.value[0]), str(other.value[0]))
    return one.value == other.value


def rows_of(facts: Sequence[Sequence[Fact]]) -> list[Row]:
    """The rows, in the order in which the first text tells them, then what the next adds, and so on."""
    every = [(text, fact) for text, told in enumerate(facts) for fact in told]
    rows: dict[Kind, list[Row]] = {}
    placed: dict[int, Row] = {}
    for number in sorted(range(len(every)), key=lambda one: (_vagueness(every[one][1]), one)):
        text, fact = every[number]
        found = next((row for row in rows.setdefault(fact.kind, []) if row.admits(fact)), None)
        if found is None:
            found = Row(fact.kind)
            rows[fact.kind].append(found)
        # What the body says is shown before what the subject says: there it is in its context.
        if text not in found.told or (found.told[text].part in HEADS and fact.part not in HEADS):
            found.told[text] = fact
        placed[number] = found
    ordered = list(dict.fromkeys(placed[number] for number in range(len(every))))
    for row in ordered:
        if row.kind is Kind.WEEKDAY:
            days = [other for other in ordered if other.kind is Kind.DATE and _weekday(other.best) == row.best.value[0]]
            row.implied = {text for day in days for text in day.told}
    return ordered


def _vagueness(fact: Fact) -> int:
    """How much a fact leaves open: whole dates and certain times come first, so that partial ones join them."""
    if fact.kind is Kind.DATE:
        return sum(part is None for part in fact.value)
    return int(fact.kind is Kind.TIME and fact.value[2] is True)


def _weekday(fact: Fact) -> int | None:
    """The day of the week that a whole date falls on; None if nobody can tell."""
    year, month, day = fact.value
    try:
        return date(year, month, day).weekday()  # type: ignore[arg-type]
    except (TypeError, ValueError):  # a part of a date; the 29th of February in a common year
        return None


def family(fact: Fact) -> tuple[object, ...]:
    """Facts of one family can be told in place of one another: 3 days and 5 days, but not 3 days and 3 people."""
    if fact.kind in {Kind.DURATION, Kind.QUANTITY}:
        return fact.kind, fact.value[0]
    return (fact.kind,)


def by_family(rows: Mapping[int, Fact]) -> dict[tuple[object, ...], list[int]]:
    """The keys of ``rows`` by the family of their fact."""
    found: dict[tuple[object, ...], list[int]] = {}
    for key, fact in rows.items():
        found.setdefault(family(fact), []).append(key)
    return found
