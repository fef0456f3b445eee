"""Links by which a recipient leaves: signed, with an end, and naming nobody by address."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from itsdangerous import BadData, URLSafeSerializer

from dangol.errors import DangolError
from dangol.model.vocabulary import Channel, Purpose

GOOD_FOR = timedelta(days=400)
"""How long a link can be used: longer than any law asks, and than a yearly letter lies in a mailbox."""
LONGEST_TOKEN = 600
PATH = "/u/"


class UnknownLink(DangolError):
    """This link was not made here, or was changed on its way."""

    exit_code = 1


class ExpiredLink(UnknownLink):
    """This link can no longer be used."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Who leaves what, and the message that they leave from."""

    profile_id: str
    channel: Channel
    purpose: Purpose
    message_id: str


class LeavingLinks:
    """Makes links and reads them. ``public_url`` is where recipients reach the pages; empty makes no links.

    A link can be read by whoever holds the ``secret``, which every process of an installation does.
    """

    def __init__(self, secret: bytes, public_url: str = "") -> None:
        self._base = public_url.rstrip("/")
        signed = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
        self._serializer = URLSafeSerializer(secret, salt="dangol.leaving", signer_kwargs=signed)

    def url(self, leave: Leave, now: datetime) -> str | None:
        """The link, good from now on; None without a public URL. Derived: the same twice for the same, at one time."""
        if not self._base:
            return None
        until = int((now + GOOD_FOR).timestamp())
        said = [leave.profile_id, leave.channel.value, leave.purpose.value, leave.message_id, until]
        return f"{self._base}{PATH}{self._text(self._serializer.dumps(said))}"

    def read(self, token: str, now: datetime) -> Leave:
        """What a link's token says. Raises UnknownLink, or ExpiredLink for one that was good once."""
        try:
            said: Any = self._serializer.loads(token) if len(token) <= LONGEST_TOKEN else None
            profile_id, channel, purpose, message_id, until = said
            leave = Leave(str(profile_id), Channel(channel), Purpose(purpose), str(message_id))
        except (BadData, TypeError, ValueError):
            raise UnknownLink from None
        if now.timestamp() >= until:
            raise ExpiredLink
        return leave

    @staticmethod
    def _text(token: str | bytes) -> str:
        return token if isinstance(token, str) else token.decode()
