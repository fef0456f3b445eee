"""What the command line and the pages both ask of the log: filters in words, people by the id their back end knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import get_args

from sqlalchemy import Connection, select

from dangol.definitions.document import did_you_mean
from dangol.errors import DangolError, InvalidEvent, UnknownProfile, UsageError
from dangol.ledger import reader
from dangol.ledger.explain import Account, UnderWay, explain
from dangol.ledger.reader import Entry, Filter
from dangol.ledger.words import Language
from dangol.model.people import Profile
from dangol.model.vocabulary import Channel, Decision, JourneyStatus, Reason
from dangol.profiles import people
from dangol.profiles.shape import impersonal
from dangol.store import journeys as journey_rows
from dangol.store.tables import consents

LONGEST_INPUT = 200
LARGEST_PAGE = 1000
_LARGEST_NUMBER = 2**63 - 1
_SHORTEST_ID = 26


class UnknownEntry(DangolError):
    """The log has no such entry."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """The row of the consent ledger that an entry names as its proof."""

    id: str
    channel: str
    purpose: str
    action: str
    basis: str
    source: str
    wording: str
    occurred_at: datetime


def read_filter(connection: Connection, asked: Mapping[str, str | None]) -> Filter:
    """A filter from words: profile (external id), campaign, channel, decision, reason, message, from, to.

    What is missing or empty does not narrow. Dates are UTC; ``to`` as a date includes that day. Raises UsageError
    that names the filter, UnknownProfile.
    """
    given = {name: bounded(name, value.strip()) for name, value in asked.items() if value and value.strip()}
    profile = given.get("profile")
    return Filter(
        profile_id=find_person(connection, profile).id if profile else None,
        campaign_key=given.get("campaign"),
        channel=_word(Channel, "channel", given.get("channel")),
        decision=_word(Decision, "decision", given.get("decision")),
        reason=_word(Reason, "reason", given.get("reason")),
        message_id=given.get("message"),
        since=_moment("from", given.get("from")),
        until=_moment("to", given.get("to"), whole_day=True),
    )


def read_number(name: str, text: str | None, *, default: int | None = None, most: int = _LARGEST_NUMBER) -> int | None:
    """A whole number from 1 to ``most``. Raises UsageError."""
    if not text or not text.strip():
        return default
    if not text.strip().isascii() or not text.strip().isdigit() or not 1 <= int(text[:20]) <= most:
        raise UsageError(f"{name}: expected a whole number from 1 to {most:,}; found {_quoted(text)}")
    return int(text)


def read_channel(text: str | None) -> Channel | None:
    """A channel, or None for no text. Raises UsageError."""
    name = _word(Channel, "channel", text or None)
    return Channel(name) if name else None


def read_language(text: str | None) -> Language:
    """``en`` or ``ko``. Raises UsageError."""
    language = next((one for one in get_args(Language) if one == (text or "en")), None)
    if language is None:
        raise UsageError(f"language: expected en or ko; found {_quoted(text or '')}")
    return language  # type: ignore[no-any-return]


def find_person(connection: Connection, external_id: str) -> Profile:
    """The person whom the back end knows by this id. Raises UnknownProfile."""
    profile_id = people.find(connection, [external_id]).get(external_id) if "\0" not in external_id else None
    if profile_id is None:
        raise UnknownProfile(f"no profile has the id {_quoted(external_id)}; ids are those your back end reports")
    return people.load(connection, [profile_id])[profile_id]


def find_entry(connection: Connection, wanted: str) -> Entry | None:
    """The log entry with this id, or with this number in the log."""
    if wanted.isascii() and wanted.isdigit() and len(wanted) < _SHORTEST_ID:
        number = int(wanted)
        if not 1 <= number < _LARGEST_NUMBER:
            return None
        return next(
            (found for found in reader.newest(connection, Filter(), before=number + 1, limit=1) if found.seq == number),
            None,
        )
    return reader.get(connection, wanted) if len(wanted) == _SHORTEST_ID and wanted.isalnum() else None


def names(connection: Connection, entries: Iterable[Entry]) -> dict[str, str]:
    """Profile id → external id of the people in these entries, as far as they are still known."""
    wanted = sorted({entry.profile_id for entry in entries if entry.profile_id})
    return {profile.id: profile.external_id for profile in people.load(connection, wanted).values()}


def consent_record(connection: Connection, entry: Entry) -> ConsentRecord | None:
    """The consent that the entry names; None if it names none, or one that is no longer there."""
    consent_id = entry.evidence.get("consent")
    row = connection.execute(select(consents).where(consents.c.id == str(consent_id))).one_or_none()
    return ConsentRecord(**{name: row._mapping[name] for name in ConsentRecord.__dataclass_fields__}) if row else None


def account_of(connection: Connection, profile: Profile, *, campaign: str | None, language: Language) -> list[Account]:
    """Why each message to this person was or was not sent, and where journeys stand that go on."""
    entries = reader.history(connection, Filter(profile_id=profile.id, campaign_key=campaign or None))
    under_way = {
        row.id: UnderWay(JourneyStatus(row.status), row.wake_at, row.awaits)
        for row in journey_rows.open_of(connection, [profile.id])
    }
    return explain(entries, language=language, zone=profile.timezone, under_way=under_way)


def _word(words: type[StrEnum], name: str, text: str | None) -> str | None:
    if text is None:
        return None
    known = {word.value for word in words}
    if text not in known:
        hint = did_you_mean(text, known)
        raise UsageError(f"{name}: {_quoted(text)} is not known" + (f"; {hint}" if hint else ""))
    return text


def _moment(name: str, text: str | None, *, whole_day: bool = False) -> datetime | None:
    if text is None:
        return None
    try:
        if len(text) == len("2026-03-02"):
            day = date.fromisoformat(text)
            return datetime.combine(day + timedelta(days=1) if whole_day else day, time(), UTC)
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        expected = "a date such as 2026-03-02 or a time such as 2026-03-02T09:00+09:00"
        raise UsageError(f"{name}: expected {expected}; found {_quoted(text)}") from None


def read_moment(name: str, text: str | None) -> datetime | None:
    """A date, which means its end, or a time; UTC unless it says otherwise. None for no text. Raises UsageError."""
    moment = _moment(name, bounded(name, text.strip()), whole_day=True) if text and text.strip() else None
    whole_day = moment is not None and text is not None and len(text.strip()) == len("2026-03-02")
    return moment - timedelta(microseconds=1) if moment is not None and whole_day else moment


def bounded(name: str, text: str) -> str:
    """The text, if it is one that a person can have meant. Raises UsageError."""
    if len(text) > LONGEST_INPUT or "\0" in text:
        raise UsageError(f"{name}: expected at most {LONGEST_INPUT} characters; found {_quoted(text)}")
    return text


def remark(name: str, text: str) -> str:
    """``bounded`` free text that stays after an erasure. Raises UsageError, also for an address in it."""
    try:
        return impersonal(bounded(name, text), name)
    except InvalidEvent as error:
        raise UsageError(str(error)) from None


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}…")
