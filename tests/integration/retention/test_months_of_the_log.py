"""The log goes by whole months from its beginning, each under a record that proves what it was; nothing else goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from dangol.ledger import reader
from dangol.ledger.removals import NOTHING_BEFORE, Removal, flaws, matches, record, removals
from dangol.model.vocabulary import Reason
from dangol.retention.rounds import Retention
from dangol.store.database import Database
from dangol.store.tables import log
from tests.integration.pipeline.house import House
from tests.integration.retention.test_retention import removed, retention
from tests.workspaces import campaign

YEAR = timedelta(days=366)
MARCH, APRIL, MAY = (datetime(2026, month, 1, tzinfo=UTC) for month in (3, 4, 5))


def _write(house: House, name: str, *at: datetime) -> None:
    rows = [
        {"id": f"{name}-{place}", "at": when, "decision": "d", "reason": "r", "evidence": {}}
        for place, when in enumerate(at)
    ]
    with house.database.write() as tx:
        tx.execute(log.insert(), rows)


@pytest.fixture
def years(house: House) -> House:
    """Two months of entries long ago, one of now; the clock stands more than a year after the second."""
    house.opens_with(campaign("cart", event="Checkout Started"))
    _write(house, "march", *(MARCH + timedelta(hours=hour) for hour in range(7)))
    _write(house, "april", *(APRIL + timedelta(hours=hour) for hour in range(4)))
    house.sleep(datetime(2027, 5, 5, tzinfo=UTC) - house.clock.now())
    _write(house, "now", house.clock.now())
    return house


def _log(house: House) -> list[reader.Entry]:
    return house.log()


def _proofs(house: House) -> list[Removal]:
    with house.database.read() as tx:
        return removals(tx)


def test_whole_months_go_and_the_log_says_so(years: House) -> None:
    before = {entry.id: entry for entry in _log(years)}
    assert removed(retention(years, log=YEAR).run()) == {"log": 11}
    now, *told = _log(years)
    assert now == before["now-0"]
    assert [(entry.decision, entry.reason) for entry in told] == [("records_removed", Reason.KEPT_LONG_ENOUGH)] * 2
    assert [(one.evidence["removed"], one.evidence["before"]) for one in told] == [
        (7, APRIL.isoformat()),
        (4, MAY.isoformat()),
    ]


def test_a_month_that_has_not_been_kept_long_enough_stays_whole(years: House) -> None:
    assert removed(retention(years, log=YEAR + timedelta(days=10)).run()) == {"log": 7}
    assert [entry.id for entry in _log(years)][:4] == ["april-0", "april-1", "april-2", "april-3"]


def test_who_has_a_copy_can_show_that_it_is_what_was_removed(years: House) -> None:
    copy = _log(years)
    list(retention(years, log=YEAR).run())
    march, april = _proofs(years)
    assert (march.entries, march.before, march.removed_by) == (7, APRIL, "kim")
    assert march.rule == "DANGOL_KEEP_LOG=P366D"
    assert matches(march, copy[:7])
    assert matches(april, copy[7:11], previous=march)
    assert not matches(march, copy[:6])
    assert not matches(march, [*copy[:6], replace(copy[6], reason="another")])
    assert not matches(march, [copy[1], copy[0], *copy[2:7]])
    assert not matches(april, copy[7:11])


def test_what_is_left_of_the_log_is_explained_by_the_records(years: House) -> None:
    list(retention(years, log=YEAR).run())
    with years.database.read() as tx:
        assert list(flaws(tx)) == []


def test_the_newest_entries_stay_however_old(house: House) -> None:
    house.opens_with(campaign("cart", event="Checkout Started"))
    _write(house, "march", MARCH, MARCH + timedelta(hours=1))
    house.sleep(timedelta(days=3000))
    assert removed(retention(house, log=YEAR).run()) == {}
    assert len(_log(house)) == 2


def test_an_entry_that_came_late_goes_with_the_month_it_stands_in(years: House) -> None:
    _write(years, "late", MARCH)
    assert removed(retention(years, log=YEAR).run()) == {"log": 11}
    assert [entry.id for entry in _log(years)][:2] == ["now-0", "late-0"]


def test_a_round_that_was_cut_off_is_finished_by_the_next_one(years: House) -> None:
    under_way = retention(years, log=YEAR).run()
    while not next(under_way).count:
        pass
    under_way.close()
    assert len(_proofs(years)) == 1
    assert _log(years)[0].id == "march-0"
    assert removed(retention(years, log=YEAR).run()) == {"log": 4}
    assert _log(years)[0].id == "now-0"
    assert [one.entries for one in _proofs(years)] == [7, 4]


def test_of_two_that_remove_at_once_one_gives_way(years: House) -> None:
    first, second = retention(years, log=YEAR).run(), retention(years, log=YEAR).run()
    next(first), next(second)
    assert removed(first) == {"log": 11}
    assert removed(second) == {}
    assert [one.entries for one in _proofs(years)] == [7, 4]


def test_a_dry_round_leaves_the_log_alone(years: House) -> None:
    before = _log(years)
    assert removed(retention(years, log=YEAR).run(dry=True)) == {"log": 11}
    assert (_log(years), _proofs(years)) == (before, [])


def _claim(**changed: object) -> Removal:
    claim = Removal(1, 7, 7, APRIL, NOTHING_BEFORE, "by hand", MAY, "mallory")
    return replace(claim, **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "claim",
    [
        _claim(first_seq=2, entries=6),
        _claim(last_seq=8, entries=8),
        _claim(entries=6),
        _claim(before=APRIL + timedelta(days=1)),
        _claim(before=datetime(2027, 7, 1, tzinfo=UTC)),
    ],
    ids=["not from the beginning", "beyond the month", "another number", "no month", "a month to come"],
)
def test_the_database_takes_no_record_but_of_whole_months_from_the_beginning(years: House, claim: Removal) -> None:
    _refused(years.database, claim)
    with years.database.write() as tx:
        record(tx, _claim())


def _refused(database: Database, claim: Removal) -> None:
    with pytest.raises(DBAPIError, match="whole months from the beginning of the log"), database.write() as tx:
        record(tx, claim)


def test_a_month_is_written_down_once(years: House) -> None:
    with years.database.write() as tx:
        record(tx, _claim())
    _refused(years.database, _claim(first_seq=3, entries=5))


def test_no_entry_goes_that_no_record_covers(years: House) -> None:
    with years.database.write() as tx:
        record(tx, _claim())
        assert tx.exec_driver_sql("DELETE FROM log WHERE seq <= 7").rowcount == 7
    for which in ("seq = 8", "seq > 0"):
        with pytest.raises(DBAPIError, match="insert-only"), years.database.write() as tx:
            _delete(tx, which)
    assert len(_log(years)) == 5


def _delete(tx: Connection, which: str) -> None:
    tx.exec_driver_sql(f"DELETE FROM log WHERE {which}")


def test_what_retention_does_not_explain_is_told(years: House) -> None:
    """Somebody who owns the database can put triggers aside; what they leave behind is seen."""
    list(retention(years, log=YEAR + timedelta(days=10)).run())
    with years.database.write() as tx:
        if years.database.is_postgresql:
            tx.exec_driver_sql("ALTER TABLE log DISABLE TRIGGER USER")
        else:
            tx.exec_driver_sql("DROP TRIGGER log_refuses_delete")
        tx.exec_driver_sql("DELETE FROM log")
        assert list(flaws(tx)) == ["the log is empty, although no removal ever takes the newest month"]


def test_the_scheduler_does_it_in_small_steps(years: House) -> None:
    keeping: Retention = retention(years, log=YEAR)
    steps = [len(keeping.turn(pages=1)) for _ in range(30)]
    assert max(steps) == 1
    assert len(_proofs(years)) == 2
