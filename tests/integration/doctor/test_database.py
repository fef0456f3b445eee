"""What the doctor sees in a database; it changes nothing there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import inspect, text

from dangol.batch.turns import Pacing
from dangol.clock import SystemClock, VirtualClock
from dangol.delivery.pacing import parse_pace
from dangol.queue.scheduler import LEASE
from dangol.settings import Settings
from dangol.store.database import Database
from dangol.store.housekeeping import take_lease
from dangol.surfaces.doctor import database as checks
from dangol.surfaces.doctor import work
from dangol.surfaces.doctor.checks import CHECKS, examine
from dangol.surfaces.doctor.finding import Finding, Verdict
from dangol.surfaces.doctor.rates import _enough, rates
from dangol.surfaces.doctor.visit import Visit
from tests.integration.pipeline.conftest import carrier, dangol, house
from tests.integration.pipeline.house import House
from tests.servers import POSTGRES, administer
from tests.workspaces import campaign, note, scheduled

__all__ = ["carrier", "dangol", "house"]


def settings(database: Database, home: Path, **given: object) -> Settings:
    url = database.url.render_as_string(hide_password=False)
    return Settings(_env_file=None, home=home, database_url=url).model_copy(update=given)


@pytest.fixture
def visit(database: Database, tmp_path: Path) -> Iterator[Visit]:
    made = Visit(settings(database, tmp_path), offline=True)
    yield made
    made.close()


@pytest.fixture
def seen(database: Database, clock: VirtualClock, tmp_path: Path) -> Iterator[Visit]:
    """A visit on the shop's own clock."""
    made = Visit(settings(database, tmp_path), clock=clock, offline=True)
    yield made
    made.close()


def only(findings: Iterator[Finding]) -> Finding:
    (found,) = findings
    return found


def test_a_new_database_is_fine(visit: Visit, database: Database) -> None:
    if database.is_postgresql:
        administer(f"ALTER DATABASE {database.url.database} RESET synchronous_commit")  # a test's does without
    assert only(checks.reachable(visit)).verdict is Verdict.FINE
    assert only(checks.server(visit)).verdict is Verdict.FINE
    assert only(checks.insert_only(visit)).verdict is Verdict.FINE
    assert only(checks.clock(visit)).verdict in {Verdict.FINE, Verdict.SKIPPED}


@pytest.mark.parametrize(
    ("revision", "verdict", "fix"), [("0001", Verdict.PROBLEM, "dangol migrate"), ("9999", Verdict.WARNING, "later")]
)
def test_a_schema_of_another_release_is_told(
    visit: Visit, database: Database, revision: str, verdict: Verdict, fix: str
) -> None:
    with database.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    found = only(checks.reachable(visit))
    assert (found.verdict, fix in found.fix) == (verdict, True)


def test_nothing_is_made_where_there_is_nothing(tmp_path: Path) -> None:
    visit = Visit(Settings(_env_file=None, home=tmp_path / "home"), offline=True)
    found = {check.name: of for check, of in examine(visit)}
    assert found["database"][0].verdict is Verdict.UNANSWERED
    assert found["scheduler"][0].verdict is Verdict.UNANSWERED
    assert not list(tmp_path.iterdir())


@pytest.mark.postgres
def test_an_empty_database_stays_empty(postgres_database: Database, tmp_path: Path) -> None:
    name = f"{postgres_database.url.database}_empty"
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
        empty = Database(POSTGRES.rsplit("/", 1)[0] + f"/{name}")
        try:
            visit = Visit(settings(empty, tmp_path), offline=True)
            found = {check.name: of[0] for check, of in examine(visit)}
            visit.close()
            assert found["database"].verdict is Verdict.PROBLEM
            assert "dangol migrate" in found["database"].fix
            assert found["server"].verdict is Verdict.FINE
            assert found["proof"].verdict is Verdict.SKIPPED
            assert inspect(empty.engine).get_table_names() == []
        finally:
            empty.close()
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[call-overload]


