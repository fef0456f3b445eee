"""From a mixed batch to the right providers and back to one outcome per message."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Mapping, Sequence

import structlog

from dangol import meters
from dangol.clock import Clock, SystemClock
from dangol.delivery.provider import NothingSent, Provider, too_late
from dangol.errors import UsageError
from dangol.model.message import Envelope, Outcome, Refused, Unknown
from dangol.model.vocabulary import Channel

log = structlog.get_logger(__name__)
_NAME_LIMIT = 32


class Dispatcher:
    """Knows which provider serves which channel, and turns whatever a provider does into outcomes.

    Raises UsageError if a provider is put on a channel that it does not carry, or has no name that the log can hold.
    """

    def __init__(self, providers: Mapping[Channel, Provider], clock: Clock | None = None) -> None:
        for channel, provider in providers.items():
            if not 0 < len(provider.name) <= _NAME_LIMIT:
                raise UsageError(f"provider name {provider.name!r}: expected 1 to {_NAME_LIMIT} characters")
            if channel not in provider.channels:
                carried = ", ".join(sorted(provider.channels))
                raise UsageError(f"provider {provider.name} cannot carry {channel}; it carries {carried}")
        self._providers = dict(providers)
        self._clock = clock or SystemClock()

    def provider_for(self, channel: Channel) -> Provider | None:
        return self._providers.get(channel)

    def send(self, envelopes: Sequence[Envelope]) -> list[Outcome]:
        """Hand every envelope to its channel's provider, one call a provider; outcomes in the order given.

        Never raises for what a provider does. A process that is being stopped (KeyboardInterrupt and its like)
        still stops; what was in flight then is for the caller's lease to tell.
        """
        outcomes: list[Outcome] = [Refused(permanent=True, detail="no provider is set up for this channel")] * len(
            envelopes
        )
        for provider, places in self._by_provider(envelopes):
            now = self._clock.now()
            late = {place: refusal for place in places if (refusal := too_late(envelopes[place], now))}
            for place, refusal in late.items():
                outcomes[place] = refusal
            places = [place for place in places if place not in late]
            if not places:
                continue
            batch = [envelopes[place] for place in places]
            with meters.timed("provider_seconds", provider=provider.name):
                answers = _hand_over(provider, batch)
            _count(provider, batch, answers)
            for place, answer in zip(places, answers, strict=True):
                outcomes[place] = answer
        return outcomes

    def _by_provider(self, envelopes: Sequence[Envelope]) -> list[tuple[Provider, list[int]]]:
        groups: dict[int, tuple[Provider, list[int]]] = {}
        for place, envelope in enumerate(envelopes):
            provider = self._providers.get(envelope.channel)
            if provider is not None:
                groups.setdefault(id(provider), (provider, []))[1].append(place)
        return list(groups.values())

    def close(self) -> None:
        """Close every provider once."""
        for provider in {id(provider): provider for provider in self._providers.values()}.values():
            provider.close()


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
