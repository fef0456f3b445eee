"""What came of a scenario when it was played: values, without a database behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dangol.model.message import Rendered
from dangol.model.vocabulary import Channel
from dangol.simulate.never import Happened, holds


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that was handed over; ``began`` is the id of the event that its journey began with, ``entry`` are its
    properties. ``opened`` is the instant from which it was spread, as the end of a quiet window; None if it was not."""

    at: datetime
    campaign: str
    step: str
    message: str
    rendered: Rendered
    began: str = ""
    entry: Mapping[str, Any] = field(default_factory=dict)
    opened: datetime | None = None

    @property
    def channel(self) -> Channel:
        return self.rendered.channel

    def holds(self, text: str) -> bool:
        """Do subject, text or link hold this?"""
        return holds(self.rendered, text)


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision that the log records; ``told`` is the log's own explanation, with its details."""

    at: datetime
    decision: str
    reason: str
    campaign: str
    step: str | None
    channel: str | None
    message: str | None
    told: str


@dataclass(frozen=True, slots=True)
class Reported:
    """An event that an ``emit`` step reported, or a call that a ``webhook`` step made; ``name`` is event or address."""

    at: datetime
    name: str
    holds: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Journey:
    """How a journey stands: ``reason`` of its end or ``waiting``; ``word`` is that of an ``exit`` step, else empty."""

    campaign: str
    reason: str
    word: str = ""


@dataclass(frozen=True, slots=True)
class Performance:
    """Everything that came of a scenario, each list in the order of time.

    ``happened`` are all events from the scenario's beginning on, by name, when dangol heard of them.
    """

    sent: Sequence[Sent] = ()
    decided: Sequence[Decided] = ()
    emitted: Sequence[Reported] = ()
    calls: Sequence[Reported] = ()
    journeys: Sequence[Journey] = ()
    happened: Mapping[str, Sequence[Happened]] = field(default_factory=dict)
    profile: Mapping[str, Any] | None = None
