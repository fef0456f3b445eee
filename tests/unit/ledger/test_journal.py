"""The journal of one transaction: what each entry records, and that none can hide another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from dangol.ledger.entries import Journal, Subject, load_keys
from dangol.ledger.sealing import KEY_BYTES, PersonKey
from dangol.model.message import Rendered
from dangol.model.vocabulary import Channel, Decision, Reason
from dangol.store.database import Database
from dangol.store.tables import log

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
SUBJECT = Subject("welcome", "v1", "01ALICE", "01JOURNEY", "01MESSAGE", "onboarding", "first", occasion="0")
KEY = PersonKey(bytes(range(KEY_BYTES)))
TEXT = Rendered(Channel.EMAIL, "ko", text="안녕하세요", subject="인사")


def written(database: Database, *journals: Journal) -> list[Any]:
    with database.write() as tx:
        for journal in journals:
            journal.write(tx)
        return list(tx.execute(select(log).order_by(log.c.seq)))


def test_entries_keep_the_order_in_which_they_were_added(database: Database) -> None:
    journal = Journal(AT)
    for decision in (Decision.MESSAGE_PLANNED, Decision.JOURNEY_ENDED, Decision.MESSAGE_CANCELLED):
        journal.add(decision, Reason.STEP_REACHED, SUBJECT)
    rows = written(database, journal)
    assert [row.decision for row in rows] == ["message_planned", "journey_ended", "message_cancelled"]
    assert {row.at for row in rows} == {AT}


def test_an_entry_says_about_whom_what_where_and_why(database: Database) -> None:
    journal = Journal(AT)
    evidence = {"caps": {"weekly": "3/3"}}
    journal.add(Decision.MESSAGE_SUPPRESSED, Reason.CAPPED, SUBJECT, channel=Channel.SMS, evidence=evidence)
    (row,) = written(database, journal)
    assert (row.campaign_key, row.version_id, row.profile_id) == ("welcome", "v1", "01ALICE")
    assert (row.journey_id, row.message_id, row.stage, row.step) == ("01JOURNEY", "01MESSAGE", "onboarding", "first")
    assert (row.decision, row.reason, row.channel) == ("message_suppressed", "capped", "sms")
    assert (row.evidence, row.content_hash, row.sealed) == (evidence, None, None)


def test_what_is_attached_belongs_to_the_latest_entry_and_opens_with_its_id(database: Database) -> None:
    journal = Journal(AT)
    journal.add(Decision.MESSAGE_REROUTED, Reason.CAPPED, SUBJECT, channel=Channel.SMS)
    journal.add(Decision.MESSAGE_SENDING, Reason.ALLOWED, SUBJECT, channel=Channel.EMAIL)
    context = {"profile": {"created_at": AT}, "event": {}}
    journal.attach(KEY, address="a@example.com", rendered=TEXT, context=context)
    first, second = written(database, journal)
    assert (first.sealed, first.content_hash) == (None, None)
    assert KEY.open(second.id, second.sealed) == {"to": "a@example.com", "locale": "ko", "context": context}
    assert second.content_hash == KEY.content_hash(TEXT.content())


def test_the_same_decision_recorded_twice_collides_instead_of_hiding(database: Database) -> None:
    journals = [Journal(AT), Journal(AT)]
    for journal in journals:
        journal.add(Decision.MESSAGE_SENDING, Reason.ALLOWED, SUBJECT, channel=Channel.EMAIL)
    with pytest.raises(IntegrityError):
        written(database, *journals)


def test_decisions_that_differ_in_anything_are_told_apart(database: Database) -> None:
    journal, later = Journal(AT), Journal(AT + timedelta(microseconds=1))
    sending = (Decision.MESSAGE_SENDING, Reason.ALLOWED)
    journal.add(*sending, SUBJECT, channel=Channel.EMAIL)
    journal.add(*sending, SUBJECT, channel=Channel.SMS)
    journal.add(*sending, SUBJECT)
    journal.add(Decision.MESSAGE_SUPPRESSED, Reason.CAPPED, SUBJECT, channel=Channel.EMAIL)
    journal.add(Decision.MESSAGE_SUPPRESSED, Reason.EXPIRED, SUBJECT, channel=Channel.EMAIL)
    journal.add(*sending, Subject("welcome", "v1", "01ALICE", "01JOURNEY", "01MESSAGE", occasion="1"))
    journal.add(*sending, Subject("welcome", "v1", "01ALICE", "01JOURNEY", "01OTHER"))
    journal.add(*sending, Subject("welcome", "v1", "01ALICE"))
    journal.add(*sending, Subject("welcome", "v1", "01BOB"))
    journal.add(*sending, Subject("other", "v1", "01BOB"))
    later.add(*sending, SUBJECT, channel=Channel.EMAIL)
    rows = written(database, journal, later)
    assert len({row.id for row in rows}) == 11


def test_a_journal_without_entries_writes_nothing(database: Database) -> None:
    assert written(database, Journal(AT)) == []


def test_a_person_without_a_key_has_none(database: Database) -> None:
    with database.write() as tx:
        assert load_keys(tx, ["01ERASED"]) == {}
        assert load_keys(tx, []) == {}
