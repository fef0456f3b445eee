"""What a careful colleague would say about a change before it goes into service. Pure: numbers come in."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time, timedelta

from dangol.definitions.diff import VersionDiff
from dangol.definitions.step_diff import StepChange, same_steps
from dangol.definitions.transfer import still_to_come, time_before
from dangol.definitions.versions import Version
from dangol.definitions.workspace import Workspace
from dangol.jurisdictions import packs_with
from dangol.model.campaign import Campaign, Entry, again_after
from dangol.model.durations import format_duration
from dangol.model.jurisdiction import DEFAULT, Jurisdictions, Pack, Rule
from dangol.model.steps import START, PlacedStep, Send, Split, Wait
from dangol.model.times import WEEKDAYS
from dangol.model.vocabulary import Channel, Purpose
from dangol.model.workspace import Cap, Policies, QuietHours
from dangol.planner.migration import Fate, step_at
from dangol.planner.standing import LATELY
from dangol.policy.law import amended, looser

_MINUTES = 24 * 60
Quiet = tuple[str, int, bool]
"""A quiet minute: the place whose holiday it belongs to (empty for a week), which one, and whether for everybody."""
_STRICTNESS = (Purpose.TRANSACTIONAL, Purpose.SERVICE, Purpose.MARKETING)


@dataclass(frozen=True, slots=True)
class Caution:
    """A warning: a code for tools, words for people, and the ids of some of the people whom it is about."""

    code: str
    text: str
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Audience:
    """How many people are in the audience now, by the old version's rule and by the new one's, of ``everybody``."""

    old: int | None
    new: int
    everybody: int


@dataclass(frozen=True, slots=True)
class Counted:
    """What the database says about one campaign.

    ``had_lately``: template → people; ``who``: template → the ids of some of them; ``users``: template → other
    campaigns that send it; ``growth``: from which share on a larger audience is worth a word.
    """

    fates: Sequence[Fate]
    audience: Audience | None
    had_lately: Mapping[str, int]
    users: Mapping[str, Collection[str]]
    growth: float
    who: Mapping[str, Sequence[str]] = field(default_factory=dict)


def cautions(old: Version | None, new: Version | None, diff: VersionDiff, counted: Counted) -> Iterator[Caution]:
    """Everything worth a second look, the gravest for people under way first."""
    if new is not None:
        yield from _audience(counted)
    if old is None:
        return
    if new is None:
        yield from _withdrawn(counted)
        return
    yield from _removed(diff, old, counted)
    yield from _sends(old.campaign, new.campaign, diff, counted)
    yield from _who_enters(old.campaign, new.campaign)
    yield from _who_leaves(old.campaign, new.campaign)
    yield from _permission(old, new)
    yield from _weights(old.campaign, new.campaign)
    yield from _shared_texts(old.campaign, new.campaign, diff, counted)


def templates_to_count(old: Campaign, new: Campaign, diff: VersionDiff) -> set[str]:
    """Templates of sends that come new or earlier: who had them lately matters."""
    return {send.send for _, send, _ in _new_or_earlier(old, new, diff)}


def _new_or_earlier(old: Campaign, new: Campaign, diff: VersionDiff) -> Iterator[tuple[PlacedStep, Send, str]]:
    """Every send that people would notice to be different, and how."""
    changes = {change.new: change for change in diff.steps if change.new is not None}
    before = {
        new.placed[after].position: old.placed[index].position for index, after in same_steps(old.placed, new.placed)
    }
    for placed in new.placed:
        if not isinstance(placed.step, Send):
            continue
        was, change = before.get(placed.position), changes.get(placed.position)
        if how := _how(change) if change is not None else "":
            yield placed, placed.step, how
        elif was is not None and (gained := time_before(old, was) - time_before(new, placed.position)) > timedelta():
            yield placed, placed.step, f"comes {format_duration(gained)} earlier now"


def _how(change: StepChange) -> str:
    """What is new about a send itself; empty if nothing is."""
    if change.became == "added":
        return "is new"
    if change.earlier:
        return "comes earlier now"
    return "sends another message now" if any(field.name == "send" for field in change.fields) else ""


def _people(number: int) -> str:
    return "1 person" if number == 1 else f"{number:,} people"


def _withdrawn(counted: Counted) -> Iterator[Caution]:
    if people := sum(fate.people for fate in counted.fates):
        told = f"it goes out of service with {_people(people)} under way, who finish all the same"
        yield Caution("withdrawn-with-people", told)


def _removed(diff: VersionDiff, old: Version, counted: Counted) -> Iterator[Caution]:
    for change in diff.steps:
        placed = step_at(old.campaign, change.old or START)
        if change.became != "removed" or placed is None:
            continue
        # Who is in a wait stands at the step that comes next.
        waits = isinstance(placed.step, Wait)
        here = placed.following if waits else placed.position
        waiting = [
            fate
            for fate in counted.fates
            if (fate.version_id, fate.position) == (old.id, here) and not (waits and fate.listening)
        ]
        if people := sum(fate.people for fate in waiting):
            told = f"`{change.step}` ({change.says}) is gone, with {_people(people)} {'in' if waits else 'at'} it"
            after = "with --migrate their waits last as long as before" if waits else "--migrate is refused"
            yield Caution("step-removed", f"{told}, who finish on their version; {after}")


def _sends(old: Campaign, new: Campaign, diff: VersionDiff, counted: Counted) -> Iterator[Caution]:
    for placed, send, how in _new_or_earlier(old, new, diff):
        lately = counted.had_lately.get(send.send, 0)
        if lately and new.entry.again != "never":
            told = f"`{placed.name}` {how}: {_people(lately)} had {send.send} in the last {LATELY.days} days"
            who = tuple(counted.who.get(send.send, ()))
            yield Caution("send-again", f"{told}; whoever of them enters again gets it again", who)
        reached = [fate for fate in counted.fates if fate.to is not None and fate.to != START]
        passed = [fate for fate in reached if placed.name not in still_to_come(new, fate.to or START)]
        if people := sum(fate.people for fate in passed):
            told = f"`{placed.name}` {how}, but not for {_people(people)} under way, already past it"
            yield Caution("send-missed", told)


def _audience(counted: Counted) -> Iterator[Caution]:
    audience = counted.audience
    if audience is None or audience.everybody == 0:
        return
    if audience.new == 0:
        yield Caution("audience-empty", "nobody is in the audience now")
    elif audience.new == audience.everybody and audience.old != audience.new:
        yield Caution("audience-everybody", f"everybody is in the audience now: {_people(audience.new)}")
    if audience.old is not None and audience.new > audience.old * (1 + counted.growth):
        by = f" (+{(audience.new / audience.old - 1) * 100:.0f} %)" if audience.old else ""
        yield Caution("audience-grown", f"the audience grows from {audience.old:,} to {_people(audience.new)}{by}")


def _who_enters(old: Campaign, new: Campaign) -> Iterator[Caution]:
    if _gap(new.entry) < _gap(old.entry):
        yield Caution("again-widened", f"people may enter again sooner: {_again(old.entry)} → {_again(new.entry)}")
    if new.entry.kind == "event" and old.entry.where is not None and new.entry.where is None:
        yield Caution("entry-widened", f"the entry has no `where` any more: everyone with {new.entry.event} enters")
    if old.entry.opened_by != new.entry.opened_by and old.entry.opened_by is not None:
        told = (
            f"people under way came in by {old.entry.opened_by}; with --migrate the new steps find only its properties"
        )
        yield Caution("entry-changed", told)
    if old.spread is not None and (new.spread is None or new.spread < old.spread):
        told = "at once" if new.spread is None else f"over {format_duration(new.spread)}"
        yield Caution("spread-shortened", f"what went out over {format_duration(old.spread)} goes out {told}")
    if new.holdout < old.holdout:
        told = "the hold-out is gone" if not new.holdout else f"the hold-out shrinks to {new.holdout * 100:.4g}%"
        yield Caution("holdout-loosened", f"{told}: people who were held out get messages, and the effect is blurred")


def _gap(entry: Entry) -> timedelta:
    """How long a person has to stay out."""
    if entry.again == "never":
        return timedelta.max
    return again_after(entry) or timedelta()


def _again(entry: Entry) -> str:
    after = again_after(entry)
    return f"after {format_duration(after)}" if after is not None else str(entry.again)


def _who_leaves(old: Campaign, new: Campaign) -> Iterator[Caution]:
    before = {one.event for one in old.exits} | ({old.goal.event} if old.goal is not None else set())
    after = {one.event for one in new.exits} | ({new.goal.event} if new.goal is not None else set())
    for event in sorted(before - after):
        yield Caution("exit-removed", f"{event} ends the journey no more: people go on getting messages after it")


def _permission(old: Version, new: Version) -> Iterator[Caution]:
    was, now = old.campaign.purpose, new.campaign.purpose
    if _STRICTNESS.index(now) < _STRICTNESS.index(was):
        yield Caution(
            "purpose-loosened", f"the purpose changes from {was.value} to {now.value}: fewer rules hold it back"
        )
    before, after = old.workspace.policies, new.workspace.policies
    if purposes := [one.value for one in before.consent_required if one not in after.consent_required]:
        yield Caution("consent-loosened", f"no consent is needed any more for {', '.join(purposes)}")
    if purposes := [one.value for one in before.capped_purposes if one not in after.capped_purposes]:
        yield Caution("cap-loosened", f"caps hold {', '.join(purposes)} back no more")
    yield from _caps(before, after)
    if open_now := _minutes_opened(before, after):
        told = ", ".join(f"{purpose.value} by {channel.value}" for purpose, channel in open_now)
        yield Caution("quiet-hours-loosened", f"quiet hours are shorter for {told}")
    yield from _law(old.workspace, new.workspace)
    if after.holdout < before.holdout:
        yield Caution("holdout-loosened", "the hold-out of all campaigns shrinks or is gone")


def _caps(before: Policies, after: Policies) -> Iterator[Caution]:
    now = {cap.key: cap for cap in after.caps}
    for cap in before.caps:
        if cap.key not in now:
            yield Caution("cap-loosened", f"the cap {cap.key} is gone")
        elif why := _looser(cap, now[cap.key]):
            yield Caution("cap-loosened", f"the cap {cap.key} {why}")


def _looser(old: Cap, new: Cap) -> str:
    if new.limit > old.limit:
        return f"allows {new.limit} instead of {old.limit}"
    if old.window.rolling and new.window.rolling and new.window.rolling < old.window.rolling:
        return f"looks back {format_duration(new.window.rolling)} instead of {format_duration(old.window.rolling)}"
    if (old.window.calendar, bool(old.window.rolling)) != (new.window.calendar, bool(new.window.rolling)):
        return f"counts in a {new.window} instead of a {old.window}"
    return "counts other messages than before" if old.applies_to != new.applies_to else ""


def _law(before: Workspace, after: Workspace) -> Iterator[Caution]:
    """Rules of law as the workspace has them, and whose hold where no place is known."""
    old, new = before.policies.jurisdictions, after.policies.jurisdictions
    if gone := [code for code in old.serves if code not in new.serves]:
        told = f"{', '.join(gone)} binds people no more of whom no place is known"
        yield Caution("law-loosened", told)
    was, now = packs_with(before.sources), packs_with(after.sources)
    for code in sorted(now.keys() - was.keys()):
        if "-" not in code and not now[code].includes:
            told = f"people in {code} are bound by the workspace's own pack, and no more by `{DEFAULT}`"
            yield Caution("law-loosened", told)
    reasons = {change.id: change.reason for change in new.rules}
    standing, become = _amended(was, old), _amended(now, new)
    for rule in standing:
        after_it = become.get(rule)
        if looser(standing[rule], after_it):
            reason = f": {reasons[rule]}" if reasons.get(rule) else ""
            how = "holds back less" if after_it is not None else "is off" if rule in become else "is gone"
            yield Caution("law-loosened", f"the rule {rule} {how}{reason}")


def _amended(packs: Mapping[str, Pack], asked: Jurisdictions) -> dict[str, Rule | None]:
    """Each rule of law as a workspace has it; None for one that is off."""
    changes = {change.id: change for change in asked.rules}
    rules = (rule for pack in packs.values() for rule in pack.rules)
    return {rule.id: amended(rule, changes[rule.id]) if rule.id in changes else rule for rule in rules}


def _minutes_opened(before: Policies, after: Policies) -> list[tuple[Purpose, Channel]]:
    """What may go out at some minute, of a week or of a holiday, at which it could not before."""
    pairs = [(purpose, channel) for purpose in Purpose for channel in Channel]
    windows = (*before.quiet_hours, *after.quiet_hours)
    places = {window.holidays for window in windows if window.holidays is not None}
    return [pair for pair in pairs if _quiet(before, *pair, places) - _quiet(after, *pair, places)]


def _quiet(policies: Policies, purpose: Purpose, channel: Channel, places: Collection[str]) -> set[Quiet]:
    """Every quiet minute of the week, and of a holiday of each place and the day after it.

    A window that a consent for the night lifts is quiet for those who gave none; the others are quiet for everybody.
    """
    minutes: set[Quiet] = set()
    for window in policies.quiet_hours:
        if purpose not in window.purposes or channel not in window.channels:
            continue
        found = {*_in_week(window), *(one for place in places for one in _on_holiday(window, place))}
        minutes |= {(*one, False) for one in found}
        if window.unless_consent is None:
            minutes |= {(*one, True) for one in found}
    return minutes


def _in_week(window: QuietHours) -> Iterator[tuple[str, int]]:
    days = [day for day, name in enumerate(WEEKDAYS) if window.daily or name in window.days]
    return (("", (day * _MINUTES + minute) % (7 * _MINUTES)) for day in days for minute in _length(window))


def _on_holiday(window: QuietHours, place: str) -> Iterator[tuple[str, int]]:
    """The window on a holiday, whichever day of the week that is: what is kept every day is kept then too."""
    every_day = window.daily or set(window.days) >= set(WEEKDAYS)
    if window.holidays != place and not every_day:
        return
    begins = (-_MINUTES, 0, _MINUTES) if every_day else (0,)
    yield from (
        (place, start + minute) for start in begins for minute in _length(window) if 0 <= start + minute < 2 * _MINUTES
    )


def _length(window: QuietHours) -> range:
    start, end = _minute(window.start), _minute(window.end)
    return range(start, end if end > start else end + _MINUTES)


def _minute(clock: time) -> int:
    return clock.hour * 60 + clock.minute


def _weights(old: Campaign, new: Campaign) -> Iterator[Caution]:
    before = {placed.step.experiment: placed.step.weights for placed in old.placed if isinstance(placed.step, Split)}
    for placed in new.placed:
        if (
            isinstance(placed.step, Split)
            and before.get(placed.step.experiment, placed.step.weights) != placed.step.weights
        ):
            name = placed.step.experiment
            yield Caution("weights-changed", f"the weights of {name} change for newcomers; who has an arm keeps it")


def _shared_texts(old: Campaign, new: Campaign, diff: VersionDiff, counted: Counted) -> Iterator[Caution]:
    sent = {send.send for send in old.sends} & {send.send for send in new.sends}
    for template in sorted(sent & {change.template for change in diff.texts}):
        if others := sorted(counted.users.get(template, ())):
            yield Caution("text-shared", f"the texts of {template} change, which {', '.join(others)} also sends")
