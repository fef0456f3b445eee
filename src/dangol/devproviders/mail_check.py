"""What SendGrid's ``mail/send`` finds wrong with a request, in its own words.

Source: https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors
"""

from __future__ import annotations

import re
import time
from typing import Any

import orjson

_HELP = "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html#"
_ADDRESS = re.compile(r'[^\s@<>,;"]{1,64}@[^\s@<>,;"]{1,254}')
_FIELDS = frozenset(
    "personalizations from reply_to reply_to_list subject content attachments template_id headers categories "
    "custom_args send_at batch_id asm ip_pool_name mail_settings tracking_settings sections".split()
)
_OF_PERSONALIZATION = frozenset(
    "to from cc bcc subject headers substitutions dynamic_template_data custom_args send_at".split()
)
_RESERVED = frozenset(
    "x-sg-id x-sg-eid received dkim-signature content-type content-transfer-encoding "
    "to from subject reply-to cc bcc".split()
)
_MAX_PERSONALIZATIONS = 1000
_MAX_CUSTOM_ARGS = 10_000
_MAX_CATEGORIES = 10
_MAX_AHEAD = 72 * 3600
_KINDS = {bool: "boolean", int: "integer", float: "number", list: "array", dict: "object", type(None): "null"}

_NO_PERSONALIZATION = "The personalizations field is required and must have at least one personalization."
_NO_TO = (
    "The to array is required for all personalization objects, and must have at least one email object with a valid "
    "email address."
)
_TWICE = (
    "Each email address in the personalization block should be unique between to, cc, and bcc. We found the first "
    "duplicate instance of [{}] in the {} field."
)
_NO_FROM = (
    "The from object must be provided for every email send. It is an object that requires the email parameter, but may "
    'also contain a name parameter.  e.g. {"email" : "example@example.com"}  or {"email" : "example@example.com", '
    '"name" : "Example Recipient"}.'
)
_NO_ADDRESS = "Does not contain a valid address."
_NO_SUBJECT = (
    "The subject is required. You can get around this requirement if you use a template with a subject defined or if "
    "every personalization has a subject defined."
)
_NO_CONTENT = (
    "Unless a valid template_id is provided, the content parameter is required. There must be at least one defined "
    "content block. We typically suggest both text/plain and text/html blocks are included, but only one block is "
    "required."
)
_ORDER = (
    "If present, text/plain must be first, followed by text/html, followed by any other content, and each of them may "
    "only be provided once."
)

Found = tuple[str, str | None, str | None]
"""Message, field and help, as the answer names them."""


def mistakes(mail: Any) -> list[Found]:
    """Everything that is wrong with a decoded body; empty if SendGrid would take it."""
    if not isinstance(mail, dict):
        return [("Bad Request", None, None)]
    found: list[Found] = []  # filled by each check: this is asked for every email, and generators would cost more
    _unknown(mail, "", _FIELDS, found)
    _people(mail, found)
    _sender(mail, found)
    _subject(mail, found)
    _content(mail, found)
    _extras(mail, found)
    return found


def body_of(found: list[Found]) -> bytes:
    """The answer's body."""
    return orjson.dumps({"errors": [{"message": text, "field": field, "help": link} for text, field, link in found]})


def _add(found: list[Found], message: str, field: str, anchor: str = "") -> None:
    found.append((message, field, f"{_HELP}{anchor}" if anchor else None))


def _unknown(given: dict[str, Any], where: str, known: frozenset[str], found: list[Found]) -> None:
    if not given.keys() <= known:
        for name in sorted(given.keys() - known):
            _add(found, f"Additional property {name} is not allowed", f"{where}{name}")


def _people(mail: dict[str, Any], found: list[Found]) -> None:
    people = mail.get("personalizations")
    if not isinstance(people, list) or not people:
        _add(found, _NO_PERSONALIZATION, "personalizations", "-Personalizations-Errors")
        return
    if len(people) > _MAX_PERSONALIZATIONS:
        _add(found, f"At most {_MAX_PERSONALIZATIONS} personalizations are allowed.", "personalizations")
    if mail.get("custom_args") is not None:
        _arguments(mail["custom_args"], "custom_args", found)
    for number, person in enumerate(people):
        where = f"personalizations.{number}"
        if isinstance(person, dict):
            _person(person, where, found)
        else:
            _add(found, "Invalid type. Expected: object.", where)


