"""Figures for operators: any station may count, and none of them knows who collects.

Nothing happens until a process that serves figures calls ``collect_in``. A station counts once a batch, after the
commit where there is one, and never with a person's data as a label. ``METERS`` is the catalogue: names, meanings and
labels, from which the figures, docs/operations.md, the alert rules and the dashboard are checked.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

_MOMENTS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_AGES = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 3600)


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Meter:
    """One figure: ``name`` is what stations call it; lengths of time are in seconds."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    looked_up: bool = False
    """Asked for when somebody looks, and counted by nobody."""

    @property
    def exposed(self) -> str:
        """The name that Prometheus knows."""
        return f"dangol_{self.name}{'_total' if self.kind is Kind.COUNTER else ''}"


_CATALOGUE = (
    Meter("events", Kind.COUNTER, "Events that came in, new or reported before.", ("result",)),
    Meter("decisions", Kind.COUNTER, "Entries of the log.", ("decision", "reason", "channel")),
    Meter(
        "handovers",
        Kind.COUNTER,
        "Messages that a provider was given, by its answer.",
        ("provider", "channel", "outcome"),
    ),
    Meter("provider_seconds", Kind.HISTOGRAM, "How long a provider had a batch in hand.", ("provider",), _MOMENTS),
    Meter(
        "webhooks", Kind.COUNTER, "Reports of carriers and devices, and what was done with them.", ("hook", "result")
    ),
    Meter("batch_seconds", Kind.HISTOGRAM, "How long a worker had a batch in hand.", ("work",), _MOMENTS),
    Meter("batch_failures", Kind.COUNTER, "Batches that did not come to their end.", ("work", "error")),
    Meter("wake_up_age_seconds", Kind.HISTOGRAM, "How old a wake-up was when a worker took it.", ("work",), _AGES),
    Meter("due_lag_seconds", Kind.HISTOGRAM, "How long the oldest message of a batch had been due.", (), _AGES),
    Meter("sweeps", Kind.COUNTER, "Ticks of the leading scheduler.", ("result",)),
    Meter("intake_refused", Kind.COUNTER, "Calls of the API that were asked to come again later.", ("why",)),
    Meter("database_up", Kind.GAUGE, "1 if the database answers, 0 otherwise.", looked_up=True),
    Meter(
        "database_connections", Kind.GAUGE, "Connections of this process to the database.", ("state",), looked_up=True
    ),
    Meter("due_messages", Kind.GAUGE, "Messages that are due and not begun, counted up to 100,000.", looked_up=True),
    Meter("oldest_due_seconds", Kind.GAUGE, "How long the first of them has been due.", looked_up=True),
    Meter(
        "circuit_open",
        Kind.GAUGE,
        "1 from when a provider is left alone after failures until a message gets through, 0 otherwise.",
        ("provider",),
        looked_up=True,
    ),
    Meter("scheduler_leads", Kind.GAUGE, "1 if a scheduler holds the lease, 0 otherwise.", looked_up=True),
    Meter("duties_overdue", Kind.GAUGE, "People to whom a notice that a law asks for is overdue.", looked_up=True),
)
METERS = {meter.name: meter for meter in _CATALOGUE}


class Collector(Protocol):
    """Whoever collects; called from any thread, and quick."""

    def count(self, meter: Meter, n: float, labels: dict[str, str]) -> None: ...

    def observe(self, meter: Meter, value: float, labels: dict[str, str]) -> None: ...


_collector: Collector | None = None


def collect_in(collector: Collector | None) -> None:
    """From now on this process's figures go there; None: nowhere."""
    global _collector
    _collector = collector


def on() -> bool:
    """Whether anybody collects; what costs more than a call is asked for only then."""
    return _collector is not None


def count(name: str, n: float = 1, **labels: str) -> None:
    """Add ``n`` to a counter. Raises KeyError for a name that the catalogue does not hold, if anybody collects."""
    if _collector is not None and n:
        _collector.count(METERS[name], n, labels)


def observe(name: str, value: float, **labels: str) -> None:
    """Put one value, in seconds, into a histogram."""
    if _collector is not None:
        _collector.observe(METERS[name], value, labels)


@contextmanager
def timed(name: str, **labels: str) -> Iterator[None]:
    """Put how long the block takes into a histogram, however it ends."""
    began = time.perf_counter()
    try:
        yield
    finally:
        observe(name, time.perf_counter() - began, **labels)
