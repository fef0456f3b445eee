"""Compares what the texts of one message tell, all of them said to one sample."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from dangol.editor.facts.extract import extract
from dangol.editor.facts.model import HEADS, TARGETS, Fact, Kind, Rendering, Weight
from dangol.editor.facts.numerals import numbers
from dangol.editor.facts.rows import Row, by_family, rows_of, same
from dangol.model.vocabulary import Channel

_LOOSE = frozenset({Kind.DURATION, Kind.QUANTITY})
"""Kinds of which a message may well tell several that have nothing to do with one another."""

_MONTHS = (("months", Decimal(1)), ("minutes", Decimal(30 * 24 * 60)))
_A_MONTH = re.compile(r"한 달|30일|1개월|\b(?:a|one) month\b|\b30 days\b", re.IGNORECASE)
_ORDER = (Channel.EMAIL, Channel.SMS, Channel.PUSH)


class Rule(StrEnum):
    """What can be found; the id that findings carry."""

    DIFFERS = "fact-differs"
    CONTRADICTED = "fact-contradicted"
    TARGET_DIFFERS = "fact-target-differs"
    MISSING_IN_LOCALE = "fact-missing-in-locale"
    MISSING = "fact-missing"


SEVERITY = {
    Rule.DIFFERS: "error",
    Rule.CONTRADICTED: "error",
    Rule.TARGET_DIFFERS: "warning",
    Rule.MISSING_IN_LOCALE: "warning",
    Rule.MISSING: "note",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A fact that is told otherwise, or not at all.

    ``rendering`` is the text at fault; ``fact`` is what it tells there, None if it tells nothing of it. ``other`` tells
    ``expected``.
    """

    rule: Rule
    rendering: Rendering
    fact: Fact | None
    other: Rendering
    expected: Fact


@dataclass(frozen=True, slots=True)
class Comparison:
    """The texts of one message for one sample, in the order of the table's columns; its rows; what was found."""

    renderings: tuple[Rendering, ...]
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]


def compare(
    renderings: Sequence[Rendering], *, default_locale: str = "", own: frozenset[str] = frozenset()
) -> Comparison:
    """Compare the texts of one message, said to one sample. ``own`` as for ``extract``.

    Each fact at fault is told once, in the text that stands alone with it; of two, in the one that is not the email or
    not in ``default_locale``.
    """
    texts = tuple(sorted(renderings, key=lambda one: _rank(one, default_locale)))
    facts = [extract(one.parts, one.locale, own=own) for one in texts]
    rows = rows_of(facts)
    faults = _differing(texts, rows)
    findings = [
        *(
            Finding(_rule(rows[wrong].kind), texts[at], rows[wrong].told[at], texts[other], rows[right].told[other])
            for (at, wrong), (other, right) in faults.items()
        ),
        *(one for text, told in zip(texts, facts, strict=True) for one in _contradicted(text, told)),
        *_missing(texts, rows, faults),
    ]
    return Comparison(texts, tuple(rows), tuple(findings))


def _rank(one: Rendering, default_locale: str) -> tuple[int, bool, str]:
    return _ORDER.index(one.channel), one.locale != default_locale, one.locale


def _rule(kind: Kind) -> Rule:
    return Rule.TARGET_DIFFERS if kind in TARGETS else Rule.DIFFERS


Faults = dict[tuple[int, int], tuple[int, int]]
"""(text, row told there) → (text, row) that it should agree with."""


def _differing(texts: Sequence[Rendering], rows: Sequence[Row]) -> Faults:
    faults: Faults = {}
    for one, other in _pairs(texts):
        left = {index: row.told[one] for index, row in enumerate(rows) if one in row.told and not row.has(other)}
        right = {index: row.told[other] for index, row in enumerate(rows) if other in row.told and not row.has(one)}
        theirs = by_family(right)
        for family, mine in by_family(left).items():
            for first, second in _paired(left, mine, right, theirs.get(family, []), loose=family[0] in _LOOSE):
                # Who stands alone is at fault; if both do, the later column.
                if len(rows[first].told) < len(rows[second].told):
                    faults.setdefault((one, first), (other, second))
                else:
                    faults.setdefault((other, second), (one, first))
    return faults


def _pairs(texts: Sequence[Rendering]) -> Iterator[tuple[int, int]]:
    """Texts that say the same thing to the same reader, or on the same channel in another language."""
    for second in range(len(texts)):
        for first in range(second):
            if texts[first].locale == texts[second].locale or texts[first].channel is texts[second].channel:
                yield first, second


