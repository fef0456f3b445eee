"""What each channel can carry, and how its finished text is cleaned."""

from __future__ import annotations

import json
import re
import unicodedata

import smsutil

from dangol.errors import ContentTooLong, RenderError

SMS_SEGMENTS = 10
PUSH_TITLE = 100
PUSH_BODY = 500
PUSH_PAYLOAD_BYTES = 4096
EMAIL_CLIPPED_BYTES = 102 * 1024
"""Gmail shows no more of an email's HTML than this."""
SUBJECT = 250

_LINK = re.compile(r"https?://[^\s/][^\s<>\"'`\\\x00-\x1f\x7f]*", re.IGNORECASE)


def one_line(text: str) -> str:
    """A header's text: every run of white space, line ends included, is one space."""
    return " ".join(text.split())


def sms_text(text: str) -> str:
    """Composed, so that Hangul costs a character and not three; no white space around it or at line ends."""
    lines = unicodedata.normalize("NFC", text).split("\n")
    return "\n".join(line.rstrip() for line in lines).strip()


def segments(text: str) -> int:
    """Billed parts of an SMS: 160 or 153 GSM septets each, else 70 or 67 UTF-16 units."""
    return len(smsutil.split(text).parts)


def check_sms(text: str) -> int:
    """The SMS's segments. Raises ContentTooLong."""
    count = segments(text)
    if count > SMS_SEGMENTS:
        raise ContentTooLong(f"the SMS has {len(text)} characters in {count} segments; at most {SMS_SEGMENTS} are sent")
    return count


def check_push(title: str, body: str, link: str) -> None:
    """Raises ContentTooLong; RenderError for a link that is none."""
    for what, text, limit in (("title", title, PUSH_TITLE), ("text", body, PUSH_BODY)):
        if len(text) > limit:
            raise ContentTooLong(f"the push {what} has {len(text)} characters; at most {limit} are sent")
    size = len(json.dumps({"title": title, "body": body, "link": link}, ensure_ascii=False).encode())
    if size > PUSH_PAYLOAD_BYTES:
        raise ContentTooLong(f"the push has {size} bytes; at most {PUSH_PAYLOAD_BYTES} are sent")
    if link and not _LINK.fullmatch(link):
        raise RenderError(f"the push link has to start with https:// or http://; found {link[:60]!r}")


def check_subject(subject: str) -> None:
    """Raises ContentTooLong; RenderError for an empty subject."""
    if not subject:
        raise RenderError("the subject is empty")
    if len(subject) > SUBJECT:
        raise ContentTooLong(f"the subject has {len(subject)} characters; at most {SUBJECT} are sent")
