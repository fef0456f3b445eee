"""What rules are made of: the workspace's policies with the caps' conditions compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dangol.model.facts import Facts, Verdict
from dangol.model.vocabulary import Channel
from dangol.model.workspace import Cap, Policies
from dangol.policy.law import NO_LAW, Law


@dataclass(frozen=True, slots=True)
class CapRule:
    """A cap and its compiled ``applies_to``, called with a message's fields."""

    cap: Cap
    applies_to: Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True, eq=False)
class Rulebook:
    """The policies of one version and the packs of the law, ready to be applied; equal to no other one."""

    policies: Policies
    caps: tuple[CapRule, ...] = ()
    law: Law = NO_LAW


Rule = Callable[[Facts, Channel, Rulebook], Verdict]
