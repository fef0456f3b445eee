"""Files of addresses that must not be written to: our own layout, and the opt-out lists of Korean 080 numbers.

A list of an 080 number holds a phone number on each line, alone or beside the time at which its owner called, in
whatever way the carrier writes it. Times without an offset are Korean. docs/importing.md is the manual.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dangol.errors import InvalidEvent
from dangol.model.vocabulary import Channel, Scope, SuppressionCause
from dangol.profiles.contact import normalise_email, normalise_phone
from dangol.profiles.files import LineFile, Rejected, RowFile
from dangol.profiles.importer import Accepted, Layout, values
from dangol.profiles.shape import check_object, impersonal_text, parse_instant, required_text, text
from dangol.profiles.validation import MAX_SOURCE, word

UNWANTED = Layout(required=("channel", "address"), optional=("cause", "scope", "country", "source", "note", "at"))
OPTED_OUT_BY_CALL = "080"
_KOREA, _SEOUL = "KR", ZoneInfo("Asia/Seoul")
_SEPARATORS = re.compile(r"[,;\t|]")
_DAY = len("20260302")
_FORMS = {14: "%Y%m%d%H%M%S", 12: "%Y%m%d%H%M", _DAY: "%Y%m%d"}
"""How times are written, by how many digits they have; what stands between the digits does not matter."""


@dataclass(frozen=True, slots=True)
class Unwanted:
    """An address that is to be left alone from ``since`` on; ``scope`` is None for what the cause asks."""

    channel: Channel
    address: str
    cause: SuppressionCause
    source: str
    since: datetime
    scope: Scope | None = None
    note: str = ""


def read_unwanted(file: RowFile, *, source: str = "", now: datetime) -> Iterator[Accepted[Unwanted] | Rejected]:
    """The addresses in ``file``. Raises UsageError if its columns will not do, before the first row."""
    whence = source or f"import:{file.path.name}"

    def parse(fields: dict[str, Any]) -> Unwanted:
        return parse_unwanted(fields, source=whence, now=now)

    return values(file, UNWANTED, parse)


def parse_unwanted(raw: Mapping[str, Any], *, source: str, now: datetime) -> Unwanted:
    """One address: ``channel``, ``address``; optional ``cause`` (else manual), ``scope``, ``country`` for national
    phone numbers, ``source`` (else the argument), ``note`` and ``at`` (else now). Raises InvalidEvent."""
    raw = check_object(raw)
    channel = word(raw, "channel", Channel)
    address = required_text(raw, "address", limit=1000, code="invalid_address")
    country = text(raw, "country", limit=2, code="invalid_country")
    since = parse_instant(raw["at"], "at") if raw.get("at") else now
    if since > now:
        raise InvalidEvent("timestamp_in_future", f"at: {since.isoformat()} is later than now")
    return Unwanted(
        channel=channel,
        address=one_spelling(channel, address, country.upper() if country else None),
        cause=word(raw, "cause", SuppressionCause) if raw.get("cause") else SuppressionCause.MANUAL,
        scope=word(raw, "scope", Scope) if raw.get("scope") else None,
        source=impersonal_text(raw, "source", limit=MAX_SOURCE, code="invalid_source") or source,
        note=impersonal_text(raw, "note", limit=500, code="invalid_note") or "",
        since=since,
    )


def one_spelling(channel: Channel, address: str, country: str | None = None) -> str:
    """The address as profiles hold it. Raises InvalidEvent for a phone number that nobody can have.

    An email address that is malformed may be suppressed all the same: that may be why it is.
    """
    if channel is Channel.SMS:
        return normalise_phone(address, country)
    if channel is Channel.EMAIL:
        try:
            return normalise_email(address)
        except InvalidEvent:
            return address.strip()
    return address


def read_080(file: LineFile, *, now: datetime) -> Iterator[Accepted[Unwanted] | Rejected]:
    """The phone numbers of an 080 opt-out list. A first line without a number is a heading."""
    for line, said in file:
        cells = [cell.strip().strip('"') for cell in _SEPARATORS.split(said)]
        phone = next((number for cell in cells if (number := _phone(cell)) is not None), None)
        if phone is None:
            if line > 1:
                message = f"expected a phone number such as 010-1234-5678; found {said[:80]!r}"
                yield Rejected(line, "invalid_phone", message, said)
            continue
        told = next((at for cell in cells if _phone(cell) is None and (at := _moment(cell)) is not None), None)
        if told is not None and told > now + timedelta(days=1):
            yield Rejected(line, "timestamp_in_future", f"{told.isoformat()} is later than now", said)
            continue
        unwanted = Unwanted(Channel.SMS, phone, SuppressionCause.STOP, OPTED_OUT_BY_CALL, min(told or now, now))
        yield Accepted(line, unwanted, {"line": said})


def _phone(cell: str) -> str | None:
    try:
        return normalise_phone(cell, _KOREA)
    except InvalidEvent:
        return None


def _moment(cell: str) -> datetime | None:
    """A time as carriers write them; of a day alone its end, because in doubt the opt-out is the latest word."""
    digits = re.sub(r"\D", "", cell)
    try:
        at = datetime.strptime(digits, _FORMS[len(digits)]).replace(tzinfo=_SEOUL).astimezone(UTC)
    except (KeyError, ValueError):
        return None
    return at + timedelta(days=1) - timedelta(microseconds=1) if len(digits) == _DAY else at