def _person(person: dict[str, Any], where: str, found: list[Found]) -> None:
    _unknown(person, f"{where}.", _OF_PERSONALIZATION, found)
    if not isinstance(person.get("to"), list) or not person["to"]:
        _add(found, _NO_TO, f"{where}.to", "message.personalizations.to")
    seen: set[str] = set()
    for kind in ("to", "cc", "bcc"):
        for place, one in enumerate(person.get(kind) or ()):
            if not _is_address(one):
                _add(found, _NO_ADDRESS, f"{where}.{kind}.{place}.email", f"message.personalizations.{kind}")
                continue
            address = one["email"].lower()
            if address in seen:
                message = _TWICE.format(one["email"], f"{where}.{kind}")
                _add(found, message, f"{where}.{kind}", "message.recipient-errors")
            seen.add(address)
    if person.get("custom_args") is not None:
        _arguments(person["custom_args"], f"{where}.custom_args", found)
    if person.get("headers") is not None:
        _headers(person["headers"], f"{where}.headers", found)


def _is_address(one: Any) -> bool:
    return isinstance(one, dict) and isinstance(one.get("email"), str) and _ADDRESS.fullmatch(one["email"]) is not None


def _arguments(args: Any, where: str, found: list[Found]) -> None:
    if not isinstance(args, dict):
        _add(found, "Invalid type. Expected: object.", where, "message.custom_args")
        return
    for name, value in args.items():
        if not isinstance(value, str):
            kind = _KINDS.get(type(value), "unknown")
            _add(found, f"Invalid type. Expected: string, given: {kind}.", f"{where}.{name}", "message.custom_args")
    if len(orjson.dumps(args)) > _MAX_CUSTOM_ARGS:
        _add(found, f"The custom_args may not exceed {_MAX_CUSTOM_ARGS} bytes.", where, "message.custom_args")


def _headers(headers: Any, where: str, found: list[Found]) -> None:
    if not isinstance(headers, dict):
        _add(found, "Invalid type. Expected: object.", where, "message.headers")
        return
    for name, value in headers.items():
        if name.lower() in _RESERVED:
            _add(found, f"The header {name} is reserved.", f"{where}.{name}", "message.headers")
        elif not isinstance(value, str) or not name.isascii() or " " in name:
            _add(found, "Names are ASCII without spaces, values strings.", f"{where}.{name}", "message.headers")


def _sender(mail: dict[str, Any], found: list[Found]) -> None:
    sender = mail.get("from")
    if not isinstance(sender, dict) or "email" not in sender:
        _add(found, _NO_FROM, "from.email", "message.from")
    elif not _is_address(sender):
        _add(found, _NO_ADDRESS, "from.email", "message.from")
    if mail.get("reply_to") is not None and not _is_address(mail["reply_to"]):
        _add(found, _NO_ADDRESS, "reply_to.email", "message.reply_to")


def _subject(mail: dict[str, Any], found: list[Found]) -> None:
    if mail.get("template_id") or _is_text(mail.get("subject")):
        return
    people = mail.get("personalizations")
    if not isinstance(people, list) or not all(
        isinstance(one, dict) and _is_text(one.get("subject")) for one in people
    ):
        _add(found, _NO_SUBJECT, "subject", "message.subject")


def _content(mail: dict[str, Any], found: list[Found]) -> None:
    content = mail.get("content")
    if mail.get("template_id") and content is None:
        return
    if not isinstance(content, list) or not content:
        _add(found, _NO_CONTENT, "content", "message.content")
        return
    ordinary = []
    for place, block in enumerate(content):
        for name in ("type", "value"):
            if not isinstance(block, dict) or not _is_text(block.get(name)):
                message = f"The content {name} must be a string at least one character in length."
                _add(found, message, f"content.{place}.{name}", f"message.content.{name}")
            elif name == "type" and block["type"] in ("text/plain", "text/html"):
                ordinary.append(block["type"])
    if len(ordinary) > 1 and ordinary != ["text/plain", "text/html"]:
        _add(found, _ORDER, "content", "message.content.type")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _extras(mail: dict[str, Any], found: list[Found]) -> None:
    categories = mail.get("categories")
    if categories is not None:
        if not isinstance(categories, list) or not all(isinstance(one, str) for one in categories):
            _add(found, "The categories must be an array of strings.", "categories", "message.categories")
        elif len(categories) > _MAX_CATEGORIES or len(set(categories)) < len(categories):
            message = f"There may be at most {_MAX_CATEGORIES} categories, each of them once."
            _add(found, message, "categories", "message.categories")
    if mail.get("headers") is not None:
        _headers(mail["headers"], "headers", found)
    send_at = mail.get("send_at")
    if send_at is not None and (not isinstance(send_at, int) or send_at > time.time() + _MAX_AHEAD):
        _add(found, "You can't schedule more than 72 hours in advance.", "send_at", "message.send_at")
