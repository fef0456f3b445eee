"""What a person agreed to does not depend on the order in which we learn of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, func, select

from dangol.clock import VirtualClock
from dangol.consent import ledger
from dangol.errors import InvalidEvent
from dangol.ids import SeededEntropy
from dangol.model.people import ConsentChange, ConsentState
from dangol.model.vocabulary import Channel, ConsentAction, Purpose
from dangol.profiles import people
from dangol.store.database import Database
from dangol.store.tables import consent_states, consents

EMAIL_MARKETING = (Channel.EMAIL, Purpose.MARKETING)
GRANTED, WITHDRAWN = ConsentAction.GRANTED, ConsentAction.WITHDRAWN
NOW = datetime.fromisoformat("2026-03-02T01:00:00+00:00")


@pytest.fixture
def owners(database: Database, clock: VirtualClock, entropy: SeededEntropy) -> dict[str, str]:
    with database.write() as connection:
        return people.resolve(connection, ["alice", "bob"], now=clock.now(), entropy=entropy)


def change(
    action: ConsentAction, hours_ago: float = 0, *, who: str = "alice", source: str = "web", wording: str = ""
) -> ConsentChange:
    at = NOW - timedelta(hours=hours_ago)
    return ConsentChange(who, *EMAIL_MARKETING, action, at, source=source, wording=wording)


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
        assert state(connection, owners["alice"]) == ConsentState(True, new, NOW - timedelta(hours=1))
        assert state(connection, owners["bob"]) is None
        assert set(connection.execute(select(consents.c.id)).scalars()) == {old, new}


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
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
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