def _paired(
    left: dict[int, Fact],
    mine: Sequence[int],
    right: dict[int, Fact],
    theirs: Sequence[int],
    *,
    loose: bool,
    alike_only: bool = False,
) -> Iterator[tuple[int, int]]:
    """Which of two sets of facts of one family are the same fact told differently, by what they are about.

    Facts with one role, or both without, are paired in their order. If then one is left on each side and only one of
    the two has a role, they are paired too, unless ``alike_only``. Of loose kinds, facts without a role are paired only
    if there is one on each side, and ways of speaking (`a day`) only if they share a role.
    """
    rest, others = list(mine), list(theirs)
    for role in sorted({left[key].role for key in rest}, reverse=True):
        these = [key for key in rest if left[key].role == role]
        those = [key for key in others if right[key].role == role]
        if not role:
            these = [key for key in these if left[key].weight is not Weight.IDLE]
            those = [key for key in those if right[key].weight is not Weight.IDLE]
            if loose and (len(these), len(those)) != (1, 1):
                continue
        for one, other in zip(these, those, strict=False):
            yield one, other
            rest.remove(one)
            others.remove(other)
    if len(rest) == len(others) == 1 and not alike_only:
        first, last = left[rest[0]], right[others[0]]
        idle = Weight.IDLE in {first.weight, last.weight}
        if not (first.role and last.role) and not idle and not (loose and first.role != last.role):
            yield rest[0], others[0]


def _contradicted(text: Rendering, facts: Sequence[Fact]) -> Iterator[Finding]:
    """What subject, preheader or title announce and the body says otherwise."""
    said = [fact for fact in facts if fact.kind not in TARGETS]
    heads = {index: fact for index, fact in enumerate(said) if fact.part in HEADS}
    body = {index: fact for index, fact in enumerate(said) if fact.part not in HEADS}
    left = {key: fact for key, fact in heads.items() if not any(_alike(fact, other) for other in body.values())}
    right = {key: fact for key, fact in body.items() if not any(_alike(fact, other) for other in heads.values())}
    left, right = _once(left), _once(right)
    theirs = by_family(right)
    for family, mine in by_family(left).items():
        for one, other in _paired(
            left, mine, right, theirs.get(family, []), loose=family[0] in _LOOSE, alike_only=True
        ):
            yield Finding(Rule.CONTRADICTED, text, left[one], text, right[other])


def _alike(one: Fact, other: Fact) -> bool:
    return one.kind is other.kind and same(one, other)


def _once(facts: dict[int, Fact]) -> dict[int, Fact]:
    """Each value once."""
    kept: dict[int, Fact] = {}
    for key, fact in facts.items():
        if not any(_alike(fact, other) for other in kept.values()):
            kept[key] = fact
    return kept


def _missing(texts: Sequence[Rendering], rows: Sequence[Row], faults: Faults) -> Iterator[Finding]:
    differing = {(at, right) for (at, _), (_, right) in faults.items()}
    for index, row in enumerate(rows):
        tellers = [text for text in row.told if (text, index) not in faults]
        for at, text in enumerate(texts):
            if row.has(at) or (at, index) in differing or not tellers:
                continue
            twins = [other for other in tellers if texts[other].channel is text.channel]
            told = [other for other in twins or tellers if counts(row.told[other])]
            if told and not _may_be_told(text, row):
                other = min(told, key=lambda one: (texts[one].locale != text.locale, one))
                rule = Rule.MISSING_IN_LOCALE if twins else Rule.MISSING
                yield Finding(rule, text, None, texts[other], row.told[other])


def _may_be_told(text: Rendering, row: Row) -> bool:
    """Whether a text names the number of a duration or quantity, though not what it counts: `for the price of four`.

    A duration may be told in another unit too: `30일` as `한 달`.
    """
    if row.kind not in _LOOSE:
        return False
    wanted = numbers(row.best.written)
    said = " ".join(text.parts.values())
    month = row.kind is Kind.DURATION and row.best.value in _MONTHS and _A_MONTH.search(said) is not None
    return month or not wanted.isdisjoint(numbers(said))


def counts(fact: Fact) -> bool:
    """Whether a text that does not tell this fact lacks something."""
    return fact.weight is Weight.PLAIN or (fact.weight is Weight.WORDED and fact.kind is not Kind.QUANTITY)
