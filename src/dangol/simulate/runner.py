"""Run time forward: do what the scheduler and the workers would do, inline, at each instant that matters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from dangol.clock import VirtualClock
from dangol.pipeline import Pipeline
from dangol.sweeper import Sweeper


class Runner:
    """Moves a virtual clock from one instant with work to the next; same start, same inputs, same log (G9).

    ``grain`` rounds those instants up, so that work which is due within it is done in one batch.
    """

    def __init__(self, pipeline: Pipeline, sweeper: Sweeper, clock: VirtualClock, *, grain: timedelta) -> None:
        self._pipeline = pipeline
        self._sweeper = sweeper
        self._clock = clock
        self._grain = grain
        self._announced: list[str] = []
        pipeline.wake = self._announce

    def _announce(self, message_ids: Sequence[str]) -> None:
        self._announced += message_ids

    def run_until(self, end: datetime) -> None:
        """Do everything that comes due up to ``end``, then leave the clock there."""
        while True:
            due = self._sweeper.next_due()
            if due is None or due > end:
                break
            self._clock.move_to(min(max(self._rounded(due), self._clock.now()), end))
            if not self.run_due():
                if self._clock.now() >= end:
                    break
                # Somebody was told about it and did not do it; it is told about again when the mark runs out.
                self._clock.move_to(min(self._clock.now() + self._sweeper.timing.queue_lease, end))
        self._clock.move_to(end)

    def run_due(self) -> bool:
        """Do what is due now, and what that makes due now; False if there was nothing to do."""
        due = self._sweeper.sweep()
        for run_id in due.runs:
            while self._pipeline.fan_out(run_id):
                pass
        for batch in self._batches(due.journeys):
            self._pipeline.plan(batch)
        self._announced += due.messages
        busy = bool(due or self._announced)
        self.deliver_announced()
        for batch in self._batches(due.calls):
            self._pipeline.call(batch)
        for batch in self._batches(due.feedback):
            self._pipeline.receive(batch)
        return busy

    def deliver_announced(self) -> None:
        """Deliver what the pipeline said is due at once, as a worker would."""
        announced, self._announced = self._announced, []
        for batch in self._batches(announced):
            self._pipeline.deliver(batch)

    def _batches(self, ids: Sequence[str]) -> list[Sequence[str]]:
        size = self._pipeline.batch_size
        return [ids[start : start + size] for start in range(0, len(ids), size)]

    def _rounded(self, instant: datetime) -> datetime:
        epoch = datetime.fromtimestamp(0, instant.tzinfo)
        return epoch - (epoch - instant) // self._grain * self._grain
