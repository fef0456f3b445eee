"""What providers that speak HTTP share: a batch goes out side by side, and every answer becomes an outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog

from dangol.delivery.http.messages import Answer, Broken, NotSent, Reply, Request
from dangol.delivery.http.transport import Transport
from dangol.delivery.provider import LATE, fault
from dangol.errors import DangolError
from dangol.model.message import Envelope, Outcome, Refused, Unknown
from dangol.model.vocabulary import RefusalCause

log = structlog.get_logger(__name__)


class Unsendable(DangolError):
    """This carrier cannot be given the message; no later attempt can change that. The text holds nothing personal."""


def carry(
    carrier: str,
    transport: Transport,
    batch: Sequence[Envelope],
    *,
    write: Callable[[Envelope], Request],
    meaning: Callable[[Reply], Outcome],
    patience: timedelta,
) -> list[Outcome]:
    """Send each envelope as the request that ``write`` makes of it; one outcome each, in order.

    ``write`` raises Unsendable for what cannot be sent, ``meaning`` reads a reply. ``carrier`` is how the log calls it.
    """
    outcomes: list[Outcome | None] = [None] * len(batch)
    requests: list[tuple[int, Request]] = []
    for place, envelope in enumerate(batch):
        why = fault(envelope)
        if why:
            outcomes[place] = Refused(permanent=True, detail=why)
            continue
        try:
            requests.append((place, write(envelope)))
        except Unsendable as error:
            outcomes[place] = Refused(permanent=True, detail=str(error))
    answers = transport.exchange([request for _, request in requests], patience=patience)
    for (place, _), answer in zip(requests, answers, strict=True):
        outcomes[place] = _outcome(carrier, answer, meaning)
    told = [outcome for outcome in outcomes if outcome is not None]
    complain(carrier, told)
    return told


def _outcome(carrier: str, answer: Answer, meaning: Callable[[Reply], Outcome]) -> Outcome:
    match answer:
        case Reply():
            return meaning(answer)
        case NotSent(reason, late):
            return LATE if late else Refused(permanent=False, detail=f"{carrier} not reached: {reason}")
        case Broken(reason):
            return Unknown(f"no answer from {carrier}: {reason}")


def complain(carrier: str, outcomes: Sequence[Outcome]) -> None:
    """Say loudly that the account is refused: until somebody mends that, nothing goes out, and all of it waits."""
    refused = Counter(one.detail for one in outcomes if isinstance(one, Refused) and one.cause is RefusalCause.ACCOUNT)
    for detail, messages in refused.items():
        log.error("carrier_refuses_account", carrier=carrier, detail=detail, messages=messages)
