"""An envelope as an internet message: headers and bodies as RFC 5322 and MIME want them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.charset import BASE64, Charset
from email.errors import MessageError
from email.header import Header
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UniqueAddressHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from typing import Any

from dangol.delivery.provider import fault
from dangol.errors import DangolError
from dangol.model.message import Envelope

_LONGEST_LINE, _PLAIN_LINE, _WORD_LINE = 998, 78, 76
_UTF8 = Charset("utf-8")
_UTF8.header_encoding = BASE64
_NAMED = re.compile(r'\s*"?(?P<name>.*?)"?\s*<(?P<bare>[^<>]*)>\s*')
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+")
_DOMAIN = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


class Unsendable(DangolError):
    """The message cannot be written as an email; no later attempt can change that."""


def _folded(name: str, text: str) -> str:
    """Text as it stands in a header: on lines of 78 if it is plain, else as encoded words of RFC 2047.

    Words have 75 characters at most, lines with them 76, and no character is cut. The library's own folding makes
    words of 77, and takes what reads as an encoded word for one.
    """
    if _plain(text):
        return Header(text, "us-ascii", maxlinelen=_PLAIN_LINE, header_name=name).encode(linesep="\r\n")
    return Header(text, _UTF8, maxlinelen=_WORD_LINE, header_name=name).encode(linesep="\r\n")


def _plain(text: str) -> bool:
    """Whether text can stand in a header as it is: ASCII, foldable, nothing that reads as an encoded word."""
    words = text.split(" ")
    return text.isascii() and text.isprintable() and "=?" not in text and "" not in words and max(map(len, words)) < 60


class _Text(BaseHeader):
    """A header of free text, taken as it is and never parsed."""

    max_count = None

    @classmethod
    def parse(cls, value: str, kwds: dict[str, Any]) -> None:
        kwds["decoded"], kwds["parse_tree"] = value, None

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {_folded(self.name, str(self))}{policy.linesep}"


class _WholeLine(_Text):
    """A header kept on one line if it fits. Folded, a long address in List-Unsubscribe would become encoded words, and
    mail clients would no longer find the link."""

    def fold(self, *, policy: Policy) -> str:
        line = f"{self.name}: {self}{policy.linesep}"
        return line if line.isascii() and len(line) <= _LONGEST_LINE else super().fold(policy=policy)


class _OneAddress(UniqueAddressHeader):
    def fold(self, *, policy: Policy) -> str:
        (address,) = self.addresses
        if not address.display_name or _plain(address.display_name):
            return super().fold(policy=policy)  # type: ignore[no-any-return,misc]
        name = self.name  # type: ignore[attr-defined]
        return f"{name}: {_folded(name, address.display_name)}{policy.linesep} <{address.addr_spec}>{policy.linesep}"


_HEADERS = HeaderRegistry(default_class=_WholeLine)  # type: ignore[arg-type]
_HEADERS.map_to_type("subject", _Text)
_HEADERS.map_to_type("from", _OneAddress)  # type: ignore[arg-type]
_HEADERS.map_to_type("to", _OneAddress)  # type: ignore[arg-type]

# Seven-bit bodies pass every server, whether or not it knows 8BITMIME.
_POLICY = SMTP.clone(cte_type="7bit", header_factory=_HEADERS)


@dataclass(frozen=True, slots=True)
class Composed:
    """What SMTP needs: bare addresses for its envelope, and the message with CRLF line ends."""

    sender: str
    recipient: str
    message: bytes


def compose(envelope: Envelope, date: datetime) -> Composed:
    """Write the email. Raises Unsendable; its text names fields, never their values."""
    problem = fault(envelope)
    if problem:
        raise Unsendable(problem)
    sender = bare_address(envelope.sender, "sender")
    recipient = bare_address(envelope.to, "recipient")
    try:
        message = _message(envelope, sender, recipient, date).as_bytes()
    except (ValueError, MessageError) as error:
        raise Unsendable(f"the message cannot be written as an email: {type(error).__name__}") from error
    return Composed(sender.addr_spec, recipient.addr_spec, message)


def _message(envelope: Envelope, sender: Address, recipient: Address, date: datetime) -> EmailMessage:
    message = EmailMessage(policy=_POLICY)
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = envelope.rendered.subject
    message["Date"] = date
    message["Message-ID"] = f"<{envelope.message_id}@{sender.domain}>"
    message["X-Dangol-Message-Id"] = envelope.message_id
    message.set_content(envelope.rendered.text)
    if envelope.rendered.html:
        message.add_alternative(envelope.rendered.html, subtype="html")
    for name, value in envelope.headers.items():
        if name in message:
            raise Unsendable(f"header {name} is set by dangol itself")
        message[name] = value
    return message


def bare_address(text: str, field: str) -> Address:
    """``단골 커피, 서울 <hello@dangol.example>`` or a bare address; the domain in its ASCII form."""
    named = _NAMED.fullmatch(text)
    name, bare = (named["name"], named["bare"]) if named else ("", text)
    local, _, domain = bare.strip().rpartition("@")
    if not local.isascii():
        raise Unsendable(f"the {field}'s address has letters before the @ that plain SMTP cannot carry")
    try:
        ascii_domain = domain.encode("idna").decode()
        if not _LOCAL_PART.fullmatch(local) or not _DOMAIN.fullmatch(ascii_domain):
            raise Unsendable(f"the {field} is not an email address")
        return Address(display_name=name, username=local, domain=ascii_domain)
    except (ValueError, MessageError) as error:
        raise Unsendable(f"the {field} is not an email address") from error
