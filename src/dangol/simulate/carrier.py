"""The provider of simulations: takes everything, carries nothing, and notes what nobody can tell afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from dangol.delivery.provider import fault
from dangol.model.message import Accepted, Envelope, Outcome, Refused
from dangol.model.vocabulary import Channel, RefusalCause
from dangol.simulate.draws import Draws
from dangol.simulate.never import holds


class Carrier:
    """Accepts what a carrier would accept; keeps the billed parts of an SMS, and which of ``texts`` a message holds.

    ``dead`` is the share of addresses on a channel that are no more; which ones is drawn once and for all.
    """

    def __init__(self, texts: Iterable[str], draws: Draws, dead: Mapping[Channel, float]) -> None:
        self._draws = draws
        self._dead = dead
        self.name = "simulated"
        self.channels = frozenset(Channel)
        self._texts = tuple(dict.fromkeys(texts))
        self._segments: dict[str, int] = {}
        self._holding: set[tuple[str, str]] = set()

    def send_many(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        return [self._take(envelope) for envelope in batch]

    def close(self) -> None:
        self._segments.clear()

    def segments(self, message_id: str) -> int:
        """How many parts this message is billed as; told once, and 0 where parts are not billed."""
        return self._segments.pop(message_id, 0)

    def held(self, message_id: str, text: str) -> bool:
        """Did this message hold the text, one of those that were asked for?"""
        return (message_id, text) in self._holding

    def _take(self, envelope: Envelope) -> Outcome:
        why = fault(envelope)
        if why:
            return Refused(permanent=True, detail=why)
        share = self._dead.get(envelope.channel, 0.0)
        if share and self._draws.one("dead", envelope.channel, envelope.to) < share:
            cause = RefusalCause.DEAD_TOKEN if envelope.channel is Channel.PUSH else RefusalCause.DEAD_ADDRESS
            return Refused(permanent=True, detail="nobody has this address", cause=cause)
        if envelope.channel is Channel.SMS:
            self._segments[envelope.message_id] = envelope.rendered.segments
        self._holding.update((envelope.message_id, text) for text in self._texts if holds(envelope.rendered, text))
        return Accepted()
