"""What each channel can carry, and how its finished text is cleaned."""

from __future__ import annotations

from dangol.content import columns, sms
from dangol.content.carriers import COLLAPSE_KEY_BYTES, LONG_BYTES, PUSH_BYTES, SMS_PARTS, TEXT_COLUMNS, TITLE_COLUMNS
from dangol.content.links import IMAGES, Links
from dangol.errors import ContentTooLong, RenderError
from dangol.model.message import Rendered, SmsSize
from dangol.model.vocabulary import Channel
from dangol.model.workspace import SmsEncoding

PUSH_TITLE = 100
PUSH_BODY = 500
EMAIL_CLIPPED_BYTES = 102 * 1024
"""Gmail shows no more of an email's HTML than this."""
SUBJECT = 250

_SOME_ID = "0" * 26
"""As long as every message's id is."""


def one_line(text: str) -> str:
    """A header's text: every run of white space, line ends included, is one space."""
    return " ".join(text.split())


def check_sms(text: str, encoding: SmsEncoding = SmsEncoding.GSM, most: int = SMS_PARTS) -> SmsSize:
    """How the carrier counts the SMS. Raises ContentTooLong; RenderError for what its alphabet lacks."""
    found = sms.size(text, encoding)
    if found.alphabet == "EUC-KR" and found.units > LONG_BYTES:
        raise ContentTooLong(f"the SMS has {found.units} bytes in EUC-KR; at most {LONG_BYTES} are sent")
    if sms.too_long(found, most):
        if found.long:
            raise ContentTooLong(f"the SMS has {found.units} bytes in EUC-KR; the text asks for a short message")
        raise ContentTooLong(f"the SMS has {len(text)} characters in {found.parts} segments; at most {most} are sent")
    return found


def fit_push(title: str, text: str, tail: str) -> tuple[str, str]:
    """Title and text cut to what phones show; ``tail``, which the law may want, stands whole at the end."""
    room = max(TEXT_COLUMNS - columns.width(tail), 1)
    return columns.fit(title, TITLE_COLUMNS), f"{columns.fit(text, room)}{tail}"


def check_push(rendered: Rendered, links: Links) -> None:
    """Raises ContentTooLong; RenderError for a link or an image that is none."""
    for what, text, limit in (("title", rendered.subject, PUSH_TITLE), ("text", rendered.text, PUSH_BODY)):
        if len(text) > limit:
            raise ContentTooLong(f"the push {what} has {len(text)} characters; at most {limit} are sent")
    if (size := len(rendered.collapse_key.encode())) > COLLAPSE_KEY_BYTES:
        raise ContentTooLong(f"the collapse key has {size} bytes; at most {COLLAPSE_KEY_BYTES} are sent")
    if (size := len(rendered.payload(_SOME_ID))) > PUSH_BYTES:
        raise ContentTooLong(f"the push has {size} bytes; at most {PUSH_BYTES} are sent")
    for what, target, allowed in (("link", rendered.link, links), ("image", rendered.image, IMAGES)):
        if target and not allowed.allows(target):
            raise RenderError(f"the push {what}: expected {allowed.expected}; found {target[:60]!r}")


def check_subject(subject: str) -> None:
    """Raises ContentTooLong; RenderError for an empty subject."""
    if not subject:
        raise RenderError("the subject is empty")
    if len(subject) > SUBJECT:
        raise ContentTooLong(f"the subject has {len(subject)} characters; at most {SUBJECT} are sent")


def clipped(rendered: Rendered) -> int | None:
    """The bytes of an email that Gmail would cut off at its end; None if it shows the whole one. Nothing is refused."""
    size = len(rendered.html.encode()) if rendered.channel is Channel.EMAIL else 0
    return size if size > EMAIL_CLIPPED_BYTES else None
