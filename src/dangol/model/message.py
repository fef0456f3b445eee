"""A message on its way: what a journey asked for, what was rendered, what is handed over, what came back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from dangol.model.vocabulary import Channel, RefusalCause


@dataclass(frozen=True, slots=True)
class SmsSize:
    """How a carrier counts an SMS: ``units`` (GSM places, UTF-16 units or bytes) of the ``room`` in ``parts`` billed
    parts. ``alphabet`` is GSM-7, UCS-2 or EUC-KR; a ``long`` one is a Korean long message (LMS)."""

    alphabet: str
    units: int
    room: int
    parts: int
    long: bool = False

    def __str__(self) -> str:
        kind = "1 long message" if self.long else f"{self.parts} segment{'' if self.parts == 1 else 's'}"
        return f"{kind}, {self.units} of {self.room} in {self.alphabet}"


@dataclass(frozen=True, slots=True)
class Rendered:
    """The finished text of a message for one person on one channel.

    ``subject`` is an email's subject or a push title; ``text`` is the plain text (email's twin, SMS or push
    body); ``segments`` counts billed SMS parts, and ``size`` says how. A push may have a ``link``, an ``image``, a
    ``collapse_key`` (a later push with the same one replaces it) and a ``ttl`` after which nobody wants it any more.
    ``notes`` says for the log what was done so that the channel can carry the text; it is never personal.
    """

    channel: Channel
    locale: str
    text: str
    subject: str = ""
    html: str = ""
    link: str = ""
    segments: int = 0
    image: str = ""
    collapse_key: str = ""
    ttl: timedelta | None = None
    size: SmsSize | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)

    def content(self) -> bytes:
        """The bytes that the log's content hash is taken over: every field behind its length, so none can blur.

        What only some messages have follows by name, so that a message without it has the bytes it always had.
        """
        fields = [self.channel.value, self.locale, self.subject, self.text, self.html, self.link]
        for name, value in self._extras().items():
            fields += [name, value]
        return "".join(f"{len(field)}:{field}" for field in fields).encode()

    def payload(self, message_id: str) -> bytes:
        """A push as it travels to the device, in JSON; what its 4096 bytes are counted over."""
        told = {"id": message_id, "title": self.subject, "body": self.text}
        told |= {"link": self.link} if self.link else {}
        told |= {name: value for name, value in self._extras().items() if name != "ttl"}
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")

    def _extras(self) -> dict[str, str]:
        extras = {"image": self.image, "collapse_key": self.collapse_key}
        if self.ttl is not None:
            extras["ttl"] = str(int(self.ttl.total_seconds()))
        return {name: value for name, value in extras.items() if value}


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a provider gets: one message, one address. ``message_id`` travels with it and identifies it later.

    The hand-over must have begun before ``not_after``; later it is refused, and the gate asked anew. ``until`` is when
    it should be with the recipient: a carrier that can is told to drop it then. With the
    ``receipt`` a device proves, when it reports about a push, that it got it.
    """

    message_id: str
    channel: Channel
    to: str
    sender: str
    rendered: Rendered
    headers: dict[str, str] = field(default_factory=dict)
    not_after: datetime | None = None
    until: datetime | None = None
    receipt: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took responsibility; ``reference`` is its own id for the message."""

    reference: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider certainly did not take the message; sending again later is safe unless ``permanent``.

    ``cause`` is what the carrier thereby said about the address, the text or the account, if it did.
    """

    permanent: bool
    detail: str = ""
    retry_after: timedelta | None = None
    cause: RefusalCause | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """The provider may or may not have taken the message; never sent again blindly (G2)."""

    detail: str = ""


Outcome = Accepted | Refused | Unknown
