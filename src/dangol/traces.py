"""Traces of journeys: any station may say what it did about which journey, and none of them knows who collects.

A journey's trace is found by its id alone, in every process and over days, because the trace's id is derived from it:
nothing has to be carried along or kept. Stations work in batches, so one passage of a batch appears in the trace of
each journey that it concerns. Nothing happens until a process calls ``collect_in``; only ids and kinds are told.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(slots=True)
class Passage:
    """What a station did in one batch: ``concerned`` has each journey with what is to be told about it.

    ``began`` and ``ended`` are nanoseconds since 1970.
    """

    name: str
    began: int
    ended: int = 0
    error: str = ""
    concerned: list[tuple[str, dict[str, str]]] = field(default_factory=list)


class Collector(Protocol):
    """Whoever collects; called from any thread at the end of each passage, and quick."""

    def wants(self, journey_id: str) -> bool:
        """Whether this journey is among those that are traced."""
        ...

    def take(self, passage: Passage) -> None: ...


_collector: Collector | None = None
_at_work = threading.local()


def collect_in(collector: Collector | None) -> None:
    """From now on this process's passages go there; None: nowhere."""
    global _collector
    _collector = collector


def on() -> bool:
    """Whether anybody collects; what costs more than a call is asked for only then."""
    return _collector is not None


@contextmanager
def at(name: str) -> Iterator[None]:
    """A batch passes a station. Those passed within it are told by themselves, and it goes on after them."""
    collector = _collector
    if collector is None:
        yield
        return
    outer, own = getattr(_at_work, "passage", None), Passage(name, time.time_ns())
    _at_work.passage = own
    try:
        yield
    except BaseException as error:
        own.error = type(error).__name__
        raise
    finally:
        _at_work.passage = outer
        own.ended = time.time_ns()
        collector.take(own)


def concerns(journey_id: str | None, **told: str | None) -> None:
    """What this thread is at is about this journey; ``told`` holds ids and kinds, never a person's data."""
    if _collector is None or not journey_id:
        return
    own: Passage | None = getattr(_at_work, "passage", None)
    if own is not None and _collector.wants(journey_id):
        own.concerned.append((journey_id, {name: value for name, value in told.items() if value}))
