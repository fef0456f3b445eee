"""Links by which a recipient leaves: signed, with an end, and naming nobody by address."""

from __future__ import annotations

import base64
import hashlib
import hmac
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
PREFERENCES = "/p/"
CONFIRM = "/c/"
CONFIRM_WITHIN = timedelta(days=7)
"""How long a double opt-in can be confirmed."""
_DAY = 86_400
_MAC_CHARACTERS = 16
"""96 bits: enough for what can only be tried over the network, and short enough for an SMS."""


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
        self._secret = secret

    def url(self, leave: Leave, now: datetime) -> str | None:
        """The link, good from now on; None without a public URL. Derived: the same twice for the same, at one time."""
        if not self._base:
            return None
        until = int((now + GOOD_FOR).timestamp())
        said = [leave.profile_id, leave.channel.value, leave.purpose.value, leave.message_id, until]
        return f"{self._base}{PATH}{self._text(self._serializer.dumps(said))}"

    def leave(self, leave: Leave, now: datetime) -> str | None:
        """As ``url``."""
        return self.url(leave, now)

    def preferences(self, profile_id: str, now: datetime) -> str | None:
        """The link to a person's preference centre, good from now on; None without a public URL."""
        return self._short(PREFERENCES, profile_id, now + GOOD_FOR)

    def confirm(
        self, profile_id: str, channel: Channel, purpose: Purpose, topic: str, consent_id: str, now: datetime
    ) -> str | None:
        """The link that confirms what a ledger row requested, which says for whom, on which channel and for what.

        None without a public URL.
        """
        return self._short(CONFIRM, consent_id, now + CONFIRM_WITHIN)

    def read_preferences(self, token: str, now: datetime) -> str:
        """The profile id of a link's token. Raises UnknownLink, or ExpiredLink for one that was good once."""
        return self._read_short(PREFERENCES, token, now)

    def read_confirmation(self, token: str, now: datetime) -> str:
        """The consent's id of a link's token. Raises UnknownLink, or ExpiredLink for one that was good once."""
        return self._read_short(CONFIRM, token, now)

    def _short(self, path: str, id_: str, until: datetime) -> str | None:
        """A link that fits an SMS: an id, the last day in hexadecimal and a signature over both and the use."""
        if not self._base:
            return None
        said = f"{id_}.{int(until.timestamp()) // _DAY:x}"
        return f"{self._base}{path}{said}.{self._mac(path, said)}"

    def _read_short(self, path: str, token: str, now: datetime) -> str:
        said, _, mac = token.rpartition(".")
        signed = len(token) <= LONGEST_TOKEN and token.isascii()
        if not signed or not hmac.compare_digest(mac, self._mac(path, said)):
            raise UnknownLink
        id_, _, day = said.rpartition(".")
        if int(now.timestamp()) // _DAY > int(day, 16):
            raise ExpiredLink
        return id_

    def _mac(self, path: str, said: str) -> str:
        digest = hmac.digest(self._secret, f"dangol.link:{path}{said}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest).decode()[:_MAC_CHARACTERS]

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
