"""What dangol asks of whatever carries messages out of the house."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dangol.errors import DangolError
from dangol.model.feedback import Feedback
from dangol.model.message import Envelope, Outcome, Refused
from dangol.model.vocabulary import Channel


class NothingSent(DangolError):
    """The provider was not reached; nothing of the batch was handed over."""


class Provider(Protocol):
    """An adapter to one carrier. It may be called from several threads at once.

    ``dangol.testing.provider_contract`` holds the tests that every provider passes.
    """

    name: str
    channels: frozenset[Channel]

    def send_many(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        """Hand the messages over, each at most once; one outcome per envelope, in the batch's order.

        A single message's failure is an outcome, never an exception. ``Refused`` is a promise that the carrier
        does not have the message; whoever cannot promise that answers ``Unknown``. Details go into the log, so
        they hold no address, name or text. An exception makes every message of the batch ``Unknown``, except
        NothingSent, which makes every one a transient refusal.
        """
        ...

    def close(self) -> None:
        """Let go of what is held open; may be called more than once."""
        ...


@dataclass(frozen=True, slots=True)
class Sought:
    """A message that a provider may have: to whom, what it said, and between which instants it was handed over."""

    channel: Channel
    to: str
    text: str
    since: datetime
    until: datetime


Find = Callable[[Sought], Sequence[Feedback]]


def finder(provider: Provider) -> Find | None:
    """How this provider is asked whether it has a message; None if it cannot be asked.

    One that can has a method ``find(sought)``: a report on each of its messages to that address, with exactly that text
    and made between those instants, with the carrier's ``reference`` and without our id. It raises NothingSent if it
    gets no answer, and answers nothing where it cannot be sure to have seen all of them.
    """
    return getattr(provider, "find", None)


def takes(provider: Provider, envelope: Envelope) -> bool:
    """Can this provider carry this message at all? One that serves some recipients of its channel only has a method
    ``takes(envelope)`` that says which."""
    asked = getattr(provider, "takes", None)
    return envelope.channel in provider.channels and (asked is None or bool(asked(envelope)))


def sends_from(provider: Provider) -> str:
    """The number or service that all messages of this provider go out from, its ``sends_from``; empty if each message
    names its own sender."""
    return getattr(provider, "sends_from", "")


LATE = Refused(permanent=False, detail="not begun: the time in which it was allowed is over")
"""The refusal of a hand-over that was to begin earlier."""


def too_late(envelope: Envelope, now: datetime) -> Refused | None:
    """The refusal of a hand-over that is too late; whoever hands over one by one asks before each."""
    if envelope.not_after is None or now < envelope.not_after:
        return None
    return LATE


_HEADER_NAME = re.compile(r"[!-9;-~]+")
_LINE_BREAK = re.compile("[\x00\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")


def fault(envelope: Envelope) -> str | None:
    """Why no carrier may be given this envelope; None if there is no such reason.

    A line break in a one-line field could forge a header; half a surrogate pair is not text. The answer names the
    field, never its value.
    """
    rendered = envelope.rendered
    fields = {"message id": envelope.message_id, "recipient": envelope.to, "sender": envelope.sender}
    if envelope.channel is Channel.EMAIL:
        fields["subject"] = rendered.subject
    if envelope.channel is Channel.PUSH:
        fields["collapse key"] = rendered.collapse_key
    for name, value in envelope.headers.items():
        if not _HEADER_NAME.fullmatch(name):
            return "a header's name is not a header name"
        fields[f"header {name}"] = value
    broken = [name for name, value in fields.items() if _LINE_BREAK.search(value)]
    if broken:
        return f"line break or control character in: {', '.join(broken)}"
    try:
        rendered.content()
        "".join(fields.values()).encode()
    except UnicodeEncodeError:
        return "the message holds half a surrogate pair, which is not text"
    return None
