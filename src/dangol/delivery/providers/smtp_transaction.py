"""One message's conversation with an SMTP server, and what the server's answers mean (RFC 5321, RFC 3463)."""

from __future__ import annotations

import re
import smtplib

from dangol.delivery.providers.mime import Composed
from dangol.model.message import Accepted, Outcome, Refused, Unknown

_CLOSING = 421
_AUTHENTICATION_CODES = frozenset({530, 534, 535, 538})
_ENHANCED_CODE = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)")


def transact(session: smtplib.SMTP, composed: Composed, message_id: str) -> tuple[Outcome, bool]:
    """Hand one message over; the outcome, and whether the connection can carry the next message."""
    try:
        refusal = _offer(session, composed)
    except OSError as error:
        # Until the final dot the server does not have the message.
        return Refused(permanent=False, detail=f"the SMTP server broke off: {reason(error)}"), False
    if refusal is not None:
        return refusal, _reset(session)
    try:
        session.send(b".\r\n")
        code, reply = session.getreply()
    except OSError as error:
        return Unknown(detail=f"no answer from the SMTP server after the message: {reason(error)}"), False
    if 200 <= code < 300:
        return Accepted(reference=message_id), True
    if 400 <= code < 600:
        return _refused("message", code, reply), code != _CLOSING
    return Unknown(detail=f"the SMTP server answered {_codes(code, reply)} after the message"), False


def _offer(session: smtplib.SMTP, composed: Composed) -> Refused | None:
    """Everything before the final dot; the refusal, if there is one."""
    code, reply = session.mail(composed.sender)
    if code != 250:
        # Every message has this sender: an operator's mistake must not condemn the recipients.
        return Refused(permanent=False, detail=f"the SMTP server refused the sender: {_codes(code, reply)}")
    code, reply = session.rcpt(composed.recipient)
    if code not in (250, 251):
        return _refused("recipient", code, reply)
    code, reply = session.docmd("DATA")
    if code != 354:
        return _refused("message", code, reply)
    stuffed = re.sub(rb"(?m)^\.", b"..", composed.message)
    session.send(stuffed if stuffed.endswith(b"\r\n") else stuffed + b"\r\n")
    return None


def _reset(session: smtplib.SMTP) -> bool:
    try:
        return bool(session.rset()[0] == 250)
    except OSError:
        return False


def _refused(what: str, code: int, reply: bytes) -> Refused:
    permanent = 500 <= code < 600 and code not in _AUTHENTICATION_CODES
    return Refused(permanent, f"the SMTP server refused the {what}: {_codes(code, reply)}")


def _codes(code: int, reply: bytes) -> str:
    """``550 5.1.1``: the codes without the server's words, which often quote the address."""
    if code < 0:
        return "something that is no SMTP reply"
    enhanced = _ENHANCED_CODE.match(reply)
    return f"{code} {enhanced[0].decode()}" if enhanced else str(code)


def reason(error: OSError) -> str:
    """Why the conversation failed, in few words and without any of the server's."""
    if isinstance(error, smtplib.SMTPResponseException):
        reply = error.smtp_error
        return _codes(error.smtp_code, reply if isinstance(reply, bytes) else reply.encode())
    if isinstance(error, smtplib.SMTPServerDisconnected):
        # smtplib wraps whatever went wrong while it waited for a reply.
        return "time-out" if isinstance(error.__context__, TimeoutError) else "connection closed"
    if isinstance(error, TimeoutError):
        return "time-out"
    if isinstance(error, smtplib.SMTPException):
        return type(error).__name__
    return error.strerror or type(error).__name__