def test_a_trigger_that_was_taken_away_is_a_problem(visit: Visit, database: Database) -> None:
    with database.write() as tx:
        if database.is_postgresql:
            tx.execute(text("ALTER TABLE log DISABLE TRIGGER ALL"))
        else:
            names = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'log'"
            for (name,) in tx.execute(text(names)).all():
                tx.execute(text(f"DROP TRIGGER {name}"))
    found = only(checks.insert_only(visit))
    assert (found.verdict, "log" in found.what, "consents" in found.what) == (Verdict.PROBLEM, True, False)


@pytest.mark.postgres
@pytest.mark.parametrize(("processes", "verdict"), [(1, Verdict.FINE), (5000, Verdict.PROBLEM)])
def test_connections_are_counted_for_all_processes(
    postgres_database: Database, tmp_path: Path, processes: int, verdict: Verdict
) -> None:
    visit = Visit(settings(postgres_database, tmp_path), processes=processes)
    found = only(checks.connections(visit))
    visit.close()
    assert found.verdict is verdict
    assert f"{processes} processes" in found.what


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("ahead", "verdict", "said"),
    [
        (timedelta(seconds=-20), Verdict.PROBLEM, "20.0 s behind"),
        (timedelta(seconds=20), Verdict.PROBLEM, "20.0 s ahead of"),
        (timedelta(seconds=3), Verdict.WARNING, "3.0 s ahead of"),
        (timedelta(), Verdict.FINE, "agrees"),
    ],
)
def test_a_clock_that_is_wrong_is_told_in_seconds(
    postgres_database: Database, tmp_path: Path, ahead: timedelta, verdict: Verdict, said: str
) -> None:
    class Wrong(SystemClock):
        def now(self):  # type: ignore[no-untyped-def]
            return super().now() + ahead

    visit = Visit(settings(postgres_database, tmp_path), clock=Wrong())
    found = only(checks.clock(visit))
    visit.close()
    assert (found.verdict, said in found.what) == (verdict, True), found.what


def test_whether_somebody_leads_is_told(visit: Visit, database: Database) -> None:
    assert only(work.scheduler(visit)).verdict is Verdict.PROBLEM
    with database.write() as tx:
        take_lease(tx, LEASE, "here:7", visit.clock.now(), timedelta(minutes=1))
    found = only(work.scheduler(visit))
    assert (found.verdict, "here:7" in found.what) == (Verdict.FINE, True)


@pytest.mark.parametrize(("minutes", "verdict"), [(0, Verdict.FINE), (2, Verdict.WARNING), (20, Verdict.PROBLEM)])
def test_what_is_due_and_does_not_go_out_is_told(house: House, seen: Visit, minutes: int, verdict: Verdict) -> None:
    house.opens_with(campaign("shop", note())).knows("alice")
    house.orders("alice")
    house.sleep(timedelta(minutes=minutes))
    assert only(work.backlog(seen)).verdict is verdict


CROWD = [f"c{number}" for number in range(30)]


def told_of_rates(seen: Visit, pace: str) -> list[Finding]:
    seen.settings = seen.settings.model_copy(update={"pace": pace})
    return list(rates(seen))


def test_without_rates_none_is_too_low(seen: Visit) -> None:
    assert only(rates(seen)).verdict is Verdict.SKIPPED


def test_a_rate_that_cannot_carry_what_waits_says_how_long_it_takes_and_what_to_do(house: House, seen: Visit) -> None:
    house.opens_with(campaign("shop", note("email", expires_after="9 days"))).knows(*CROWD).orders(*CROWD)
    by_carrier, by_sender, by_nobody = told_of_rates(
        seen, "mailbox=1/hour, mailbox:hello@dangol.example=1/day, mailbox:nobody@dangol.example=1/day"
    )
    assert by_carrier.verdict is by_sender.verdict is Verdict.WARNING
    assert by_carrier.what == "mailbox: 30 messages wait or come due within 24 h, and take 30 h at 1/hour"
    assert "set mailbox=2/hour in DANGOL_PACE and run `dangol carriers again mailbox`" in by_carrier.fix
    assert "mailbox:hello@dangol.example: 30 messages" in by_sender.what
    assert "take 720 h at 1/day" in by_sender.what
    assert by_nobody.verdict is Verdict.FINE
    assert (
        only(iter(told_of_rates(seen, "mailbox=2/hour"))).what == "mailbox: 30 messages within 24 h take 15 h at 2/hour"
    )


