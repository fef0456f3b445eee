"""What callers report, checked and turned into values. Pure; the HTTP API, the CLI, imports and the broker share it.

Shapes are those of the Segment tracking API (``track``, ``identify``). Everything refused raises InvalidEvent with a
code for machines and a message for people: what was found and what was expected.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import Any, TypeVar

from dangol.errors import InvalidEvent
from dangol.model.people import ConsentChange, IncomingEvent, ProfileChange
from dangol.model.vocabulary import Basis, Channel, ConsentAction, Purpose
from dangol.profiles.contact import (
    check_timezone,
    normalise_email,
    normalise_locale,
    normalise_phone,
    split_country,
)
from dangol.profiles.shape import (
    EARLIEST,
    check_object,
    did_you_mean,
    impersonal_text,
    not_ahead,
    parse_external_id,
    parse_instant,
    required_text,
    shown,
    sub_object,
    text,
)

MAX_EVENT_NAME = 200
MAX_MESSAGE_ID = 100
MAX_SOURCE = 200
_MAX_TOKEN = 1000
_MAX_FIELD = 500
_TOPIC = re.compile(r"[a-z][a-z0-9_]{0,63}")
_STANDARD_TRAITS = frozenset({"email", "phone", "locale", "timezone", "country"})

Word = TypeVar("Word", bound=StrEnum)


def random_id() -> str:
    """A message id for an event that came without one; such an event cannot be recognised when it comes again."""
    return str(uuid.uuid4())


def parse_event(
    raw: Mapping[str, Any],
    *,
    source: str,
    now: datetime,
    sent_at: datetime | None = None,
    new_id: Callable[[], str] = random_id,
) -> IncomingEvent:
    """A ``track`` call: ``userId`` or ``anonymousId``, ``event``, ``properties``, ``timestamp``, ``messageId``.

    ``sent_at`` (or the call's own ``sentAt``) is the reporter's clock when it sent; the difference to ``now`` is
    its skew, by which the timestamp is corrected. Up to 24 hours ahead is taken as now.
    """
    raw = check_object(raw)
    external_id = parse_external_id(raw)
    name = required_text(raw, "event", limit=MAX_EVENT_NAME, code="invalid_event")
    message_id = text(raw, "messageId", limit=MAX_MESSAGE_ID, code="invalid_message_id")
    return IncomingEvent(
        message_id=message_id or new_id(),
        external_id=external_id,
        name=name,
        properties=sub_object(raw, "properties"),
        occurred_at=_occurred_at(raw, now, sent_at),
        source=source,
    )


def _occurred_at(raw: Mapping[str, Any], now: datetime, sent_at: datetime | None) -> datetime:
    reported = raw.get("timestamp") or raw.get("originalTimestamp")
    if reported is None:
        return now
    instant = parse_instant(reported)
    if sent_at is None and raw.get("sentAt") is not None:
        sent_at = parse_instant(raw["sentAt"], "sentAt")
    if sent_at is not None:
        try:
            instant = max(instant + (now - sent_at), EARLIEST)
        except OverflowError:
            raise InvalidEvent("invalid_timestamp", f"timestamp: {shown(reported)} is out of range") from None
    return not_ahead(instant, now)


def parse_profile(raw: Mapping[str, Any], *, places: Collection[str]) -> ProfileChange:
    """An ``identify`` call: ``userId`` or ``anonymousId``, ``traits``, and what ``context`` adds.

    Traits ``email``, ``phone``, ``locale``, ``timezone``, ``country`` (or ``address.country``) are the standard
    fields; all others become attributes, null removes one. The state in a country such as ``US-FL`` becomes the
    attribute ``state``; of a country whose states are among ``places`` it has to be one of them.
    ``context.locale`` and ``context.timezone`` stand in for absent traits; as devices fill them in, values that make no
    sense are passed over there, not refused.
    """
    raw = check_object(raw)
    external_id = parse_external_id(raw)
    traits = sub_object(raw, "traits")
    context = sub_object(raw, "context")
    country, state = _country(traits, places)
    email = text(traits, "email", limit=_MAX_FIELD, code="invalid_email")
    phone = text(traits, "phone", limit=_MAX_FIELD, code="invalid_phone")
    token, platform = _device(context)
    return ProfileChange(
        external_id=external_id,
        email=normalise_email(email) if email else None,
        phone=normalise_phone(phone, country) if phone else None,
        locale=_from_either(traits, context, "locale", normalise_locale),
        timezone=_from_either(traits, context, "timezone", check_timezone),
        country=country,
        attributes={name: value for name, value in traits.items() if name not in _STANDARD_TRAITS} | state,
        device_token=token,
        device_platform=platform,
    )


def _country(traits: Mapping[str, Any], places: Collection[str]) -> tuple[str | None, dict[str, str]]:
    """The country, and the attribute that its state becomes, if one was told with it."""
    place = traits.get("address")
    told = text(traits, "country", limit=_MAX_FIELD, code="invalid_country")
    if told is None and isinstance(place, Mapping):
        told = text(place, "country", limit=_MAX_FIELD, code="invalid_country")
    if told is None:
        return None, {}
    country, state = split_country(told)
    if not state:
        return country, {}
    listed = [one for one in places if one.startswith(f"{country}-")]
    if listed and f"{country}-{state}" not in listed:
        hint = did_you_mean(f"{country}-{state}", listed)
        raise InvalidEvent("invalid_country", f"country: expected a state of {country}; found {shown(told)}{hint}")
    beside = traits.get("state")
    if beside is not None and str(beside).strip().upper() not in (state, f"{country}-{state}"):
        message = f"country: expected the state once; found {shown(told)} and `state` {shown(beside)}"
        raise InvalidEvent("invalid_country", message)
    return country, {"state": state}


def _from_either(
    traits: Mapping[str, Any], context: Mapping[str, Any], name: str, normalise: Callable[[str], str]
) -> str | None:
    code = f"invalid_{name}"
    told = text(traits, name, limit=_MAX_FIELD, code=code)
    if told is not None:
        return normalise(told)
    try:
        sensed = text(context, name, limit=_MAX_FIELD, code=code)
        return normalise(sensed) if sensed else None
    except InvalidEvent:
        return None


def _device(context: Mapping[str, Any]) -> tuple[str | None, str]:
    device = sub_object(context, "device")
    token = text(device, "token", limit=_MAX_TOKEN, code="invalid_device")
    platform = text(device, "type", limit=16, code="invalid_device")
    return token, (platform or "").lower() if token else ""


def parse_consent(raw: Mapping[str, Any], *, source: str, now: datetime, places: Collection[str]) -> ConsentChange:
    """One consent given, withdrawn, asked for …: ``userId``, ``channel``, ``purpose``, ``action``, ``occurred_at``.

    Optional are ``topic``, ``basis``, ``jurisdiction`` (one of ``places``), ``wording`` and its ``wording_version``,
    ``locale``, ``proof``, ``source`` (else the argument), ``ip`` and ``user_agent``. The offset of ``occurred_at`` is
    kept as the person's clock. A withdrawal with a date and no time counts from the end of that day, or from now.
    Raises InvalidEvent, code ``consent_in_future``, for what has not happened yet.
    """
    raw = check_object(raw)
    occurred_at = parse_instant(raw.get("occurred_at"), "occurred_at")
    if occurred_at > now:
        raise InvalidEvent("consent_in_future", f"occurred_at: {occurred_at.isoformat()} is later than now")
    action = _action(raw)
    if action is ConsentAction.WITHDRAWN and len(str(raw["occurred_at"]).strip()) == len("2026-03-02"):
        # Only the day is known: in doubt the withdrawal came after everything else of that day.
        occurred_at = min(occurred_at + timedelta(days=1) - timedelta(microseconds=1), now)
    locale = text(raw, "locale", limit=_MAX_FIELD, code="invalid_locale")
    return ConsentChange(
        external_id=parse_external_id(raw),
        channel=word(raw, "channel", Channel),
        purpose=word(raw, "purpose", Purpose),
        action=action,
        occurred_at=occurred_at,
        source=impersonal_text(raw, "source", limit=MAX_SOURCE, code="invalid_source") or source,
        basis=_basis(raw),
        wording=text(raw, "wording", limit=10_000, code="invalid_wording") or "",
        topic=_shaped(raw, "topic", _TOPIC, "a key such as sale_news") or "",
        jurisdiction=_jurisdiction(raw, places),
        wording_version=text(raw, "wording_version", limit=100, code="invalid_wording_version") or "",
        locale=normalise_locale(locale) if locale else "",
        proof=impersonal_text(raw, "proof", limit=300, code="invalid_proof") or "",
        utc_offset=_utc_offset(str(raw["occurred_at"]).strip()),
        ip=_ip(raw),
        user_agent=text(raw, "user_agent", limit=_MAX_FIELD, code="invalid_user_agent") or "",
    )


def _action(raw: Mapping[str, Any]) -> ConsentAction:
    """What is told of a consent. Nobody can report that one was restored: that follows from START alone."""
    if str(raw.get("action")).strip().lower() == ConsentAction.RESTORED:
        expected = ", ".join(action for action in ConsentAction if action is not ConsentAction.RESTORED)
        raise InvalidEvent("invalid_action", f"action: expected one of {expected}; found {shown(raw['action'])}")
    return word(raw, "action", ConsentAction)


def _basis(raw: Mapping[str, Any]) -> str:
    said = text(raw, "basis", limit=64, code="invalid_basis")
    return word({"basis": said}, "basis", Basis).value if said is not None else Basis.CONSENT.value


def _jurisdiction(raw: Mapping[str, Any], places: Collection[str]) -> str:
    """One of ``places``, in the spelling that it has there; empty if none was told."""
    said = text(raw, "jurisdiction", limit=64, code="invalid_jurisdiction")
    if said is None:
        return ""
    found = next((place for place in places if place.casefold() == said.casefold()), None)
    if found is None:
        expected = "a place whose law is known, such as KR or US-CA, or `default` for any other"
        hint = did_you_mean(said, places)
        raise InvalidEvent("invalid_jurisdiction", f"jurisdiction: expected {expected}; found {shown(said)}{hint}")
    return found


def _shaped(raw: Mapping[str, Any], name: str, shape: re.Pattern[str], expected: str) -> str | None:
    value = text(raw, name, limit=64, code=f"invalid_{name}")
    if value is not None and not shape.fullmatch(value):
        raise InvalidEvent(f"invalid_{name}", f"{name}: expected {expected}; found {shown(value)}")
    return value


def _utc_offset(occurred_at: str) -> int | None:
    """Minutes east of UTC that a time tells; None for one in UTC, which says nothing of the person's clock."""
    offset = datetime.fromisoformat(occurred_at).utcoffset()
    return int(offset.total_seconds()) // 60 if offset else None


def _ip(raw: Mapping[str, Any]) -> str:
    value = text(raw, "ip", limit=64, code="invalid_ip")
    try:
        return str(ip_address(value)) if value else ""
    except ValueError:
        raise InvalidEvent("invalid_ip", f"ip: expected an address such as 203.0.113.7; found {shown(value)}") from None


def word(raw: Mapping[str, Any], name: str, words: type[Word]) -> Word:
    """The word under ``name``, in any case. Raises InvalidEvent, code ``invalid_<name>``."""
    value = raw.get(name)
    try:
        return words(value.strip().lower() if isinstance(value, str) else "")
    except ValueError:
        expected, hint = ", ".join(words), did_you_mean(value, [one.value for one in words])
        message = f"{name}: expected one of {expected}; found {shown(value)}{hint}"
        raise InvalidEvent(f"invalid_{name}", message) from None
