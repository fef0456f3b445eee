"""Rules over everything that is sent to one customer: which messages break them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, time

from dangol.model.durations import format_duration
from dangol.scenarios.cases import Case
from dangol.scenarios.model import EventHappens, Never
from dangol.scenarios.performance import Sent


def broken(rule: Never, sent: Sequence[Sent], case: Case) -> Iterator[tuple[Sent, str]]:
    """Each message that breaks the rule, and the rule in words; ``sent`` is in the order of time."""
    meant: list[Sent] = []
    for message in sent:
        if not _is_meant(rule, message, case):
            continue
        meant.append(message)
        near = [one for one in meant if rule.within is None or message.at - one.at < rule.within]
        if len(near) > (rule.more_than or 0):
            yield message, told(rule)


def told(rule: Never) -> str:
    """The rule in words."""
    parts = [f"more than {rule.more_than}" if rule.more_than is not None else ""]
    several = "message" if rule.more_than == 1 else "messages"
    parts += [rule.message or (several if rule.more_than is not None else "a message")]
    parts += [f"on {rule.channel}" if rule.channel else "", f"of {rule.campaign}" if rule.campaign else ""]
    parts += [f"within {format_duration(rule.within)}" if rule.within is not None else ""]
    parts += [f"after {rule.after}" if rule.after else "", f"with “{rule.contains}”" if rule.contains else ""]
    if rule.between is not None:
        parts.append("between {:%H:%M} and {:%H:%M}".format(*rule.between))
    return " ".join(part for part in parts if part)


def _is_meant(rule: Never, message: Sent, case: Case) -> bool:
    return (
        rule.message in (None, message.message)
        and rule.campaign in (None, message.campaign)
        and rule.channel in (None, message.channel)
        and (rule.contains is None or message.holds(rule.contains))
        and (rule.after is None or any(at < message.at for at in _times(rule.after, case)))
        and (rule.between is None or _is_between(message.at.astimezone(case.zone).time(), *rule.between))
    )


def _times(event: str, case: Case) -> list[datetime]:
    """When this happened in the scenario."""
    return [one.at for one in case.happens if isinstance(one.what, EventHappens) and one.what.event == event]


def _is_between(clock: time, start: time, end: time) -> bool:
    """The start belongs to it, the end does not; it may span midnight."""
    return start <= clock < end if start <= end else clock >= start or clock < end
