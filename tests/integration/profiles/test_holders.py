"""Who has this address? Found by an index, in whatever spelling; in doubt more people rather than fewer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event, text

from dangol.consent.suppressions import AddressHasher
from dangol.ids import SeededEntropy
from dangol.model.people import ProfileChange
from dangol.model.vocabulary import Channel
from dangol.profiles import people
from dangol.store.bulk import insert_many
from dangol.store.database import Database
from dangol.store.tables import profiles

NOW = datetime(2026, 3, 2, tzinfo=UTC)
HASHER = AddressHasher(b"key")
SPELLINGS = (
    "Kim@example.com",
    "kim@example.com",
    "\N{KELVIN SIGN}im@example.com",
    "straße@example.com",
    "STRASSE@example.com",
    "Ünal@example.com",
    "u\N{COMBINING DIAERESIS}nal@example.com",
    "김@example.com",
)


def _row(id_: str, email: str | None, phone: str | None = None) -> dict[str, Any]:
    row = dict.fromkeys(column.name for column in profiles.c)
    return row | {
        "id": id_,
        "external_id": id_,
        "email": email,
        "phone": phone,
        "attributes": {},
        "created_at": NOW,
        "updated_at": NOW,
    }


@pytest.fixture
def spelt(database: Database) -> Database:
    with database.write() as tx:
        insert_many(tx, profiles, [_row(f"p{place}", email) for place, email in enumerate(SPELLINGS)])
    return database


@pytest.mark.parametrize("asked", [*SPELLINGS, "KIM@EXAMPLE.COM", " kim@example.com ", "ÜNAL@EXAMPLE.COM", "no@one"])
def test_whoever_a_suppression_of_the_address_binds_has_it(spelt: Database, asked: str) -> None:
    same = [
        f"p{place}"
        for place, email in enumerate(SPELLINGS)
        if HASHER.hash(Channel.EMAIL, email) == HASHER.hash(Channel.EMAIL, asked)
    ]
    with spelt.read() as tx:
        assert people.holders(tx, Channel.EMAIL, [asked]) == ({asked: same} if same else {})


def test_every_spelling_that_is_asked_about_is_answered(spelt: Database) -> None:
    with spelt.read() as tx:
        found = people.holders(tx, Channel.EMAIL, ["kim@example.com", "KIM@example.com"])
    assert found == {"kim@example.com": ["p0", "p1", "p2"], "KIM@example.com": ["p0", "p1", "p2"]}


def test_a_household_has_a_phone_together_and_a_device_has_one_owner(database: Database) -> None:
    told = [
        ProfileChange("a", phone="+821012345678", device_token="t", device_platform="ios"),
        ProfileChange("b", phone="+821012345678"),
        ProfileChange("c", phone="+821087654321"),
    ]
    with database.write() as tx:
        ids = people.identify(tx, told, now=NOW, entropy=SeededEntropy(1))
        assert people.holders(tx, Channel.SMS, ["+821012345678"]) == {"+821012345678": sorted([ids["a"], ids["b"]])}
        assert people.holders(tx, Channel.PUSH, ["t", "u"]) == {"t": [ids["a"]]}


@pytest.mark.parametrize(
    ("channel", "address", "indexes"),
    [
        (Channel.EMAIL, "P7@example.com", {"ix_profiles_email", "ix_profiles_email_beyond_ascii"}),
        (Channel.SMS, "+821000000007", {"ix_profiles_phone"}),
    ],
)
def test_an_address_is_looked_up_by_an_index(
    database: Database, channel: Channel, address: str, indexes: set[str]
) -> None:
    rows = [_row(f"p{one}", f"p{one}@example.com", f"+82100000{one:04}") for one in range(3000)]
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    with database.write() as tx:
        insert_many(tx, profiles, rows)
        tx.execute(text("ANALYZE"))
        event.listen(database.engine, "before_cursor_execute", note)
        assert people.holders(tx, channel, [address]) == {address: ["p7"]}
        event.remove(database.engine, "before_cursor_execute", note)
        ((statement, parameters),) = asked
        how = "EXPLAIN" if database.is_postgresql else "EXPLAIN QUERY PLAN"
        plan = "\n".join(str(row[-1]) for row in tx.exec_driver_sql(f"{how} {statement}", parameters))
    assert {one for one in indexes if one in plan} == indexes, plan
    assert "Seq Scan on profiles" not in plan
    assert "SCAN profiles\n" not in f"{plan}\n", plan
