"""Readers and their past, written in bulk: profiles, keys, consents, suppressions, used-up caps, years of log."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Table, text

from bench.letter import CAMPAIGN, FIRES_AT, TEMPLATE, ZONES, reader
from dangol import ids
from dangol.consent.suppressions import AddressHasher
from dangol.ids import SeededEntropy
from dangol.model.vocabulary import Channel, Decision, MessageState, Purpose, Reason
from dangol.store.bulk import insert_many
from dangol.store.database import Database
from dangol.store.tables import consent_states, consents, log, messages, profile_keys, profiles, slots, suppressions

OPTED_OUT, CAPPED, SUPPRESSED = 0.03, 0.02, 0.002
SECRET = "bench"
_LONG_AGO = FIRES_AT - timedelta(days=800)
_CHUNK = 5_000
_OLD_VERSION = "0" * 64
_WORDING = "단골레코드의 소식과 혜택을 이메일로 받는 데 동의합니다. 언제든 그만 받을 수 있습니다."
Rows = dict[Table, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Occasion:
    """When the letter goes out and in which zones its readers live. One in ``sms`` readers has a phone and no email."""

    at: datetime = FIRES_AT
    zones: Sequence[str] = ZONES
    sms: int = 0

    def by_phone(self, number: int) -> bool:
        return bool(self.sms) and number % self.sms == self.sms - 1


THE_LETTERS = Occasion()


def fill(database: Database, *, recipients: int, old_log_rows: int, occasion: Occasion = THE_LETTERS) -> None:
    """Write the readers, then their history, and let the database take note of both."""
    entropy = SeededEntropy("bench")
    hasher = AddressHasher(SECRET.encode())
    numbers = iter(range(recipients))
    while chunk := list(islice(numbers, _CHUNK)):
        with database.write() as tx:
            rows: Rows = {}
            for number in chunk:
                _add_reader(number, rows, entropy, hasher, occasion)
            _insert(tx, rows)
    history = _history(recipients, old_log_rows)
    while past := list(islice(history, _CHUNK)):
        with database.write() as tx:
            rows = {}
            for number, months in past:
                _add_old_message(number, months, rows, occasion.at)
            _insert(tx, rows)
    settle(database)


def profile_id(number: int) -> str:
    """Readers signed up one after the other, as people do."""
    return ids.derive(_LONG_AGO + timedelta(seconds=number), "bench profile", str(number))


def _insert(tx: Connection, rows: Rows) -> None:
    for table, found in rows.items():
        insert_many(tx, table, found)


def settle(database: Database) -> None:
    """Let the database take note of what was written, as its own housekeeping does in time."""
    if database.is_postgresql:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    else:
        with database.write() as tx:
            tx.execute(text("ANALYZE"))


def _add_reader(number: int, rows: Rows, entropy: SeededEntropy, hasher: AddressHasher, occasion: Occasion) -> None:
    """One reader; of all, 3 % opted out, 2 % had their letter of the day already, a few addresses are suppressed."""
    person, at = profile_id(number), _LONG_AGO
    known = reader(number, occasion.zones)
    channel = Channel.EMAIL
    if occasion.by_phone(number):
        channel, known = Channel.SMS, {**known, "email": None, "phone": phone(number)}
    rows.setdefault(profiles, []).append({"id": person, **known, "created_at": at, "updated_at": at})
    rows.setdefault(profile_keys, []).append({"profile_id": person, "key": entropy.bytes(64)})
    lot = random.Random(f"lot {number}").random()
    _add_consent(person, "granted", rows, channel)
    if lot < OPTED_OUT:
        _add_consent(person, "withdrawn", rows, channel)
    granted = rows[consents][-1]
    rows.setdefault(consent_states, []).append(
        {
            "profile_id": person,
            "channel": channel.value,
            "purpose": Purpose.MARKETING.value,
            "granted": lot >= OPTED_OUT,
            "consent_id": granted["id"],
            "occurred_at": granted["occurred_at"],
        }
    )
    if OPTED_OUT <= lot < OPTED_OUT + CAPPED:
        rows.setdefault(slots, []).append(
            _slot(person, f"today {number}", occasion.at - timedelta(minutes=90), channel)
        )
    elif lot > 1 - SUPPRESSED:
        rows.setdefault(suppressions, []).append(
            {
                "id": ids.derive(at, "bench suppression", str(number)),
                "address_hash": hasher.hash(channel, known["email"] or known["phone"]),
                "channel": channel.value,
                "cause": "bounce",
                "source": "bench",
                "created_at": at,
            }
        )


def phone(number: int) -> str:
    """A British mobile number that no simulated carrier takes for a sign to misbehave."""
    return f"+447{400_000_000 + number:09d}"


def _add_consent(person: str, action: str, rows: Rows, channel: Channel) -> None:
    at = _LONG_AGO + timedelta(days=action == "withdrawn")
    rows.setdefault(consents, []).append(
        {
            "id": ids.derive(at, "bench consent", person, action),
            "profile_id": person,
            "channel": channel.value,
            "purpose": Purpose.MARKETING.value,
            "action": action,
            "basis": "consent",
            "source": "sign-up form",
            "wording": _WORDING,
            "occurred_at": at,
            "recorded_at": at,
        }
    )


def _slot(person: str, name: str, at: Any, channel: Channel = Channel.EMAIL) -> dict[str, Any]:
    return {
        "message_id": ids.derive(at, "bench message", name),
        "profile_id": person,
        "campaign_key": CAMPAIGN,
        "stage": "loyalty",
        "channel": channel.value,
        "purpose": Purpose.MARKETING.value,
        "tags": ["newsletter"],
        "priority": 20,
        "reserved_at": at,
    }


def _history(recipients: int, old_log_rows: int) -> Iterator[tuple[int, int]]:
    """(reader, months ago) of each old letter, the oldest first; a letter left three log entries."""
    letters = old_log_rows // 3
    for place in reversed(range(letters)):
        yield place % recipients, 1 + place // recipients


def _add_old_message(number: int, months: int, rows: Rows, until: datetime) -> None:
    person, at = profile_id(number), until - timedelta(days=30 * months)
    name = f"{number} {months}"
    message = ids.derive(at, "bench message", name)
    journey = ids.derive(at, "bench journey", name)
    rows.setdefault(slots, []).append(_slot(person, name, at))
    rows.setdefault(messages, []).append(
        {
            "id": message,
            "journey_id": journey,
            "campaign_key": CAMPAIGN,
            "version_id": _OLD_VERSION,
            "profile_id": person,
            "stage": "loyalty",
            "step": "0.0",
            "template": TEMPLATE,
            "channels": Channel.EMAIL.value,
            "channel": Channel.EMAIL.value,
            "purpose": Purpose.MARKETING.value,
            "priority": 20,
            "state": MessageState.ACCEPTED.value,
            "reason": Reason.ACCEPTED_BY_PROVIDER.value,
            "due_at": at,
            "attempt": 1,
            "planned_at": at,
            "updated_at": at,
        }
    )
    for decision, reason in (
        (Decision.MESSAGE_PLANNED, Reason.STEP_REACHED),
        (Decision.MESSAGE_SENDING, Reason.ALLOWED),
        (Decision.MESSAGE_ACCEPTED, Reason.ACCEPTED_BY_PROVIDER),
    ):
        sending = decision is Decision.MESSAGE_SENDING
        rows.setdefault(log, []).append(
            {
                "id": ids.derive(at, "bench entry", message, decision.value),
                "at": at,
                "decision": decision.value,
                "reason": reason.value,
                "profile_id": person,
                "campaign_key": CAMPAIGN,
                "version_id": _OLD_VERSION,
                "journey_id": journey,
                "message_id": message,
                "stage": "loyalty",
                "step": "0.0",
                "channel": Channel.EMAIL.value if sending else None,
                "evidence": {"caps": {"marketing_weekly": "0/3", "one_a_day": "0/1"}} if sending else {},
                "content_hash": "f" * 64 if sending else None,
                "sealed": random.Random(name).randbytes(420) if sending else None,
            }
        )
