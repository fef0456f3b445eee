"""A message on its way: what a journey asked for, what was rendered, what is handed over, what came back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dangol.model.vocabulary import Channel


@dataclass(frozen=True, slots=True)
class Rendered:
    """The finished text of a message for one person on one channel.

    ``subject`` is an email's subject or a push title; ``text`` is the plain text (email's twin, SMS or push
    body); ``segments`` counts billed SMS parts.
    """

    channel: Channel
    locale: str
    text: str
    subject: str = ""
    html: str = ""
    link: str = ""
    segments: int = 0

    def content(self) -> bytes:
        """The bytes that the log's content hash is taken over: every field behind its length, so none can blur."""
        fields = (self.channel.value, self.locale, self.subject, self.text, self.html, self.link)
        return "".join(f"{len(field)}:{field}" for field in fields).encode()


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a provider gets: one message, one address. ``message_id`` travels with it and identifies it later.

    The hand-over must have begun before ``not_after``; later it is refused, and the gate asked anew.
    """

    message_id: str
    channel: Channel
    to: str
    sender: str
    rendered: Rendered
    headers: dict[str, str] = field(default_factory=dict)
    not_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took responsibility; ``reference`` is its own id for the message."""

    reference: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider certainly did not take the message; sending again later is safe unless ``permanent``."""

    permanent: bool
    detail: str = ""
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """The provider may or may not have taken the message; never sent again blindly (G2)."""

    detail: str = ""


Outcome = Accepted | Refused | Unknown
