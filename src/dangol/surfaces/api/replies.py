"""``POST /v1/replies``: what customers answer to a text message. docs/replies.md is the manual."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dangol.batch.replies import Reply
from dangol.consent.keywords import LONGEST
from dangol.errors import InvalidEvent
from dangol.model.vocabulary import Channel
from dangol.pipeline import Pipeline
from dangol.profiles.contact import normalise_phone
from dangol.profiles.shape import kind, parse_instant, shown

_MOST_ID = 200
_CODES = {"messageId": "invalid_message_id", "from": "invalid_from"}


def take(pipeline: Pipeline, body: Mapping[str, Any]) -> dict[str, Any]:
    """Do what a reply asks for; what was understood, and the text to send back. Raises InvalidEvent."""
    answer = pipeline.reply(parse_reply(body, now=pipeline.clock.now()))
    return {"success": True, "intent": answer.intent.value, "reply": answer.text}


def parse_reply(body: Mapping[str, Any], *, now: datetime) -> Reply:
    """``channel`` (sms), ``from`` (a number in international form), ``text``, ``messageId`` and, if known,
    ``timestamp``; ``to`` is read by nobody here. Raises InvalidEvent."""
    if body.get("channel", Channel.SMS.value) != Channel.SMS.value:
        raise InvalidEvent("invalid_channel", f"channel: expected `sms`; found {shown(body['channel'])}")
    said = body.get("text")
    if not isinstance(said, str):
        raise InvalidEvent("invalid_text", f"text: expected what was written; found {kind(said)}")
    message_id, sender = _line(body, "messageId"), _line(body, "from")
    at = parse_instant(body["timestamp"], "timestamp") if body.get("timestamp") is not None else now
    return Reply(Channel.SMS, normalise_phone(sender, None), said[:LONGEST], message_id, at)


def _line(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > _MOST_ID:
        raise InvalidEvent(_CODES[name], f"{name}: expected up to {_MOST_ID} characters; found {shown(value)}")
    return value.strip()
