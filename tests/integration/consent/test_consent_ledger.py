"""What a person agreed to does not depend on the order in which we learn of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, event, func, select

from dangol import ids
from dangol.clock import VirtualClock
from dangol.consent import ledger
from dangol.errors import InvalidEvent
from dangol.ids import SeededEntropy
from dangol.model.people import ConsentChange, ConsentState
from dangol.model.vocabulary import Channel, ConsentAction, ConsentStatus, Purpose
from dangol.profiles import people
from dangol.store.database import Database
from dangol.store.tables import consent_states, consents, profile_keys
from dangol.store.types import to_text

EMAIL_MARKETING = (Channel.EMAIL, Purpose.MARKETING)
GRANTED, WITHDRAWN = ConsentAction.GRANTED, ConsentAction.WITHDRAWN
NOW = datetime.fromisoformat("2026-03-02T01:00:00+00:00")


@pytest.fixture
def owners(database: Database, clock: VirtualClock, entropy: SeededEntropy) -> dict[str, str]:
    with database.write() as connection:
        return people.resolve(connection, ["alice", "bob"], now=clock.now(), entropy=entropy)


def change(
    action: ConsentAction,
    hours_ago: float = 0,
    *,
    who: str = "alice",
    source: str = "web",
    wording: str = "",
    topic: str = "",
    **others: Any,
) -> ConsentChange:
    at = NOW - timedelta(hours=hours_ago)
    return ConsentChange(who, *EMAIL_MARKETING, action, at, source=source, wording=wording, topic=topic, **others)


@contextmanager
def undone(database: Database) -> Iterator[Connection]:
    """A transaction that leaves nothing behind."""
    with database.write() as connection:
        savepoint = connection.begin_nested()
        try:
            yield connection
        finally:
            savepoint.rollback()


def record(connection: Connection, owners: dict[str, str], *changes: ConsentChange) -> list[str]:
    people.lock(connection, owners.values())
    return ledger.record(connection, changes, owners, now=NOW)


def state(connection: Connection, profile_id: str) -> ConsentState | None:
    return ledger.states(connection, [profile_id])[profile_id].get(EMAIL_MARKETING)


def granted(connection: Connection, profile_id: str) -> bool:
    found = state(connection, profile_id)
    assert found is not None
    return found.granted


def test_who_was_never_asked_has_no_state(database: Database, owners: dict[str, str]) -> None:
    with database.read() as connection:
        assert ledger.states(connection, list(owners.values())) == {owners["alice"]: {}, owners["bob"]: {}}


def test_the_state_names_the_row_that_proves_it(database: Database, owners: dict[str, str]) -> None:
    with database.write() as connection:
        old, new = record(connection, owners, change(WITHDRAWN, 2), change(GRANTED, 1, wording="News?"))
    with database.read() as connection:
        at = NOW - timedelta(hours=1)
        assert state(connection, owners["alice"]) == ConsentState(True, new, at, since=at, confirmed_at=at)
        assert state(connection, owners["bob"]) is None
        assert set(connection.execute(select(consents.c.id)).scalars()) == {old, new}


def test_a_state_says_whether_it_was_confirmed_in_whatever_order_that_was_told(
    database: Database, owners: dict[str, str]
) -> None:
    with database.write() as connection:
        record(connection, owners, change(ConsentAction.CONFIRMED, 1), change(GRANTED, 2, who="bob"))
        record(connection, owners, change(ConsentAction.REQUESTED, 2))
    with database.read() as connection:
        found = [state(connection, owners[name]) for name in ("alice", "bob")]
        assert [one and (one.granted, one.confirmed) for one in found] == [(True, True), (True, False)]
    with database.write() as connection:
        record(connection, owners, change(WITHDRAWN, 0.5), change(GRANTED, 0.25))
        again = state(connection, owners["alice"])
        assert again is not None
        assert (again.granted, again.confirmed) == (True, False)


def test_a_late_report_of_something_older_changes_nothing(database: Database, owners: dict[str, str]) -> None:
    with database.write() as connection:
        record(connection, owners, change(WITHDRAWN, 1))
        record(connection, owners, change(GRANTED, 2))
        assert not granted(connection, owners["alice"])


def test_at_the_same_instant_withdrawal_wins(database: Database, owners: dict[str, str]) -> None:
    with database.write() as connection:
        record(connection, owners, change(WITHDRAWN, 1), change(GRANTED, 1, who="bob"))
        record(connection, owners, change(GRANTED, 1), change(WITHDRAWN, 1, who="bob"))
        assert not granted(connection, owners["alice"])
        assert not granted(connection, owners["bob"])


def test_a_millisecond_may_hold_a_grant_and_its_withdrawal(database: Database, owners: dict[str, str]) -> None:
    microsecond = 1 / 3_600_000_000
    with database.write() as connection:
        written = record(connection, owners, change(GRANTED, microsecond * 2), change(GRANTED, microsecond))
    assert len(set(written)) == 2


def test_a_consent_from_the_future_is_refused_and_nothing_written(database: Database, owners: dict[str, str]) -> None:
    with pytest.raises(InvalidEvent) as refused, database.write() as connection:
        record(connection, owners, change(GRANTED), change(GRANTED, -0.001))
    assert refused.value.code == "consent_in_future"
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(consents)).scalar_one() == 0


changes = st.builds(
    change,
    st.sampled_from(ConsentAction),
    st.integers(min_value=0, max_value=3),
    who=st.sampled_from(["alice", "bob"]),
    source=st.sampled_from(["web", "crm"]),
    topic=st.sampled_from(["", "sale"]),
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data(), told=st.lists(changes, min_size=1, max_size=8))
def test_any_order_of_arrival_leads_to_the_same_state(
    database: Database, owners: dict[str, str], data: st.DataObject, told: Sequence[ConsentChange]
) -> None:
    with undone(database) as connection:
        record(connection, owners, *told)
        expected = written(connection)
    arrivals = data.draw(st.permutations([*told, *told[:2]]))
    split = data.draw(st.integers(min_value=0, max_value=len(arrivals)))
    with undone(database) as connection:
        record(connection, owners, *arrivals[:split])
        record(connection, owners, *arrivals[split:])
        assert written(connection) == expected


def written(connection: Connection) -> tuple[set[object], set[object]]:
    return (
        set(connection.execute(select(consent_states)).all()),
        set(connection.execute(select(consents)).all()),
    )


def test_a_state_that_no_longer_follows_is_taken_back(database: Database, owners: dict[str, str]) -> None:
    with database.write() as connection:
        record(connection, owners, change(ConsentAction.IMPORTED, 1, topic="sale"))
        assert (*EMAIL_MARKETING, "sale") in ledger.topic_states(connection, [owners["alice"]])[owners["alice"]]
        record(connection, owners, change(WITHDRAWN, 2))
        assert ledger.topic_states(connection, [owners["alice"]]) == {owners["alice"]: {}}


def test_topics_and_the_whole_purpose_are_read_apart(database: Database, owners: dict[str, str]) -> None:
    alice, bob = owners["alice"], owners["bob"]
    with database.write() as connection:
        record(connection, owners, change(GRANTED, 1), change(WITHDRAWN, 1, topic="sale"))
        assert set(ledger.states(connection, [alice, bob])[alice]) == {EMAIL_MARKETING}
        topics = ledger.topic_states(connection, [alice, bob])
        assert topics[bob] == {}
        assert topics[alice][(*EMAIL_MARKETING, "sale")].status is ConsentStatus.WITHDRAWN


def test_the_past_can_be_asked_by_what_occurred_and_by_what_was_known(
    database: Database, owners: dict[str, str]
) -> None:
    alice, hour = owners["alice"], timedelta(hours=1)
    with database.write() as connection:
        ledger.record(connection, [change(GRANTED, 4)], owners, now=NOW - 3 * hour)
        ledger.record(connection, [change(WITHDRAWN, 2)], owners, now=NOW)

        def granted_at(instant: datetime, known_at: datetime | None = None) -> bool | None:
            held = ledger.as_of(connection, [alice], instant, known_at)[alice].get((*EMAIL_MARKETING, ""))
            return held.granted if held is not None else None

        assert granted_at(NOW - 5 * hour) is None
        assert granted_at(NOW - 4 * hour) is True
        assert granted_at(NOW - 2 * hour) is False
        assert granted_at(NOW - 2 * hour, known_at=NOW - hour) is True
        assert granted_at(NOW - 4 * hour, known_at=NOW - 4 * hour) is None


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(told=st.lists(changes, min_size=1, max_size=8), hours=st.integers(min_value=0, max_value=3))
def test_what_held_then_is_what_would_hold_had_nothing_happened_since(
    database: Database, owners: dict[str, str], told: Sequence[ConsentChange], hours: int
) -> None:
    instant, people_ids = NOW - timedelta(hours=hours), sorted(owners.values())
    with undone(database) as connection:
        record(connection, owners, *told)
        then = ledger.as_of(connection, people_ids, instant)
        assert ledger.as_of(connection, people_ids, NOW) == everything(connection, people_ids)
    with undone(database) as connection:
        record(connection, owners, *(one for one in told if one.occurred_at <= instant))
        assert then == everything(connection, people_ids)


def everything(connection: Connection, people_ids: Sequence[str]) -> ledger.TopicStates:
    """The states that are stored, those of whole purposes among them."""
    found = ledger.topic_states(connection, people_ids)
    for profile_id, held in ledger.states(connection, people_ids).items():
        found[profile_id] |= {(*pair, ""): state for pair, state in held.items()}
    return found


def test_where_a_consent_came_from_is_sealed_and_the_wording_is_hashed(
    database: Database, owners: dict[str, str]
) -> None:
    told = change(GRANTED, wording="소식을 받을게요", ip="203.0.113.7", user_agent="Firefox", utc_offset=540)
    with database.write() as connection:
        record(connection, owners, told)
        (row,) = connection.execute(select(consents)).mappings().all()
        assert "203.0.113.7" not in str(dict(row))
        assert row["wording_hash"] == hashlib.sha256("소식을 받을게요".encode()).hexdigest()
        (entry,) = ledger.history(connection, owners["alice"])
        assert (entry.ip, entry.user_agent, entry.utc_offset) == ("203.0.113.7", "Firefox", 540)
        connection.execute(delete(profile_keys))
        (entry,) = ledger.history(connection, owners["alice"])
        assert (entry.ip, entry.user_agent, entry.wording) == (None, None, "소식을 받을게요")


def test_a_row_of_the_first_release_is_known_when_it_is_told_again(database: Database, owners: dict[str, str]) -> None:
    told = change(GRANTED, 1, wording="News?")
    said = [owners["alice"], "email", "marketing", "granted", "consent", "web", "News?"]
    first_release = ids.derive(told.occurred_at, "consent", to_text(told.occurred_at), *said)
    with database.write() as connection:
        assert record(connection, owners, told) == [first_release]


def test_what_makes_a_statement_another_makes_another_row(database: Database, owners: dict[str, str]) -> None:
    variants = [
        change(GRANTED),
        change(GRANTED, topic="sale"),
        change(GRANTED, proof="sale"),
        change(GRANTED, locale="ko"),
        change(GRANTED, wording_version="2"),
        change(GRANTED, jurisdiction="KR"),
    ]
    with database.write() as connection:
        assert len(set(record(connection, owners, *variants))) == len(variants)


def test_what_is_newly_said_is_settled_without_reading_a_long_past(
    database: Database, owners: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    fold = ledger.fold

    def counting(rows: Sequence[Any]) -> Any:
        read.append(len(rows))
        return fold(rows)

    monkeypatch.setattr(ledger, "fold", counting)
    with database.write() as connection:
        for hours in range(60, 2, -2):
            record(connection, owners, change(WITHDRAWN, hours), change(GRANTED, hours - 1))
            record(connection, owners, change(WITHDRAWN, hours, who="bob"))
        assert sum(read) <= 4
        record(connection, owners, change(WITHDRAWN, 3.5))
        assert read[-1] > 50  # it came late: what was said since is weighed against it
        states = ledger.states(connection, list(owners.values()))
    assert states[owners["alice"]][EMAIL_MARKETING].granted
    assert not states[owners["bob"]][EMAIL_MARKETING].granted


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (lambda tx, who: ledger._last_said(tx, [{"profile_id": one} for one in who]), "ix_consents_profile"),
        (lambda tx, who: ledger.as_of(tx, who, NOW), "ix_consents_profile"),
        (lambda tx, who: ledger.history(tx, who[0]), "ix_consents_profile"),
        (lambda tx, who: ledger.states(tx, who), "consent_states"),
        (lambda tx, who: ledger.topic_states(tx, who), "consent_states"),
    ],
)
def test_the_past_of_people_is_found_by_index(
    database: Database, owners: dict[str, str], ask: Callable[[Connection, list[str]], object], index: str
) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    with database.write() as connection:
        if database.is_postgresql:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        event.listen(database.engine, "before_cursor_execute", note)
        ask(connection, list(owners.values()))
        event.remove(database.engine, "before_cursor_execute", note)
        how = "EXPLAIN" if database.is_postgresql else "EXPLAIN QUERY PLAN"
        plan = str(connection.exec_driver_sql(f"{how} {asked[-1][0]}", asked[-1][1]).all())
    assert index in plan
    assert "Seq Scan on consent" not in plan
    assert "SCAN consent" not in plan
