"""The provider of simulations: takes everything, carries nothing, and notes how many parts a text is billed as."""

from __future__ import annotations

from collections.abc import Sequence

from dangol.delivery.provider import fault
from dangol.model.message import Accepted, Envelope, Outcome, Refused
from dangol.model.vocabulary import Channel


class Carrier:
    """Accepts what a carrier would accept. ``segments`` maps a message's id to its billed parts until it is asked."""

    def __init__(self) -> None:
        self.name = "simulated"
        self.channels = frozenset(Channel)
        self._segments: dict[str, int] = {}

    def send_many(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        return [self._take(envelope) for envelope in batch]

    def close(self) -> None:
        self._segments.clear()

    def segments(self, message_id: str) -> int:
        """How many parts this message is billed as; told once, and 0 where parts are not billed."""
        return self._segments.pop(message_id, 0)

    def _take(self, envelope: Envelope) -> Outcome:
        why = fault(envelope)
        if why:
            return Refused(permanent=True, detail=why)
        if envelope.channel is Channel.SMS:
            self._segments[envelope.message_id] = envelope.rendered.segments
        return Accepted()
