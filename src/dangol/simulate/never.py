"""Rules over everything that one person is sent: which messages break them. Scenarios and simulations keep to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from dangol.model.durations import format_duration
from dangol.model.message import Rendered

Texts = Callable[[str], bool]
"""Does a message hold this text?"""


@dataclass(frozen=True, slots=True)
class Rule:
    """Messages that nobody may ever get. A message is meant if all that is said of it is true.

    ``between`` are times of the person's own day, the second not included; the span may hold midnight. ``more_than``
    are allowed in any time of ``within``, in all if that is None.
    """

    message: str | None = None
    campaign: str | None = None
    channel: str | None = None
    contains: str | None = None
    after: str | None = None
    between: tuple[time, time] | None = None
    more_than: int | None = None
    within: timedelta | None = None

    @property
    def told(self) -> str:
        """The rule in words."""
        parts = [f"more than {self.more_than}" if self.more_than is not None else ""]
        several = "message" if self.more_than == 1 else "messages"
        parts += [self.message or (several if self.more_than is not None else "a message")]
        parts += [f"on {self.channel}" if self.channel else "", f"of {self.campaign}" if self.campaign else ""]
        parts += [f"within {format_duration(self.within)}" if self.within is not None else ""]
        parts += [f"after {self.after}" if self.after else "", f"with “{self.contains}”" if self.contains else ""]
        if self.between is not None:
            parts.append("between {:%H:%M} and {:%H:%M}".format(*self.between))
        return " ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Got:
    """A message that a person got. ``since`` is from when events count.

    ``clocks`` is the time on their own clock, or on each that may be theirs if nobody knows where they live.
    """

    at: datetime
    clocks: tuple[time, ...]
    since: datetime
    campaign: str
    message: str
    channel: str
    holds: Texts


def broken(rule: Rule, got: Sequence[Got], happened: Mapping[str, Sequence[datetime]]) -> Iterator[int]:
    """The index of each message that breaks the rule. ``got`` is one person's, in the order of time.

    ``happened`` gives the instants of the person's events by name, as far as rules ask for them.
    """
    meant: list[Got] = []
    for index, message in enumerate(got):
        if not _is_meant(rule, message, happened):
            continue
        meant.append(message)
        near = [one for one in meant if rule.within is None or message.at - one.at < rule.within]
        if len(near) > (rule.more_than or 0):
            yield index


def holds(rendered: Rendered, text: str) -> bool:
    """Do subject, text or link hold this?"""
    return any(text in part for part in (rendered.subject, rendered.text, rendered.link))


def _is_meant(rule: Rule, message: Got, happened: Mapping[str, Sequence[datetime]]) -> bool:
    return (
        rule.message in (None, message.message)
        and rule.campaign in (None, message.campaign)
        and rule.channel in (None, message.channel)
        and (rule.contains is None or message.holds(rule.contains))
        and (rule.after is None or any(message.since < at < message.at for at in happened.get(rule.after, ())))
        and (rule.between is None or any(_is_between(clock, *rule.between) for clock in message.clocks))
    )


def _is_between(clock: time, start: time, end: time) -> bool:
    """The start belongs to it, the end does not; it may span midnight."""
    return start <= clock < end if start <= end else clock >= start or clock < end
