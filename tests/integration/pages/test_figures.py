"""What the hub counts: KPIs, people per step, what is coming. The same on both databases, by index, and bounded."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.ids import SeededEntropy, derive
from dangol.model.vocabulary import Channel
from dangol.model.workspace import Kpi
from dangol.store.bulk import insert_many
from dangol.store.database import Database
from dangol.store.tables import controls, events, journeys, messages
from dangol.surfaces import ahead, measures
from dangol.surfaces.ahead import Calendar, Day, due_ahead, look_ahead, steps_ahead
from dangol.surfaces.leaving import passages
from dangol.surfaces.measures import Measure, measure
from dangol.surfaces.standing import LATEST_ENTRIES, Standing
from dangol.testing import FakeProvider
from tests.integration.pipeline.conftest import settings
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note, scheduled

DAY = timedelta(days=1)
RECOVERED = Kpi.model_validate(
    {"name": "K", "event": "Order Completed", "of": "Checkout Started", "within": "2 days", "target": "40%"}
)
REPEATED = RECOVERED.model_copy(update={"of": "Order Completed"})
WAITS = (note(ref="first"), {"wait": "2 days"}, note("push", ref="second"))


@pytest.fixture
def house(database: Database, clock: VirtualClock, entropy: SeededEntropy, tmp_path: Path) -> Iterator[House]:
    url, carrier = database.url.render_as_string(hide_password=False), FakeProvider()
    providers = dict.fromkeys(Channel, carrier)
    with Dangol(settings(url, tmp_path), clock=clock, entropy=entropy, providers=providers) as dangol:
        yield House(dangol, clock, carrier, tmp_path)


def happened(house: House, *told: tuple[str, str, timedelta]) -> None:
    """Rows of events, each so long ago."""
    rows = []
    for number, (who, name, ago) in enumerate(told):
        at = house.clock.now() - ago
        rows.append(
            {
                "id": derive(at, str(number), who, name),
                "message_id": f"m{number}",
                "profile_id": house.id_of(who),
                "name": name,
                "properties": {},
                "source": "tests",
                "occurred_at": at,
                "received_at": at,
            }
        )
    with house.database.write() as tx:
        insert_many(tx, events, rows)


def measured(house: House, kpi: Kpi) -> Measure:
    with house.database.read() as tx:
        latest = Standing(house.dangol).latest(Standing(house.dangol).services(tx))
        assert latest is not None
        return measure(tx, kpi, latest.workspace, house.clock.now())


class TestMeasures:
    def test_counts_the_people_who_did_one_thing_and_then_another_in_time(self, house: House) -> None:
        house.opens_with(campaign("shop")).knows("in_time", "late", "before", "never", "twice", "other")
        start, order = "Checkout Started", "Order Completed"
        happened(
            house,
            *[("in_time", start, 10 * DAY), ("in_time", order, 8 * DAY)],
            *[("late", start, 10 * DAY), ("late", order, 8 * DAY - timedelta(seconds=1))],
            *[("before", start, 10 * DAY), ("before", order, 11 * DAY)],
            ("never", start, 10 * DAY),
            *[("twice", start, 20 * DAY), ("twice", start, 10 * DAY), ("twice", order, 9 * DAY)],
            ("other", order, 9 * DAY),
        )
        found = measured(house, RECOVERED)
        assert (found.people, found.done, found.share) == (5, 2, 0.4)
        assert not found.sampled

    def test_looks_at_the_last_thirty_days_in_which_everybody_had_their_full_time(self, house: House) -> None:
        house.opens_with(campaign("shop")).knows("young", "old", "edge", "oldest")
        start = "Checkout Started"
        second = timedelta(seconds=1)
        happened(
            house,
            ("young", start, 2 * DAY - second),
            ("edge", start, 2 * DAY),
            ("oldest", start, 32 * DAY - second),
            ("old", start, 32 * DAY),
        )
        found = measured(house, RECOVERED)
        assert found.people == 2
        assert found.until == house.clock.now() - 2 * DAY
        assert found.since == house.clock.now() - 32 * DAY

    def test_an_event_does_not_follow_itself(self, house: House) -> None:
        house.opens_with(campaign("shop")).knows("once", "again")
        order = "Order Completed"
        happened(house, ("once", order, 9 * DAY), ("again", order, 9 * DAY), ("again", order, 8 * DAY))
        found = measured(house, REPEATED)
        assert (found.people, found.done) == (2, 1)

    def test_agrees_with_a_count_by_hand(self, house: House) -> None:
        chance = random.Random(7)
        names = [f"p{number}" for number in range(40)]
        house.opens_with(campaign("shop")).knows(*names)
        told = [
            (chance.choice(names), chance.choice(["Checkout Started", "Order Completed"]), chance.randrange(40 * 24))
            for _ in range(400)
        ]
        happened(house, *((who, name, timedelta(hours=hours)) for who, name, hours in told))
        counted = {who for who, name, ago in told if name == "Checkout Started" and 48 <= ago < 32 * 24}
        done = {
            who
            for who, name, ago in told
            if name == "Checkout Started"
            and 48 <= ago < 32 * 24
            and any(
                other == who and what == "Order Completed" and ago - 48 <= then <= ago for other, what, then in told
            )
        }
        found = measured(house, RECOVERED)
        assert 0 < len(done) < len(counted)
        assert (found.people, found.done) == (len(counted), len(done))

    def test_an_expression_is_asked_among_those_it_is_about(self, house: House) -> None:
        house.opens_with(campaign("shop")).knows("a", attributes={"vip": True}).knows("b").knows("c")
        happened(house, ("a", "Order Completed", DAY), ("b", "Order Completed", DAY))
        kpi = Kpi(name="K", expression="profile.vip", target="40%")  # type: ignore[arg-type]
        among = kpi.model_copy(update={"among": 'count("Order Completed") > 0'})
        assert (measured(house, kpi).people, measured(house, kpi).done) == (3, 1)
        assert (measured(house, among).people, measured(house, among).done) == (2, 1)
        assert measured(house, kpi).since is None

    def test_nobody_is_no_share_and_the_erased_are_nobody(self, house: House) -> None:
        house.opens_with(campaign("shop")).knows("gone")
        happened(house, ("gone", "Checkout Started", 9 * DAY))
        house.erases("gone")
        assert measured(house, RECOVERED).share is None

    def test_many_people_are_asked_by_sample(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        house.opens_with(campaign("shop")).knows(*(f"p{number}" for number in range(200)))
        kpi = Kpi(name="K", expression='profile.locale == "en"', target="40%")  # type: ignore[arg-type]
        monkeypatch.setattr(measures, "SAMPLE", 50)
        found = measured(house, kpi)
        assert found.sampled
        assert 20 < found.people < 90
        assert found.share == 1


class TestStanding:
    def test_people_are_counted_by_the_step_that_they_wait_for(self, house: House) -> None:
        house.opens_with(campaign("shop", *WAITS)).knows("alice", "bob")
        house.orders("alice", "bob")
        house.work()
        with house.database.read() as tx:
            standing = Standing(house.dangol)
            found = standing.people(tx, "shop", standing.service(tx, "shop").version_id)
            assert standing.on_their_way(tx, ["shop", "other"]) == {"shop": 2}
        assert (found.by_position, found.on_earlier_versions) == ({"0.2": 2}, 0)

    def test_those_on_earlier_versions_are_told_apart(self, house: House) -> None:
        house.opens_with(campaign("shop", *WAITS)).knows("alice", "bob")
        house.orders("alice")
        house.work()
        house.opens_with(campaign("shop", *WAITS, name="Renamed"))
        house.orders("bob")
        house.work()
        with house.database.read() as tx:
            standing = Standing(house.dangol)
            found = standing.people(tx, "shop", standing.service(tx, "shop").version_id)
        assert (dict(found.by_position), found.on_earlier_versions, found.total) == ({"0.2": 1}, 1, 2)

    def test_numbers_come_from_the_log(self, house: House) -> None:
        goal = {"event": "Complaint Raised", "within": "3 days"}
        house.opens_with(campaign("shop", *WAITS, goal=goal), campaign("idle", event="Checkout Started"))
        house.knows("alice", "bob")
        house.orders("alice", "bob")
        house.pass_time(timedelta(hours=1))
        house.happens("Complaint Raised", "alice", topic="t")
        house.work()
        with house.database.read() as tx:
            found = Standing(house.dangol).numbers(tx, ["idle", "shop"])
        assert (found["shop"].entered, found["shop"].sent, found["shop"].goal, found["shop"].since) == (2, 2, 1, None)
        assert found["idle"].entered == 0

    def test_numbers_look_at_the_latest_entries_and_say_since_when(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("dangol.surfaces.standing.LATEST_ENTRIES", 4)
        house.opens_with(campaign("shop", *WAITS)).knows("alice", "bob", "carol")
        house.orders("alice")
        house.work()
        house.sleep(DAY)
        house.orders("bob", "carol")
        with house.database.read() as tx:
            found = Standing(house.dangol).numbers(tx, ["shop"])["shop"]
        assert found.since == house.clock.now()
        assert found.entered == 2

    def test_the_state_is_told(self, house: House) -> None:
        house.opens_with(
            *(campaign(key) for key in ("calm", "gone", "held", "halted")),
            campaign("early", starts="2026-05-01"),
            campaign("late", ends="2026-03-01"),
        )
        with house.database.write() as tx:
            for action, key in (("pause", "held"), ("stop", "halted"), ("pause", "calm"), ("resume", "calm")):
                row = {"campaign_key": key, "action": action, "at": house.clock.now(), "by": "tests", "note": ""}
                insert_many(tx, controls, [row])
        house.opens_with(
            *(campaign(key) for key in ("calm", "held", "halted")),
            campaign("early", starts="2026-05-01"),
            campaign("late", ends="2026-03-01"),
        )
        with house.database.read() as tx:
            states = {key: one.state for key, one in Standing(house.dangol).services(tx).items()}
        assert states == {
            "calm": "in service",
            "early": "not started",
            "gone": "out of service",
            "halted": "stopped",
            "held": "paused",
            "late": "over",
        }


class TestPassages:
    def test_sends_and_ends_are_told_by_stage(self, house: House) -> None:
        goal = {"event": "Complaint Raised", "within": "3 days"}
        stages = [
            {"stage": "purchase", "steps": [note(ref="first"), {"wait": "2 days"}]},
            {"stage": "loyalty", "steps": [note("push", ref="second"), {"wait": "2 days"}, note(ref="third")]},
        ]
        house.opens_with(campaign("shop", goal=goal, exit=["Checkout Started"], stages=stages))
        house.knows("alice", "bob", "carol")
        house.orders("alice", "bob", "carol")
        house.work()
        house.pass_time(DAY)
        house.happens("Checkout Started", "alice")
        house.pass_time(2 * DAY)
        house.happens("Complaint Raised", "bob", topic="t")
        house.pass_time(2 * DAY)
        with house.database.read() as tx:
            found = passages(tx, Standing(house.dangol), ["shop"])
        # Before the second stage began, alice still stood before it; carol went to the end.
        assert {stage: (one.sent, one.reached, one.finished, dict(one.left)) for stage, one in found.items()} == {
            "purchase": (3, 0, 0, {}),
            "loyalty": (3, 1, 1, {"exit_event": 1}),
        }

    def test_what_was_never_entered_has_no_passage(self, house: House) -> None:
        house.opens_with(campaign("shop"))
        with house.database.read() as tx:
            assert passages(tx, Standing(house.dangol), ["shop"]) == {}


def calendar(house: House, first: date = date(2026, 3, 1), length: int = 31) -> Calendar:
    return Calendar(first, length, "Asia/Seoul", house.clock.now())


def looked(house: House, *, first: date = date(2026, 3, 1)) -> dict[int, Day]:
    with house.database.read() as tx:
        services = Standing(house.dangol).services(tx)
        running = {key: one.campaign for key, one in services.items() if one.campaign is not None}
        versions = {key: one.version_id for key, one in services.items()}
        return {day.date.day: day for day in look_ahead(tx, running, calendar(house, first), versions).days}


def waiting(house: House, *wakes: datetime, status: str = "waiting") -> None:
    """Rows of journeys that wake then."""
    rows: list[dict[str, Any]] = [
        {
            "id": derive(at, str(number), status),
            "campaign_key": "shop",
            "version_id": "v",
            "profile_id": derive(at, str(number)),
            "entry_key": f"{status}{number}",
            "status": status,
            "position": "0.2",
            "wake_at": at,
            "entered_at": house.clock.now(),
        }
        for number, at in enumerate(wakes)
    ]
    with house.database.write() as tx:
        insert_many(tx, journeys, rows)


class TestAhead:
    """The clock stands at 10:00 on Monday 2 March 2026 in Seoul."""

    def test_waits_fall_on_the_workspaces_own_days(self, house: House) -> None:
        house.opens_with(campaign("shop"))
        midnight = datetime(2026, 3, 4, 15, tzinfo=UTC)  # of the fifth, in Seoul
        waiting(house, midnight - timedelta(microseconds=1), midnight, midnight + timedelta(hours=23, minutes=59))
        days = looked(house)
        assert {number: day.waits for number, day in days.items() if day.waits} == {
            4: {("shop", ""): 1},
            5: {("shop", ""): 2},
        }

    def test_a_wait_is_told_with_the_message_that_follows_for_certain(self, house: House) -> None:
        noted = {"set": {"vip": True}}
        split = {"split": {"copy": {"a": 50, "b": 50}}, "a": [note()], "b": []}
        house.opens_with(
            campaign("certain", {"wait": "1 day"}, noted, note("push")), campaign("open", {"wait": "1 day"}, split)
        )
        house.knows("alice")
        house.orders("alice")
        house.work()
        assert looked(house)[3].waits == {("certain", "note"): 1, ("open", ""): 1}
        house.opens_with(campaign("certain", {"wait": "1 day"}, note("push")), campaign("open"))
        assert looked(house)[3].waits == {("certain", ""): 1, ("open", ""): 1}  # on an earlier version

    def test_what_is_overdue_counts_as_todays_and_what_ended_not_at_all(self, house: House) -> None:
        house.opens_with(campaign("shop"))
        waiting(house, house.clock.now() - 40 * DAY, house.clock.now() - timedelta(seconds=1))
        waiting(house, house.clock.now() + DAY, status="ended")
        assert {number: day.waits for number, day in looked(house).items() if day.waits} == {2: {("shop", ""): 2}}

    def test_another_month_holds_only_its_own(self, house: House) -> None:
        house.opens_with(campaign("shop"))
        waiting(house, house.clock.now() - DAY, house.clock.now() + 35 * DAY, house.clock.now() + 70 * DAY)
        days = looked(house, first=date(2026, 4, 1))
        assert {number: day.waits for number, day in days.items() if day.waits} == {6: {("shop", ""): 1}}

    def test_planned_messages_are_counted_on_the_day_they_come_due(self, house: House) -> None:
        night = [{"from": "09:30", "to": "09:00"}]
        house.opens_with(campaign("shop"), policies={"quiet_hours": night}).knows("alice", "bob")
        house.orders("alice", "bob")
        house.work()
        assert [row.state for row in house.rows(messages)] == ["planned", "planned"]
        assert {number: day.due for number, day in looked(house).items() if day.due} == {3: {("shop", "note"): 2}}
        with house.database.read() as tx:
            assert due_ahead(tx, "shop", calendar(house)) == [(date(2026, 3, 3), "note", 2)]
            assert due_ahead(tx, "other", calendar(house)) == []

    def test_schedules_fire_at_their_time_and_only_in_their_season(self, house: House) -> None:
        house.opens_with(
            scheduled("noon", cron="0 12 * * MON"),
            scheduled("season", cron="0 9 * * *", starts="2026-03-30", ends="2026-04-02"),
            scheduled("often", cron="*/10 9 5 * *"),
        )
        days = looked(house)
        fired = {
            (number, one.campaign, f"{one.first:%H:%M}", one.times)
            for number, day in days.items()
            for one in day.firings
        }
        assert fired == {
            *((number, "noon", "12:00", 1) for number in (2, 9, 16, 23, 30)),
            *((number, "season", "09:00", 1) for number in (30, 31)),
            (5, "often", "09:00", 6),
        }
        assert days[30].starting == ["season"]
        assert looked(house, first=date(2026, 4, 1))[2].ending == ["season"]

    def test_a_schedule_by_the_recipients_clock_is_told_as_such(self, house: House) -> None:
        entry = {"schedule": "0 9 10 * *", "audience": "true", "timezone": "recipient"}
        house.opens_with(campaign("morning", entry=entry))
        (firing,) = looked(house)[10].firings
        assert (f"{firing.first:%H:%M}", firing.everywhere) == ("09:00", True)

    def test_what_has_fired_stays_on_its_day(self, house: House) -> None:
        house.opens_with(scheduled("noon", cron="0 12 * * *")).knows("alice")
        house.pass_time(2 * DAY)
        days = looked(house)
        assert [(one.past, f"{one.first:%H:%M}") for one in days[2].firings] == [(True, "12:00")]
        assert [one.past for one in days[4].firings] == [False]

    def test_steps_are_told_for_one_campaign(self, house: House) -> None:
        house.opens_with(campaign("shop"))
        waiting(house, house.clock.now() + DAY, house.clock.now() + DAY)
        with house.database.read() as tx:
            (step,) = steps_ahead(tx, "shop", calendar(house))
            assert steps_ahead(tx, "other", calendar(house)) == []
        assert (step.date, step.position, step.people) == (date(2026, 3, 3), "0.2", 2)

    def test_no_more_rows_are_counted_than_is_said(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        house.opens_with(campaign("shop"))
        waiting(house, *(house.clock.now() + DAY * number for number in range(1, 6)))
        monkeypatch.setattr(ahead, "COUNTED", 3)
        with house.database.read() as tx:
            found = look_ahead(tx, {}, calendar(house), {})
        assert found.cut
        assert [day.date.day for day in found.days if day.waits] == [3, 4, 5]


def test_no_page_reads_a_growing_table_without_an_index(
    sqlite_database: Database, clock: VirtualClock, entropy: SeededEntropy, tmp_path: Path
) -> None:
    url = sqlite_database.url.render_as_string(hide_password=False)
    with Dangol(settings(url, tmp_path), clock=clock, entropy=entropy) as dangol:
        house = House(dangol, clock, FakeProvider(), tmp_path)
        house.opens_with(campaign("shop", *WAITS), scheduled("noon")).knows("alice")
        house.orders("alice")
        house.work()
        asked: list[tuple[str, Any]] = []
        event.listen(
            dangol.database.engine, "before_cursor_execute", lambda _c, _k, said, given, *_: asked.append((said, given))
        )
        measured(house, RECOVERED)
        looked(house)
        with dangol.database.read() as tx:
            standing = Standing(dangol)
            standing.people(tx, "shop", "v")
            standing.on_their_way(tx, ["noon", "shop"])
            standing.numbers(tx, ["noon", "shop"])
            passages(tx, standing, ["noon", "shop"])
            steps_ahead(tx, "shop", calendar(house))
            due_ahead(tx, "shop", calendar(house))
        statements = [(said, given) for said, given in asked if said.startswith("SELECT")]
        assert len(statements) > 10
        with dangol.database.read() as tx:
            for said, given in statements:
                plan = [row[3] for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {said}", given)]
                scans = [step for step in plan if step.startswith("SCAN ") and "USING" not in step]
                grown = {f"SCAN {name}" for name in ("journeys", "messages", "log", "events", "first", "then_")}
                assert not grown & set(scans), (said, plan)


def test_the_manual_tells_the_bounds() -> None:
    page = (Path(__file__).parents[3] / "docs/journey-map.md").read_text(encoding="utf-8")
    assert f"more than {measures.SAMPLE:,} people" in page
    assert f"{measures.COHORT.days} days that ended" in page
    assert f"latest {LATEST_ENTRIES:,} log entries" in page
    assert f"earliest {ahead.COUNTED:,} waits" in page
