"""The limits of laws as caps: so many messages to one person in some hours, counted like the workspace's own.

A slot is reserved at the claim, and the hand-over, which the law means, begins somewhat later. So a limit's window is
longer by as much: even if the first message is handed over at the last moment and the next at once, no span of the
law's length holds too many.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any

from dangol.model.jurisdiction import LimitRule
from dangol.model.people import Profile
from dangol.model.workspace import Cap, Window
from dangol.policy.rules import CapRule, Rulebook


def legal_caps(profile: Profile, rulebook: Rulebook, leeway: timedelta) -> tuple[CapRule, ...]:
    """The limits of every pack that binds this person, as caps whose keys are the rules' ids.

    They hold for every purpose that a rule names, whatever ``capped_purposes`` says. ``leeway`` is how long after its
    claim a hand-over may begin.
    """
    return tuple(_as_cap(rule, leeway) for rule in rulebook.law.limits(profile))


def longest_limit(rulebooks: Sequence[Rulebook], leeway: timedelta) -> timedelta:
    """How far back slots must be read for the limits of any pack."""
    return max((rulebook.law.longest_limit for rulebook in rulebooks), default=timedelta()) + leeway


@lru_cache(maxsize=64)
def _as_cap(rule: LimitRule, leeway: timedelta) -> CapRule:
    # A rule's id is no key as workspaces have them, and cannot be one of theirs; so it is not checked as one.
    cap = Cap.model_construct(key=rule.id, limit=rule.most, window=Window(rolling=rule.within + leeway))
    return CapRule(cap, _counting(rule))


def _counting(rule: LimitRule) -> Callable[[Mapping[str, Any]], bool]:
    channels = frozenset(str(channel) for channel in rule.channels)
    purposes = frozenset(str(purpose) for purpose in rule.purposes)
    return lambda fields: fields["channel"] in channels and fields["purpose"] in purposes
