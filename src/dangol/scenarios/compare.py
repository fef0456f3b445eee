"""What was expected against what happened: pure, and told as a timeline."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Any

from dangol.model.vocabulary import Decision
from dangol.scenarios import words
from dangol.scenarios.cases import Case, Expects, Happens
from dangol.scenarios.model import (
    BounceHappens,
    ConsentHappens,
    EventHappens,
    ExpectedCall,
    ExpectedDeferral,
    ExpectedEvent,
    ExpectedMessage,
    ExpectedProfile,
    ExpectedRefusal,
    Named,
    ProfileHappens,
    RefusalHappens,
    StartHappens,
)
from dangol.scenarios.never import broken
from dangol.scenarios.performance import Decided, Performance, Reported, Sent

_MATCH, _SAME_MESSAGE, _SAME_TIME = 1000, 10, 1


class Mark(StrEnum):
    """What a line of the timeline is."""

    INPUT = "input"
    NOTE = "note"
    MET = "met"
    WRONG = "wrong"
    MISSING = "missing"
    UNEXPECTED = "unexpected"


FAILING = frozenset({Mark.WRONG, Mark.MISSING, Mark.UNEXPECTED})


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the timeline. ``at`` is None where no time was said; ``details`` say what is wrong, or why."""

    at: datetime | None
    mark: Mark
    expected: str = ""
    happened: str = ""
    details: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """What is wrong, in one line."""
        text = {
            Mark.MISSING: f"expected {self.expected}; it did not happen",
            Mark.UNEXPECTED: f"{self.happened} was not expected",
            Mark.WRONG: f"expected {self.expected}; found {self.happened}",
        }.get(self.mark, self.happened)
        return f"{text} ({'; '.join(self.details)})" if self.details else text


@dataclass(frozen=True, slots=True)
class Result:
    """A scenario's timeline, in the order of time."""

    case: Case
    lines: tuple[Line, ...]

    @property
    def failures(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.mark in FAILING)

    @property
    def passed(self) -> bool:
        return not self.failures


def compare(case: Case, performance: Performance) -> Result:
    """The timeline of a scenario, with everything that is not as it was expected."""
    placed = [
        *_placed(case.begins, _happenings(case)),
        *_placed(case.begins, _notes(performance)),
        *_placed(case.begins, _messages(case, performance)),
        *_placed(case.ends, _decisions(case, performance)),
        *_placed(case.ends, _reports(case, performance)),
        *_placed(case.begins, _rules(case, performance)),
    ]
    ordered = [line for _, _, line in sorted(placed, key=lambda item: (item[0], item[1]))]
    return Result(case, (*ordered, *_at_the_end(case, performance)))


_ORDER = {Mark.INPUT: 0, Mark.NOTE: 1}


def _placed(start: datetime, lines: Iterator[Line]) -> Iterator[tuple[datetime, int, Line]]:
    """Lines with the instant by which they are sorted: one without a time stands after the one before it."""
    latest = start
    for line in lines:
        yield line.at or latest, _ORDER.get(line.mark, 2), line
        latest = max(latest, line.at or latest)


# What happened, and what followed without being asked about.


def _happenings(case: Case) -> Iterator[Line]:
    for happens in case.happens:
        yield Line(happens.at, Mark.INPUT, happened=_told_happening(happens))


def _told_happening(happens: Happens) -> str:
    match happens.what:
        case EventHappens(event=event, properties=properties):
            late = f", heard of {happens.heard_at - happens.at} later" if happens.heard_at != happens.at else ""
            return f"{event}{_told_properties(properties)}{late}"
        case ConsentHappens(consents=change):
            done = [("consents", change.given), ("withdraws", change.withdrawn)]
            return "; ".join(
                f"{verb} {purpose} by {', '.join(channels)}"
                for verb, all_ in done
                for purpose, channels in all_.items()
            )
        case ProfileHappens(profile=traits):
            given = {name: getattr(traits, name) for name in traits.model_fields_set}
            return f"profile changes{_told_properties({**given.pop('attributes', {}), **given})}"
        case BounceHappens(bounced=channel):
            return f"the {channel} address bounces"
        case RefusalHappens(refuses=channel, because=why):
            return f"the carrier refuses {channel} from now on, because of the {why}"
        case StartHappens(start=campaign, properties=properties):
            return f"a back end starts {campaign}{_told_properties(properties)}"
    raise AssertionError("unreachable: every happening has its words")


