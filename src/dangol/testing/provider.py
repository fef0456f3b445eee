"""A provider that carries nothing anywhere and does as it is told."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from dangol.delivery.provider import fault
from dangol.model.message import Accepted, Envelope, Outcome, Refused
from dangol.model.vocabulary import Channel


def accept(envelope: Envelope) -> Outcome:
    return Accepted(reference=envelope.message_id)


class FakeProvider:
    """Accepts everything, unless scripted otherwise; thread-safe.

    ``answer`` decides about envelopes without a script. Whatever it raises, and every scripted exception, leaves
    ``send_many`` as it is, after the envelopes up to that one were recorded.
    """

    def __init__(
        self,
        *,
        name: str = "fake",
        channels: Iterable[Channel] = Channel,
        answer: Callable[[Envelope], Outcome] = accept,
    ) -> None:
        self.name = name
        self.channels = frozenset(channels)
        self.closed = 0
        self._answer = answer
        self._scripts: dict[str, deque[Outcome | Exception]] = {}
        self._calls: list[tuple[Envelope, ...]] = []
        self._handed_over: list[Envelope] = []
        self._accepted: list[Envelope] = []
        self._lock = threading.Lock()

    def script(self, key: str, *outcomes: Outcome | Exception) -> None:
        """Answer with these, one a hand-over, for a message id or an address; afterwards as usual."""
        with self._lock:
            self._scripts.setdefault(key, deque()).extend(outcomes)

    def send_many(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        with self._lock:
            self._calls.append(tuple(batch))
        return [self._take(envelope) for envelope in batch]

    def close(self) -> None:
        self.closed += 1

    @property
    def calls(self) -> list[tuple[Envelope, ...]]:
        """The batches, in the order in which they came."""
        with self._lock:
            return list(self._calls)

    @property
    def handed_over(self) -> list[Envelope]:
        """Every envelope that came in, whatever became of it; one that came twice stands here twice."""
        with self._lock:
            return list(self._handed_over)

    @property
    def accepted(self) -> list[Envelope]:
        """The envelopes that were accepted."""
        with self._lock:
            return list(self._accepted)

    def _take(self, envelope: Envelope) -> Outcome:
        with self._lock:
            self._handed_over.append(envelope)
            scripted = self._scripted(envelope)
        # Outside the lock, so that an `answer` may wait for another thread's hand-over.
        outcome = scripted or self._answer(envelope)
        if isinstance(outcome, Exception):
            raise outcome
        if isinstance(outcome, Accepted):
            with self._lock:
                self._accepted.append(envelope)
        return outcome

    def _scripted(self, envelope: Envelope) -> Outcome | Exception | None:
        why = fault(envelope)
        if why:
            return Refused(permanent=True, detail=why)
        scripts = (self._scripts.get(key) for key in (envelope.message_id, envelope.to))
        return next((script.popleft() for script in scripts if script), None)
