"""One row a person, however often and from however many sides they are reported."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select, text

from dangol.clock import VirtualClock
from dangol.ids import SeededEntropy, SystemEntropy
from dangol.model.people import Profile, ProfileChange
from dangol.profiles import people
from dangol.store.database import Database
from dangol.store.tables import profile_keys, profiles


def identify(database: Database, now: datetime, *changes: ProfileChange) -> dict[str, str]:
    with database.write() as connection:
        return people.identify(connection, changes, now=now, entropy=SystemEntropy())


def person(database: Database, external_id: str = "alice") -> Profile:
    with database.read() as connection:
        profile_id = people.find(connection, [external_id])[external_id]
        return people.load(connection, [profile_id])[profile_id]


def erase(database: Database, external_id: str, now: datetime) -> None:
    with database.write() as connection:
        connection.execute(
            profiles.update().where(profiles.c.external_id == external_id).values(erased_at=now, attributes={})
        )


def test_someone_new_gets_a_profile_and_a_key_of_their_own(
    database: Database, clock: VirtualClock, entropy: SeededEntropy
) -> None:
    with database.write() as connection:
        first = people.resolve(connection, ["bob", "alice", "bob"], now=clock.now(), entropy=entropy)
        again = people.resolve(connection, ["alice", "carol"], now=clock.now(), entropy=entropy)
    assert first.keys() == {"alice", "bob"}
    assert again["alice"] == first["alice"]
    with database.read() as connection:
        assert people.find(connection, ["alice", "nobody"]) == {"alice": first["alice"]}
        keys = dict(connection.execute(select(profile_keys.c.profile_id, profile_keys.c.key)).all())
    assert keys.keys() == {*first.values(), again["carol"]}
    assert {len(key) for key in keys.values()} == {64}
    assert len(set(keys.values())) == 3


def test_what_is_not_told_is_left_alone_and_attributes_are_merged(database: Database, clock: VirtualClock) -> None:
    first = ProfileChange("alice", email="a@example.com", locale="ko", attributes={"tier": "gold", "n": 1, "m": [1]})
    identify(database, clock.now(), first)
    identify(database, clock.now(), ProfileChange("alice", phone="+821012345678", attributes={"n": True, "tier": None}))
    found = person(database)
    assert (found.email, found.phone, found.locale) == ("a@example.com", "+821012345678", "ko")
    assert found.attributes == {"n": True, "m": [1]}
    assert found.attributes["n"] is True


def test_the_later_change_in_a_batch_wins(database: Database, clock: VirtualClock) -> None:
    identify(
        database,
        clock.now(),
        ProfileChange("alice", email="old@example.com", attributes={"a": 1}),
        ProfileChange("alice", email="new@example.com", attributes={"b": 2}),
    )
    assert person(database).email == "new@example.com"
    assert person(database).attributes == {"a": 1, "b": 2}


def test_the_same_change_again_writes_nothing(database: Database, clock: VirtualClock) -> None:
    change = ProfileChange("alice", email="a@example.com", attributes={"n": 1.5})
    identify(database, clock.now(), change)
    clock.advance(timedelta(days=1))
    identify(database, clock.now(), change)
    with database.read() as connection:
        created, updated = connection.execute(select(profiles.c.created_at, profiles.c.updated_at)).one()
    assert created == updated


def test_a_device_belongs_to_who_showed_it_last_and_the_latest_comes_first(
    database: Database, clock: VirtualClock
) -> None:
    identify(
        database,
        clock.now(),
        ProfileChange("alice", device_token="t-1", device_platform="ios"),
        ProfileChange("alice", device_token="t-2"),
        ProfileChange("alice", device_token="t-0"),
    )
    assert person(database).devices == ("t-0", "t-2", "t-1")
    clock.advance(timedelta(hours=1))
    identify(
        database, clock.now(), ProfileChange("alice", device_token="t-1"), ProfileChange("bob", device_token="t-2")
    )
    assert person(database).devices == ("t-1", "t-0")
    assert person(database, "bob").devices == ("t-2",)


def test_a_device_may_be_shown_twice_in_one_instant(database: Database, clock: VirtualClock) -> None:
    change = ProfileChange("alice", device_token="t-1")
    identify(database, clock.now(), change)
    identify(database, clock.now(), change, change)
    assert person(database).devices == ("t-1",)


def test_an_erased_person_is_not_brought_back(database: Database, clock: VirtualClock) -> None:
    alice = identify(database, clock.now(), ProfileChange("alice"))["alice"]
    erase(database, "alice", clock.now())
    change = ProfileChange("alice", email="a@example.com", attributes={"n": 1}, device_token="t-1")
    living = identify(database, clock.now(), change, ProfileChange("bob"))
    assert living.keys() == {"bob"}
    found = person(database)
    assert (found.email, found.attributes, found.devices) == (None, {}, ())
    with database.read() as connection:
        assert people.erased(connection, [alice, living["bob"]]) == {alice}


def test_an_empty_batch_is_no_work(database: Database, clock: VirtualClock) -> None:
    assert identify(database, clock.now()) == {}
    with database.write() as connection:
        people.lock(connection, [])
        assert people.load(connection, []) == {}


def resolve_slowly(
    database: Database, external_ids: Sequence[str], seed: str, now: datetime, meet: threading.Barrier
) -> dict[str, str]:
    meet.wait(timeout=10)
    with database.write() as connection:
        return people.resolve(connection, external_ids, now=now, entropy=SeededEntropy(seed))


def test_two_transactions_that_meet_the_same_people_agree(database: Database, clock: VirtualClock) -> None:
    names = [f"person-{number}" for number in range(200)]
    meet = threading.Barrier(2)
    answers: list[dict[str, str]] = []
    workers = [
        threading.Thread(
            target=lambda order=order, seed=seed: answers.append(
                resolve_slowly(database, order, seed, clock.now(), meet)
            )
        )
        for seed, order in (("one", names), ("two", names[::-1]))
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=30)
    assert len(answers) == 2
    assert answers[0] == answers[1]
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(profile_keys)).scalar_one() == 200


def test_who_was_created_meanwhile_is_used_not_created_again(
    postgres_database: Database, clock: VirtualClock, entropy: SeededEntropy
) -> None:
    """The other transaction holds the new row uncommitted; ours waits for it and then takes its id."""
    answer: dict[str, str] = {}

    def ours() -> None:
        with postgres_database.write() as connection:
            answer.update(people.resolve(connection, ["alice", "bob"], now=clock.now(), entropy=SeededEntropy("ours")))

    worker = threading.Thread(target=ours)
    with postgres_database.write() as connection:
        theirs = people.resolve(connection, ["bob"], now=clock.now(), entropy=entropy)
        worker.start()
        wait_until_someone_waits(postgres_database)
    worker.join(timeout=10)
    assert answer["bob"] == theirs["bob"]


def test_the_lock_lets_one_transaction_at_a_time_decide_about_a_person(
    postgres_database: Database, clock: VirtualClock
) -> None:
    alice = identify(postgres_database, clock.now(), ProfileChange("alice"))["alice"]
    order: list[str] = []

    def second() -> None:
        with postgres_database.write() as connection:
            people.lock(connection, [alice])
            order.append("second")

    worker = threading.Thread(target=second)
    with postgres_database.write() as connection:
        people.lock(connection, [alice, alice])
        worker.start()
        wait_until_someone_waits(postgres_database)
        order.append("first")
    worker.join(timeout=10)
    assert order == ["first", "second"]


def wait_until_someone_waits(database: Database) -> None:
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    for _ in range(100_000):
        with database.read() as connection:
            if connection.execute(waiting).scalar_one():
                return
    raise AssertionError("nobody ever waited")