def _told_properties(properties: Mapping[str, Any]) -> str:
    told = ", ".join(f"{name}: {_as_written(value)}" for name, value in properties.items())
    return f" ({told})" if told else ""


def _as_written(value: object) -> str:
    """The value as a YAML file would have it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


_NOTED = (
    words.REFUSING
    | words.DEFERRING
    | {
        Decision.JOURNEY_ENTERED,
        Decision.JOURNEY_ENDED,
        Decision.PROFILE_CHANGED,
        Decision.EVENT_EMITTED,
        Decision.ARM_ASSIGNED,
    }
)


def _notes(performance: Performance) -> Iterator[Line]:
    """What the log says about everything that is no message sent."""
    for decided in performance.decided:
        if decided.decision in _NOTED:
            yield Line(decided.at, Mark.NOTE, happened=f"{_subject(decided)}: {decided.told} ({decided.reason})")


def _subject(decided: Decided) -> str:
    return decided.message or decided.campaign


# Messages: all of them, in order.


def _messages(case: Case, performance: Performance) -> Iterator[Line]:
    expected = [expects for expects in case.expects if isinstance(expects.what, ExpectedMessage)]
    for expects, message in align(expected, performance.sent):
        if message is None:
            assert expects is not None
            wanted = expects.what
            assert isinstance(wanted, ExpectedMessage)
            refused = [
                one
                for one in performance.decided
                if one.decision in words.REFUSING and one.message == wanted.message and _is_then(expects, one.at)
            ]
            yield Line(
                expects.at, Mark.MISSING, _told_expected(wanted), details=tuple(_instead("refused", refused, case))
            )
        elif expects is None:
            yield Line(message.at, Mark.UNEXPECTED, happened=_told_sent(message), details=(_excerpt(message),))
        else:
            faults = tuple(mismatches(expects, message, case.zone))
            mark = Mark.WRONG if faults else Mark.MET
            yield Line(message.at, mark, _told_expected(expects.what), _told_sent(message), faults)


def align(expected: Sequence[Expects], sent: Sequence[Sent]) -> list[tuple[Expects | None, Sent | None]]:
    """Pairs in order: each expectation with the message that it is most likely about, or with none.

    The pairing with the most matches wins, then the one that pairs most of the same name and time.
    """
    happened = _as_listed(expected, sent)
    rows, columns = len(expected), len(happened)
    best = [[0] * (columns + 1) for _ in range(rows + 1)]
    for row in range(rows - 1, -1, -1):
        for column in range(columns - 1, -1, -1):
            score = _likeness(expected[row], happened[column])
            together = score + best[row + 1][column + 1] if score else -1
            best[row][column] = max(together, best[row + 1][column], best[row][column + 1])
    pairs: list[tuple[Expects | None, Sent | None]] = []
    row = column = 0
    while row < rows or column < columns:
        score = _likeness(expected[row], happened[column]) if row < rows and column < columns else 0
        if score and best[row][column] == score + best[row + 1][column + 1]:
            pairs.append((expected[row], happened[column]))
            row, column = row + 1, column + 1
        elif column < columns and (row == rows or best[row][column] == best[row][column + 1]):
            pairs.append((None, happened[column]))
            column += 1
        else:
            pairs.append((expected[row], None))
            row += 1
    return pairs


def _as_listed(expected: Sequence[Expects], sent: Sequence[Sent]) -> list[Sent]:
    """The messages by time, those of one minute in the order in which they are listed."""
    free = list(range(len(expected)))
    rank: dict[int, int] = {}
    for number, message in enumerate(sent):
        met = next((index for index in free if not list(mismatches(expected[index], message))), None)
        rank[number] = len(expected) if met is None else met
        if met is not None:
            free.remove(met)
    order = sorted(range(len(sent)), key=lambda number: (_minute(sent[number].at), rank[number], number))
    return [sent[number] for number in order]


def _likeness(expects: Expects, message: Sent) -> int:
    if not list(mismatches(expects, message)):
        return _MATCH
    assert isinstance(expects.what, ExpectedMessage)
    same_time = expects.at is not None and _went_then(expects, message)
    return _SAME_MESSAGE * (expects.what.message == message.message) + _SAME_TIME * same_time


def mismatches(expects: Expects, sent: Sent, zone: tzinfo = UTC) -> Iterator[str]:
    """Everything in which the message is not as expected, in words; times are told in ``zone``."""
    wanted = expects.what
    assert isinstance(wanted, ExpectedMessage)
    if expects.at is not None and not _went_then(expects, sent):
        yield f"time: expected {expects.at.astimezone(zone):%Y-%m-%d %H:%M}"
    facts = {
        "message": sent.message,
        "campaign": sent.campaign,
        "step": sent.step,
        "channel": sent.channel,
        "locale": sent.rendered.locale,
    }
    for name, found in facts.items():
        if (word := getattr(wanted, name)) is not None and word != found:
            yield f"{name}: expected {word}, found {found}"
    if wanted.subject is not None and wanted.subject not in sent.rendered.subject:
        yield f"subject: expected “{wanted.subject}” in “{sent.rendered.subject}”"
    if wanted.segments is not None and wanted.segments != sent.rendered.segments:
        yield f"segments: expected {wanted.segments}, found {sent.rendered.segments}"
    for text in wanted.contains:
        if not sent.holds(text):
            yield f"the text lacks “{text}”; it begins {_excerpt(sent)}"
    for text in wanted.not_contains:
        if sent.holds(text):
            yield f"the text holds “{text}”"


def _excerpt(sent: Sent, length: int = 80) -> str:
    whole = " ".join(f"{sent.rendered.subject} {sent.rendered.text}".split())
    return f"“{whole if len(whole) <= length else whole[:length] + '…'}”"


def _told_expected(wanted: Any) -> str:
    assert isinstance(wanted, ExpectedMessage)
    return " · ".join(part for part in (wanted.message, wanted.channel, wanted.locale) if part)


def _told_sent(sent: Sent) -> str:
    return f"{sent.message} · {sent.channel.value} · {sent.rendered.locale}"


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


# What was named: refusals, deferrals, events, calls.


def _decisions(case: Case, performance: Performance) -> Iterator[Line]:
    for expects in case.expects:
        match expects.what:
            case ExpectedRefusal(refused=reason) as named:
                kinds, verb = words.REFUSING, "refused"
            case ExpectedDeferral(deferred=reason) as named:
                kinds, verb = words.DEFERRING, "deferred"
            case _:
                continue
        about = [decided for decided in performance.decided if decided.decision in kinds and _is_about(named, decided)]
        found = [decided for decided in about if decided.reason == reason and _is_then(expects, decided.at)]
        told = " · ".join(
            part for part in (f"{verb}: {reason}", named.message, named.channel, named.step, named.campaign) if part
        )
        if found:
            yield Line(found[0].at, Mark.MET, told, f"{_subject(found[0])} {verb}: {reason}")
        else:
            yield Line(expects.at, Mark.MISSING, told, details=tuple(_instead(verb, about, case)))


def _instead(verb: str, about: Sequence[Decided], case: Case) -> Iterator[str]:
    """What was decided instead, each line once; several channels are told apart."""
    told = dict.fromkeys(
        f"{_subject(one)}{f' by {one.channel}' if one.channel else ''} was {verb} on "
        f"{one.at.astimezone(case.zone):%Y-%m-%d %H:%M}: {one.reason}"
        for one in about
    )
    yield from list(told)[:3]


def _is_about(named: Named, decided: Decided) -> bool:
    pairs = (
        (named.message, decided.message),
        (named.campaign, decided.campaign),
        (named.step, decided.step),
        (named.channel, decided.channel),
    )
    return all(wanted is None or wanted == found for wanted, found in pairs)


def _is_then(expects: Expects, at: datetime) -> bool:
    return expects.at is None or _minute(expects.at) == _minute(at)


def _went_then(expects: Expects, sent: Sent) -> bool:
    """Did it go out then? What is spread may be expected at the instant from which it is."""
    return _is_then(expects, sent.at) or (sent.opened is not None and _is_then(expects, sent.opened))


def _reports(case: Case, performance: Performance) -> Iterator[Line]:
    for expects in case.expects:
        match expects.what:
            case ExpectedEvent(emitted=name, properties=holds):
                yield _report(expects, f"emitted: {name}", name, holds, performance.emitted)
            case ExpectedCall(webhook=name, payload=holds):
                yield _report(expects, f"webhook: {name}", name, holds, performance.calls)


def _report(expects: Expects, told: str, name: str, holds: Mapping[str, Any], happened: Sequence[Reported]) -> Line:
    named = [one for one in happened if one.name == name]
    told = f"{told}{_told_properties(holds)}"
    for one in named:
        if _is_then(expects, one.at) and _holds(one.holds, holds):
            return Line(one.at, Mark.MET, told, f"{name}{_told_properties(one.holds)}")
    instead = tuple(f"found it with{_told_properties(one.holds) or ' nothing'}" for one in named[:3])
    return Line(expects.at, Mark.MISSING, told, details=instead)


def _holds(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(_same(found.get(name), value) for name, value in wanted.items())


def _same(found: object, wanted: object) -> bool:
    """Equal, and of the same kind: to Python 1 and true are equal."""
    return found == wanted and isinstance(found, bool) == isinstance(wanted, bool)


# Rules, and how it ends.


def _rules(case: Case, performance: Performance) -> Iterator[Line]:
    for message, why in broken(performance, case):
        yield Line(message.at, Mark.WRONG, f"never: {why}", _told_sent(message))


def _at_the_end(case: Case, performance: Performance) -> Iterator[Line]:
    for campaign, wanted in _wanted_ends(case).items():
        journeys = [journey for journey in performance.journeys if journey.campaign == campaign]
        found = [journey.word or journey.reason for journey in journeys] or [words.NOT_ENTERED]
        met = (
            all(word in (one.reason, one.word) for word, one in zip(wanted, journeys, strict=True))
            if len(wanted) == len(journeys)
            else wanted == found
        )
        mark = Mark.MET if met else Mark.WRONG
        yield Line(case.ends, mark, f"{campaign} ends: {', '.join(wanted)}", f"{campaign} ends: {', '.join(found)}")
    for expects in case.expects:
        if isinstance(expects.what, ExpectedProfile):
            wanted_profile = expects.what.profile
            profile = performance.profile or {}
            found_values = {name: profile.get(name) for name in wanted_profile}
            mark = Mark.MET if _holds(profile, wanted_profile) else Mark.WRONG
            yield Line(
                case.ends,
                mark,
                f"profile{_told_properties(wanted_profile)}",
                f"profile{_told_properties(found_values)}",
            )


def _wanted_ends(case: Case) -> dict[str, list[str]]:
    ends = case.scenario.ends
    if ends is None:
        return {}
    by_campaign = ends if isinstance(ends, dict) else {case.campaign: ends}
    return {key: [each] if isinstance(each, str) else list(each) for key, each in by_campaign.items()}