def test_what_was_put_off_to_a_turn_beyond_the_day_still_waits(house: House, seen: Visit) -> None:
    house.pipeline.pacing = Pacing(house.pipeline.dispatcher, parse_pace("fake=1/hour", ["fake"]))
    house.opens_with(campaign("shop", note("email", expires_after="9 days"))).knows(*CROWD).orders(*CROWD)
    house.work()
    assert "29 messages wait" in only(iter(told_of_rates(seen, "mailbox=1/hour"))).what


def test_what_a_spread_puts_into_the_day_is_counted_and_no_more(house: House, seen: Visit) -> None:
    house.opens_with(scheduled("news", note("email", expires_after="9 days"), spread="2 days")).knows(*CROWD)
    house.clock.advance(timedelta(hours=2))
    house.work()
    within = sum(row.due_at <= house.clock.now() + timedelta(days=1) for row in house.messages)
    assert 0 < within < len(CROWD)
    assert f"{within} messages" in only(iter(told_of_rates(seen, "mailbox=1/s"))).what


@pytest.mark.parametrize(("number", "rate"), [(25, "2/hour"), (24, "1/hour"), (100_000_000, "1158/s")])
def test_the_advised_rate_is_one_that_suffices_and_can_be_written(number: int, rate: str) -> None:
    assert _enough(number) == rate
    assert number * parse_pace(f"c={rate}", ["c"])["c"].interval <= timedelta(days=1)


def test_what_is_in_service_is_tried(house: House, seen: Visit) -> None:
    assert only(work.in_service(seen)).verdict is Verdict.WARNING
    house.opens_with(campaign("shop", note()))
    assert only(work.in_service(seen)).verdict is Verdict.FINE


def test_a_version_that_cannot_be_run_is_a_problem(house: House, seen: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    house.opens_with(campaign("shop", note()))

    def broken(version: object) -> None:
        raise ValueError("this release knows no such step")

    monkeypatch.setattr("dangol.release.compile_release", broken)
    found = only(work.in_service(seen))
    assert (found.verdict, "no such step" in found.what) == (Verdict.PROBLEM, True)


def test_the_latest_hand_overs_are_proven(house: House, seen: Visit) -> None:
    house.opens_with(campaign("shop", note())).knows("alice")
    house.orders("alice")
    house.work()
    assert only(work.proof(seen)).verdict is Verdict.FINE


def test_a_key_that_was_lost_shows(house: House, seen: Visit, database: Database) -> None:
    house.opens_with(campaign("shop", note())).knows("alice")
    house.orders("alice")
    house.work()
    with database.write() as tx:
        tx.execute(text("UPDATE profile_keys SET key = :key"), {"key": b"x" * 64})
    found = only(work.proof(seen))
    assert (found.verdict, "dangol log show" in found.fix) == (Verdict.PROBLEM, True)


def test_a_full_disk_is_told(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 1 << 20, "total": 1 << 40})
    monkeypatch.setattr("dangol.surfaces.doctor.work.shutil.disk_usage", lambda _: usage)
    assert only(work.disk(visit)).verdict is Verdict.PROBLEM


def test_a_check_that_breaks_stops_no_other(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("dangol.surfaces.doctor.work.shutil.disk_usage", broken)
    found = {check.name: of for check, of in examine(visit)}
    assert set(found) == {check.name for check in CHECKS}
    assert found["disk"][0].verdict is Verdict.UNANSWERED
    assert "ZeroDivisionError" in found["disk"][0].what
