"""Links for recipients: signed, with an end, naming nobody by address, and each good for one use only.

    /u/…    leave: one channel and purpose, from one message              400 days
    /p/…    the preference centre of one person                           400 days
    /c/…    confirm what one row of the consent ledger asked for          7 days
    /k/…    keep what one person agreed to, or end it                     400 days

A link that confirms is good for the address alone to which it was sent: it holds a short keyed hash of it.
A receipt is signed like them: whoever has it got the message that it names, and may report what became of it.

A link's path is part of what is signed, so a link for one use is no link for another. Links are made with the newest
key and read with any, so that a key can be changed while links made before go on working.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from itsdangerous import BadData, Serializer, URLSafeSerializer
from itsdangerous.encoding import base64_decode, base64_encode

from dangol.errors import DangolError
from dangol.model.vocabulary import Channel, Purpose
from dangol.profiles.contact import fold_email

GOOD_FOR = timedelta(days=400)
"""How long a link can be used: longer than any law asks, and than a yearly letter lies in a mailbox."""
CONFIRM_WITHIN = timedelta(days=7)
"""How long what was asked for can be confirmed."""
LONGEST_TOKEN = 600
LEAVE, PREFERENCES, CONFIRM, KEEP = "/u/", "/p/", "/c/", "/k/"
FORMS = "/forms/"
PATHS = (LEAVE, PREFERENCES, CONFIRM, KEEP, FORMS)
"""Under which paths the pages for recipients lie; forms are for everybody."""
HOOKS = "/hooks/"
"""Under which path carriers and apps report what became of messages."""
_RECEIPT = f"{HOOKS}push"
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHORT = re.compile(r"([0-9A-Z]{26})\.([0-9a-f]{1,6})(?:\.([A-Za-z0-9_-]{8}))?\.([A-Za-z0-9_-]{16})", re.ASCII)
_MAC_CHARACTERS = 16
"""96 bits: enough for what can be tried over the network only, and short enough for an SMS."""

_ADDRESS_CHARACTERS = 8
"""48 bits: whoever holds a link cannot change it, so it only has to tell one address from another."""


class UnknownLink(DangolError):
    """This link was not made here, or was changed on its way."""

    exit_code = 1


class ExpiredLink(UnknownLink):
    """This link can no longer be used."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Who leaves what, the message that they leave from, and the locale of it; empty if that was not told."""

    profile_id: str
    channel: Channel
    purpose: Purpose
    message_id: str
    locale: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """Whose preference centre a link opens, and the day on which the link was made (its first instant, in UTC)."""

    profile_id: str
    made_on: datetime


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Which row of the ledger a link confirms, and what tells the address to which the link was sent.

    ``sent_to`` is empty in links of releases that did not tell; these run out within 7 days.
    """

    consent_id: str
    sent_to: str = ""


class _Plain(URLSafeSerializer):
    """Makes tokens without trying whether compressed ones would be shorter, which took longer than all else about them.

    Ids do not compress. Tokens that were compressed are read all the same.
    """

    def dump_payload(self, obj: Any) -> bytes:
        return base64_encode(Serializer.dump_payload(self, obj))


class Links:
    """Makes links and reads them. ``public_url`` is where recipients reach the pages; empty makes no links.

    Whoever holds one of ``keys``, the newest first, can make links; every process of an installation does.
    """

    def __init__(self, keys: Sequence[bytes], public_url: str = "") -> None:
        if not keys or not all(keys):
            raise ValueError("a key that signs links is empty")
        self._base = public_url.rstrip("/")
        self._keys = tuple(keys)
        signed = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
        # itsdangerous signs with the last key and reads with all.
        oldest_first = list(reversed(self._keys))
        self._serializer = _Plain(oldest_first, salt="dangol.leaving", signer_kwargs=signed)

    def leave(self, leave: Leave, now: datetime) -> str | None:
        """The link, good from now on; None without a public URL. Derived: the same twice for the same, at one time."""
        if not self._base:
            return None
        until = int((now + GOOD_FOR).timestamp())
        said: list[str | int] = [leave.profile_id, leave.channel.value, leave.purpose.value, leave.message_id, until]
        if leave.locale:
            said.append(leave.locale)
        token = self._serializer.dumps(said)
        return f"{self._base}{LEAVE}{token if isinstance(token, str) else token.decode()}"

    def preferences(self, profile_id: str, now: datetime) -> str | None:
        """The link to a person's preference centre, good from now on; None without a public URL."""
        return self._short(PREFERENCES, profile_id, now + GOOD_FOR)

    def keep(self, profile_id: str, now: datetime) -> str | None:
        """The link by which a person keeps what they agreed to, good from now on; None without a public URL."""
        return self._short(KEEP, profile_id, now + GOOD_FOR)

    def confirm(self, consent_id: str, channel: Channel, address: str, now: datetime) -> str | None:
        """The link that confirms what a ledger row asked for, sent to this address; None without a public URL.

        The link names the row, which says who was asked for what; so it is short, and tells nobody else.
        """
        sent_to = _address_mac(self._keys[0], consent_id, channel, address)
        return self._short(CONFIRM, consent_id, now + CONFIRM_WITHIN, sent_to)

    def receipt(self, message_id: str) -> str:
        """The text that travels with a push message, by which its device proves that it got it."""
        return _mac(self._keys[0], _RECEIPT, message_id)

    def is_receipt(self, message_id: str, receipt: str) -> bool:
        """Whether this is the receipt of that message; takes as long whichever it is."""
        given = receipt.encode(errors="replace")
        known = [hmac.compare_digest(given, _mac(key, _RECEIPT, message_id).encode()) for key in self._keys]
        return any(known)

    def read_leave(self, token: str, now: datetime) -> Leave:
        """What a link's token says. Raises UnknownLink, or ExpiredLink for one that was good once."""
        try:
            said: Any = self._serializer.loads(token) if _is_one_spelling(token) else None
            profile_id, channel, purpose, message_id, until, *locale = said
            told = "".join(map(str, locale[:1]))
            leave = Leave(str(profile_id), Channel(channel), Purpose(purpose), str(message_id), told)
        except (BadData, TypeError, ValueError):
            raise UnknownLink from None
        if now.timestamp() >= until:
            raise ExpiredLink
        return leave

    def read_preferences(self, token: str, now: datetime) -> Visit:
        """Whose preference centre a link's token opens. Raises UnknownLink, or ExpiredLink."""
        profile_id, until, _ = self._read_short(PREFERENCES, token, now)
        return Visit(profile_id, until - GOOD_FOR)

    def read_confirmation(self, token: str, now: datetime) -> Confirmation:
        """What a link's token confirms. Raises UnknownLink, or ExpiredLink."""
        consent_id, _, sent_to = self._read_short(CONFIRM, token, now)
        return Confirmation(consent_id, sent_to)

    def read_keep(self, token: str, now: datetime) -> str:
        """Whose consents a link's token keeps. Raises UnknownLink, or ExpiredLink."""
        return self._read_short(KEEP, token, now)[0]

    def was_sent_to(self, link: Confirmation, channel: Channel, address: str | None) -> bool:
        """Whether this is the address to which the link was sent. A link that does not tell is believed."""
        if not link.sent_to:
            return True
        macs = [_address_mac(key, link.consent_id, channel, address or "") for key in self._keys]
        # every key is tried, as for signatures
        known = [hmac.compare_digest(link.sent_to, mac) for mac in macs]
        return any(known)

    def _short(self, path: str, id_: str, until: datetime, more: str = "") -> str | None:
        """A link that fits an SMS: an id, the last day in hexadecimal, and a signature over these and the use."""
        if not self._base:
            return None
        said = ".".join(filter(None, (id_, f"{(until - _EPOCH) // _DAY:x}", more)))
        return f"{self._base}{path}{said}.{_mac(self._keys[0], path, said)}"

    def _read_short(self, path: str, token: str, now: datetime) -> tuple[str, datetime, str]:
        """The id, the first instant of the last day on which the token is good, and what else it says."""
        found = _SHORT.fullmatch(token)
        if found is None:
            raise UnknownLink
        id_, day, more, mac = found.groups(default="")
        said = token.removesuffix(f".{mac}")
        # every key is tried, so that the time it takes tells nothing about which one it was
        known = [hmac.compare_digest(mac, _mac(key, path, said)) for key in self._keys]
        if not any(known):
            raise UnknownLink
        last_day = _EPOCH + int(day, 16) * _DAY
        if now >= last_day + _DAY:
            raise ExpiredLink
        return id_, last_day, more


def _is_one_spelling(token: str) -> bool:
    """Whether the signature is spelt as we spell it: other spellings of the same bytes would count as other links."""
    signature = token.rpartition(".")[2]
    short = len(token) <= LONGEST_TOKEN and token.isascii()
    return short and base64_encode(base64_decode(signature)).decode() == signature


def _address_mac(key: bytes, consent_id: str, channel: Channel, address: str) -> str:
    """Tells one address from others, in one spelling; for each row another, so that links cannot be compared."""
    if channel is Channel.EMAIL:
        address = fold_email(address)
    return _mac(key, CONFIRM, f"{consent_id}\x1f{channel.value}\x1f{address}")[:_ADDRESS_CHARACTERS]


def _mac(key: bytes, path: str, said: str) -> str:
    digest = hmac.digest(key, f"dangol.link:{path}{said}".encode(), "sha256")
    return urlsafe_b64encode(digest).decode()[:_MAC_CHARACTERS]
