"""One message's conversation with an SMTP server, and what the server's answers mean (RFC 5321, RFC 3463)."""

from __future__ import annotations

import re
import smtplib

from dangol.delivery.providers.mime import Composed
from dangol.model.message import Accepted, Outcome, Refused, Unknown
from dangol.model.vocabulary import RefusalCause

_CLOSING = 421
_AUTHENTICATION_CODES = frozenset({530, 534, 535, 538})
_NO_RECIPIENT = frozenset({1, 2, 3, 6, 10})
"""Details of X.1 by which the recipient's address is none: no such box, no such host, badly spelt, moved away, takes no
mail (RFC 3463 §3.2, RFC 7505)."""
_OUR_SENDER = frozenset({7, 8})
"""Those of the sender's address."""
_OUR_ACCOUNT = frozenset({8, 9, 10, 11, 13, 14, *range(20, 30)})
"""Details of X.7 about who sends: login, encryption, a closed account, and DKIM, SPF, DMARC or reverse DNS that does
not pass (RFC 3463 §3.8, RFC 4954, RFC 7372)."""
_TOO_LARGE = frozenset({(2, 3), (3, 4)})
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
        detail = f"the SMTP server refused the sender: {_codes(code, reply)}"
        return Refused(False, detail, cause=RefusalCause.ACCOUNT if code >= 500 else None)
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
    cause = _cause(what, code, reply)
    permanent = 500 <= code < 600 and cause is not RefusalCause.ACCOUNT
    return Refused(permanent, f"the SMTP server refused the {what}: {_codes(code, reply)}", cause=cause)


def _cause(what: str, code: int, reply: bytes) -> RefusalCause | None:
    """What a refusal says beyond the message; nothing without an enhanced code, or if it is for now only."""
    if code in _AUTHENTICATION_CODES:
        return RefusalCause.ACCOUNT
    enhanced = _ENHANCED_CODE.match(reply)
    if not 500 <= code < 600 or enhanced is None:
        return None
    class_, subject, detail = (int(part) for part in enhanced[0].split(b"."))
    if class_ != 5:
        return None
    if subject == 1:
        return _of_address(detail)
    if subject == 7 and detail in _OUR_ACCOUNT:
        return RefusalCause.ACCOUNT
    if subject == 7:
        # Before the text is known, what is refused is that this server sends to that recipient.
        return RefusalCause.ELSEWHERE if what == "recipient" else RefusalCause.CONTENT
    return RefusalCause.CONTENT if subject == 6 or (subject, detail) in _TOO_LARGE else None


def _of_address(detail: int) -> RefusalCause | None:
    if detail in _NO_RECIPIENT:
        return RefusalCause.DEAD_ADDRESS
    return RefusalCause.ACCOUNT if detail in _OUR_SENDER else None


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
