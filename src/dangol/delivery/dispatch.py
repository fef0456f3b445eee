"""From a mixed batch to the right carriers and back to one answer per message."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

import structlog

from dangol import meters
from dangol.clock import Clock, SystemClock
from dangol.delivery.provider import LATE, NothingSent, Provider, takes, too_late
from dangol.delivery.standing import Away, Standing
from dangol.errors import UsageError
from dangol.model.message import Envelope, Outcome, Refused, Unknown
from dangol.model.vocabulary import Channel, RefusalCause

log = structlog.get_logger(__name__)
_NAME_LIMIT = 32
_NOBODY = Refused(permanent=True, detail="no provider is set up for this channel")
_NOT_TAKEN = Refused(permanent=True, detail="no provider of this channel takes this message")
Room = Callable[[Provider, Sequence[Envelope]], Sequence[bool]]
"""Which of these messages a provider may be given that they were not counted on to go to; see ``batch.turns``."""
_NO_TURN = timedelta(seconds=1)
_ELSEWHERE = frozenset({None, RefusalCause.ELSEWHERE, RefusalCause.ACCOUNT})


@dataclass(frozen=True, slots=True)
class Handed:
    """What came of a message: the outcome, whose it is, and what those before it said, who definitely have it not."""

    outcome: Outcome
    provider: str = ""
    tried: tuple[str, ...] = ()


class Dispatcher:
    """Knows which providers serve which channel, in which order, and turns whatever they do into outcomes.

    A provider that is away is passed over, but for messages that try whether it works again. What one definitely did
    not take, for a reason that does not lie in the message, goes to the next; nothing that may have been taken ever
    does (G2). Raises UsageError if a provider is put on a channel that it does not carry, or has no name that the log
    can hold.
    """

    def __init__(
        self,
        providers: Mapping[Channel, Provider | Sequence[Provider]],
        clock: Clock | None = None,
        standing: Standing | None = None,
    ) -> None:
        self._providers = {channel: _listed(given) for channel, given in providers.items()}
        for channel, serving in self._providers.items():
            for provider in serving:
                _check(channel, provider)
        self._clock = clock or SystemClock()
        self.standing = standing or Standing()

    def provider_for(self, channel: Channel) -> Provider | None:
        """The main provider of a channel."""
        serving = self._providers.get(channel, ())
        return serving[0] if serving else None

    def first(self, channel: Channel, now: datetime, trying: Collection[str] = ()) -> Provider | None:
        """The provider of a channel that would be given a message now, if the message may try those."""
        serving = self._providers.get(channel, ())
        return next(
            (one for one in serving if self.standing.away(one.name, now) is None or one.name in trying),
            None,
        )

    def away(self, channel: Channel, now: datetime) -> Away | None:
        """If nobody who serves this channel may be given messages now: the first of them to be asked again."""
        away = [self.standing.away(provider.name, now) for provider in self._providers.get(channel, ())]
        if not away or None in away:
            return None
        return min((one for one in away if one is not None), key=lambda one: one.until)

    def to_be_tried(self, channels: Iterable[Channel], now: datetime) -> set[str]:
        """The providers of these channels that it is time to try, and that come before one that is well."""
        waiting = self.standing.to_be_tried(now)
        found: set[str] = set()
        for channel in channels if waiting else ():
            before = takewhile(lambda one: self.standing.away(one.name, now), self._providers.get(channel, ()))
            found |= waiting.intersection(one.name for one in before)
        return found

    def send(
        self, envelopes: Sequence[Envelope], room: Room | None = None, trying: Mapping[str, str] | None = None
    ) -> list[Handed]:
        """Hand every envelope to its channel's providers, one call a provider; answers in the order given.

        Never raises for what a provider does. A process that is being stopped (KeyboardInterrupt and its like)
        still stops; what was in flight then is for the caller's lease to tell. ``room`` is asked before a provider is
        given what would have gone to another one. ``trying``: the messages, by id, that try a provider which is left
        alone otherwise, and which one.
        """
        now, trying = self._clock.now(), trying or {}
        self.standing.trying(set(trying.values()))
        usual = {channel: self.first(channel, now) for channel in {one.channel for one in envelopes}}
        named = {channel: provider.name if provider is not None else "" for channel, provider in usual.items()}
        counted_on = [trying.get(one.message_id, named[one.channel]) for one in envelopes]
        handed = [Handed(self._nobody(envelope)) for envelope in envelopes]
        left = {place: self._serving(envelope, trying) for place, envelope in enumerate(envelopes)}
        while left := {place: serving for place, serving in left.items() if serving}:
            for provider, places in _by_provider(left, last=set(trying.values())):
                may, may_not = _with_room(provider, places, envelopes, room, handed, counted_on)
                for place, outcome in (*self._give(provider, may, envelopes), *may_not):
                    handed[place] = _added(handed[place], provider.name, outcome)
            left = {place: serving[1:] for place, serving in left.items() if _may_go_on(handed[place].outcome)}
        return handed

    def close(self) -> None:
        """Close every provider once."""
        for provider in {id(one): one for serving in self._providers.values() for one in serving}.values():
            provider.close()

    def _nobody(self, envelope: Envelope) -> Refused:
        """The answer if nobody is asked."""
        serving = self._providers.get(envelope.channel, ())
        if not serving:
            return _NOBODY
        if not any(takes(provider, envelope) for provider in serving):
            return _NOT_TAKEN
        now = self._clock.now()
        away = self.away(envelope.channel, now)
        pause = away.until - now if away is not None else None
        return Refused(False, "not begun: the carriers of this channel are left alone for now", retry_after=pause)

    def _serving(self, envelope: Envelope, trying: Mapping[str, str]) -> list[Provider]:
        now = self._clock.now()
        return [
            provider
            for provider in self._providers.get(envelope.channel, ())
            if (self.standing.away(provider.name, now) is None or trying.get(envelope.message_id) == provider.name)
            and takes(provider, envelope)
        ]

    def _give(
        self, provider: Provider, places: Sequence[int], envelopes: Sequence[Envelope]
    ) -> list[tuple[int, Outcome]]:
        now = self._clock.now()
        late = {place for place in places if too_late(envelopes[place], now)}
        begun = [place for place in places if place not in late]
        batch = [envelopes[place] for place in begun]
        answers: list[Outcome] = []
        if batch:
            with meters.timed("provider_seconds", provider=provider.name):
                answers = _hand_over(provider, batch)
            _count(provider, batch, answers)
        self.standing.hear(provider.name, answers, self._clock.now())
        given = dict(zip(begun, answers, strict=True))
        return [(place, given.get(place, LATE)) for place in places]


def _with_room(
    provider: Provider,
    places: Sequence[int],
    envelopes: Sequence[Envelope],
    room: Room | None,
    handed: Sequence[Handed],
    counted_on: Sequence[str],
) -> tuple[list[int], list[tuple[int, Outcome]]]:
    """Who may be given to this provider, and the answer to the others: those standing in may exceed its rate."""
    if room is None:
        return list(places), []
    extra = [place for place in places if handed[place].provider or counted_on[place] != provider.name]
    if not extra:
        return list(places), []
    free = room(provider, [envelopes[place] for place in extra])
    full = {place for place, is_free in zip(extra, free, strict=True) if not is_free}
    refused = Refused(False, f"not begun: {provider.name} has no turn free", retry_after=_NO_TURN)
    return [place for place in places if place not in full], [(place, refused) for place in sorted(full)]


def _listed(given: Provider | Sequence[Provider]) -> tuple[Provider, ...]:
    return tuple(given) if isinstance(given, Sequence) else (given,)


def _check(channel: Channel, provider: Provider) -> None:
    if not 0 < len(provider.name) <= _NAME_LIMIT:
        raise UsageError(f"provider name {provider.name!r}: expected 1 to {_NAME_LIMIT} characters")
    if channel not in provider.channels:
        carried = ", ".join(sorted(provider.channels))
        raise UsageError(f"provider {provider.name} cannot carry {channel}; it carries {carried}")


def _by_provider(left: Mapping[int, Sequence[Provider]], *, last: Collection[str]) -> list[tuple[Provider, list[int]]]:
    """Whom everybody is to be given now; those that are tried come last, for they may keep everybody waiting."""
    groups: dict[int, tuple[Provider, list[int]]] = {}
    for place, serving in left.items():
        groups.setdefault(id(serving[0]), (serving[0], []))[1].append(place)
    return sorted(groups.values(), key=lambda group: group[0].name in last)


def _added(before: Handed, provider: str, outcome: Outcome) -> Handed:
    """The answer of the next one; what those before it said, now that it was not the last word, is kept."""
    said = before.outcome
    if not before.provider or not isinstance(said, Refused):
        return Handed(outcome, provider)
    return Handed(outcome, provider, (*before.tried, f"{before.provider}: {said.detail}"))


def _may_go_on(outcome: Outcome) -> bool:
    """Certainly not taken, and for a reason that another carrier may not have."""
    if not isinstance(outcome, Refused) or outcome is LATE or outcome.cause not in _ELSEWHERE:
        return False
    return not outcome.permanent or outcome.cause is not None


def _hand_over(provider: Provider, batch: list[Envelope]) -> list[Outcome]:
    try:
        answers = list(provider.send_many(batch))
    except NothingSent as error:
        _log_failure(provider, batch, error)
        return [Refused(permanent=False, detail=f"{provider.name} was not reached")] * len(batch)
    except Exception as error:
        # A bug or an outage in an adapter says nothing about which messages got through.
        _log_failure(provider, batch, error)
        return [Unknown(detail=f"{provider.name} failed: {type(error).__name__}")] * len(batch)
    if len(answers) != len(batch) or not all(isinstance(answer, Outcome) for answer in answers):
        log.error("provider_answer_malformed", provider=provider.name, messages=len(batch), answers=len(answers))
        return [Unknown(detail=f"{provider.name} did not answer with one outcome per message")] * len(batch)
    counts = Counter(type(answer).__name__.lower() for answer in answers)
    log.info("handed_over", provider=provider.name, messages=len(batch), **counts)
    return answers


def _count(provider: Provider, batch: list[Envelope], answers: list[Outcome]) -> None:
    if not meters.on():
        return
    told = Counter((item.channel.value, _called(answer)) for item, answer in zip(batch, answers, strict=True))
    for (channel, outcome), n in told.items():
        meters.count("handovers", n, provider=provider.name, channel=channel, outcome=outcome)


def _called(answer: Outcome) -> str:
    if isinstance(answer, Refused):
        return "refused" if answer.permanent else "busy"
    return type(answer).__name__.lower()


def _log_failure(provider: Provider, batch: list[Envelope], error: Exception) -> None:
    """Say what failed and where. An exception's own text may quote an address, so it is left out."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    log.error(
        "provider_failed",
        provider=provider.name,
        messages=len(batch),
        error=type(error).__name__,
        at=f"{place.filename}:{place.lineno}",
    )
