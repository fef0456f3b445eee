"""An envelope as an internet message: headers and bodies as RFC 5322 and MIME want them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy

from dangol.delivery.provider import fault
from dangol.errors import DangolError
from dangol.model.message import Envelope

_LONGEST_LINE = 998
_NAMED = re.compile(r'\s*"?(?P<name>.*?)"?\s*<(?P<bare>[^<>]*)>\s*')
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+")
_DOMAIN = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


class Unsendable(DangolError):
    """The message cannot be written as an email; no later attempt can change that."""


class _WholeLine(UnstructuredHeader):
    """A header kept on one line if it fits. The library would turn a long address in List-Unsubscribe into encoded
    words, and mail clients would no longer find the link."""

    def fold(self, *, policy: EmailPolicy) -> str:
        line = f"{self.name}: {self}{policy.linesep}"  # type: ignore[attr-defined]
        if line.isascii() and len(line) <= _LONGEST_LINE:
            return line
        return super().fold(policy=policy)  # type: ignore[no-any-return,misc]


# Seven-bit bodies pass every server, whether or not it knows 8BITMIME.
_POLICY = SMTP.clone(cte_type="7bit", header_factory=HeaderRegistry(default_class=_WholeLine))


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
    sender = _address(envelope.sender, "sender")
    recipient = _address(envelope.to, "recipient")
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


def _address(text: str, field: str) -> Address:
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
