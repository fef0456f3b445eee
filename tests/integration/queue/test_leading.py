"""One scheduler leads at a time, whatever the machines' clocks say; what a deposed one still does, harms nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from dangol.bootstrap import Dangol
from dangol.clock import Clock, SystemClock, VirtualClock
from dangol.ids import SeededEntropy
from dangol.model.vocabulary import Channel
from dangol.queue.scheduler import LEASE, Scheduler
from dangol.settings import Settings
from dangol.store.database import Database
from dangol.store.housekeeping import lease_holder, shared_now
from dangol.store.tables import schedule_runs
from dangol.sweeper import Due
from dangol.testing import FakeProvider
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note, scheduled

MINUTE = timedelta(minutes=1)
Machine = Callable[[Clock], Dangol]


class Skewed(SystemClock):
    """The clock of a machine that goes wrong by so much."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return super().now() + self._by


@pytest.fixture
def machine(database: Database, tmp_path: Path) -> Iterator[Machine]:
    """Opens the installation once more, as another process would."""
    settings = Settings(
        _env_file=None,
        home=tmp_path,
        database_url=database.url.render_as_string(hide_password=False),
        batch_size=10,
        secret_key=SecretStr("s"),
    )
    carrier = FakeProvider()
    with ExitStack() as opened:

        def another(clock: Clock) -> Dangol:
            providers = dict.fromkeys(Channel, carrier)
            more = Dangol(settings, clock=clock, entropy=SeededEntropy("m"), providers=providers, workers=True)
            return opened.enter_context(more)

        yield another


def _scheduler(machine: Dangol, name: str) -> Scheduler:
    assert machine.actors is not None
    return Scheduler(
        machine.sweeper,
        machine.actors,
        machine.duties,
        machine.retention,
        machine.lookups,
        holder=name,
        tick=timedelta(seconds=1),
    )


@pytest.mark.parametrize("database", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
@pytest.mark.parametrize("skew", [-1440 * MINUTE, -MINUTE, -MINUTE / 9, MINUTE / 9, MINUTE, 1440 * MINUTE])
def test_who_leads_goes_on_leading_beside_a_machine_whose_clock_is_wrong(machine: Machine, skew: timedelta) -> None:
    right, wrong = _scheduler(machine(SystemClock()), "right"), _scheduler(machine(Skewed(skew)), "wrong")
    assert [(right.tick(), wrong.tick()) for _ in range(5)] == [(True, False)] * 5


@pytest.mark.parametrize("database", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_a_leader_whose_clock_is_wrong_leads_alone_and_is_followed_when_it_stops(machine: Machine) -> None:
    wrong, right = _scheduler(machine(Skewed(60 * MINUTE)), "wrong"), _scheduler(machine(SystemClock()), "right")
    assert [(wrong.tick(), right.tick()) for _ in range(5)] == [(True, False)] * 5
    wrong.stop()
    wrong.run()
    assert right.tick()


def test_time_is_the_servers_where_machines_share_one(machine: Machine, database: Database) -> None:
    far = Skewed(24 * 60 * MINUTE)
    with database.read() as tx:
        told = shared_now(tx, far)
        expected = datetime.now(UTC) if database.is_postgresql else far.now()
        assert abs(told - expected) < MINUTE
        virtual = VirtualClock(datetime(2026, 3, 2, tzinfo=UTC))
        assert shared_now(tx, virtual) == virtual.now()


def test_nobody_leads_in_the_time_of_another(machine: Machine, clock: VirtualClock, database: Database) -> None:
    """At most one in every lease period, whoever asks first after it ran out."""
    one, two = _scheduler(machine(clock), "one"), _scheduler(machine(clock), "two")
    led = []
    for step in range(30):
        first, second = ((one, "one"), (two, "two")) if step % 7 else ((two, "two"), (one, "one"))
        led.append([name for scheduler, name in (first, second) if scheduler.tick()])
        with database.read() as tx:
            assert lease_holder(tx, LEASE, clock.now()) == led[-1][0]
        clock.advance(timedelta(seconds=3 if step % 5 else 11))
    assert all(len(who) == 1 for who in led)
    assert {who[0] for who in led} == {"one", "two"}


@pytest.fixture
def shop(machine: Machine, clock: VirtualClock, tmp_path: Path) -> House:
    dangol = machine(clock)
    house = House(dangol, clock, dangol.providers[Channel.EMAIL][0], tmp_path)  # type: ignore[arg-type]
    house.opens_with(scheduled("letter"), campaign("cart", {"wait": "1 hour"}, note()))
    house.pipeline.wake = None
    house.knows("ana", "ben", "cho").orders("ana", "ben", "cho")
    house.sleep(2 * 60 * MINUTE)
    return house


def _both_sweep(shop: House, machine: Machine) -> tuple[Due, Due]:
    """Two schedulers at once: one leads, and one was deposed while it was at work and does not know it yet."""
    deposed = machine(shop.clock)
    with ThreadPoolExecutor(2) as at_once:
        return tuple(at_once.map(lambda sweeper: sweeper.sweep(), (shop.sweeper, deposed.sweeper)))  # type: ignore[return-value]


def test_what_is_due_is_told_once_by_two_who_think_they_lead(shop: House, machine: Machine) -> None:
    shop.pass_time(timedelta())
    shop.orders("ana", "ben", "cho")
    shop.sleep(61 * MINUTE)
    one, two = _both_sweep(shop, machine)
    assert len({*one.journeys, *two.journeys}) == len(one.journeys) + len(two.journeys) == 3
    shop.pipeline.plan([*one.journeys, *two.journeys])
    one, two = _both_sweep(shop, machine)
    assert len({*one.messages, *two.messages}) == len(one.messages) + len(two.messages) == 3


def test_a_schedule_fires_once_for_two_who_think_they_lead(shop: House, machine: Machine) -> None:
    shop.sleep(timedelta(hours=3))
    one, two = _both_sweep(shop, machine)
    assert len(shop.rows(schedule_runs)) == 1
    assert len(one.runs) + len(two.runs) == 1
    assert len(shop.log("schedule_fired")) == 1


def test_a_hand_over_that_was_lost_is_given_up_once_by_two_who_think_they_lead(shop: House, machine: Machine) -> None:
    shop.work()
    with shop.database.write() as tx:
        tx.exec_driver_sql("UPDATE messages SET state = 'sending', lease_until = planned_at")
    _both_sweep(shop, machine)
    given_up = shop.log("message_unknown")
    assert len(given_up) == len(shop.messages) == len({entry.message_id for entry in given_up}) > 0


def test_messages_told_by_both_go_out_once(shop: House, machine: Machine) -> None:
    shop.pipeline.plan(shop.sweeper.sweep().journeys)
    due = shop.sweeper.sweep().messages
    deposed = machine(shop.clock)
    assert shop.pipeline.deliver(due) == 3
    assert deposed.pipeline.deliver(due) == 0
    assert len(shop.sent) == 3


def test_duties_are_raised_once_by_two_who_think_they_lead(machine: Machine, shop: House) -> None:
    deposed = machine(shop.clock)
    shop.dangol.duties.run()
    before = shop.log()
    deposed.duties.run()
    assert shop.log() == before
