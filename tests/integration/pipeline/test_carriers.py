"""Carriers that are away: messages wait without losing an attempt, in every process, and come back by themselves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import Connection

from dangol.batch.carriers import TRIAL, Carriers
from dangol.bootstrap import Dangol
from dangol.delivery.dispatch import Dispatcher
from dangol.delivery.provider import NothingSent
from dangol.delivery.standing import FAILING
from dangol.model.message import Accepted, Envelope, Outcome, Refused, Unknown
from dangol.model.vocabulary import Channel
from dangol.store import carriers as carrier_rows
from dangol.store.database import Database
from dangol.testing import FakeProvider
from tests.integration.pipeline.conftest import settings
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note

MINUTE, HALF = timedelta(minutes=1), timedelta(seconds=30)
PEOPLE = ["kim", "lee", "park", "choi"]


@pytest.fixture
def shop(house: House) -> House:
    return house.opens_with(campaign("a", note("email", expires_after="1 hour"))).knows(*PEOPLE)


def away(house: House) -> list[tuple[str, str, int]]:
    with house.database.read() as tx:
        return [(row.name, row.why, row.failures) for row in carrier_rows.standing(tx)]


def fails_for(shop: House, *names: str) -> None:
    """One hand-over each, of which nothing comes."""
    for name in names:
        shop.carrier.script(f"{name}@example.com", NothingSent())
        shop.orders(name)
        shop.work()


def test_after_three_failures_in_a_row_messages_wait_without_an_attempt(shop: House) -> None:
    fails_for(shop, "kim", "lee", "park")
    assert away(shop) == [("fake", FAILING, 3)]
    shop.orders("choi")
    shop.work()
    (row,) = [row for row in shop.messages if row.profile_id == shop.id_of("choi")]
    assert (row.state, row.reason, row.attempt, row.channel) == ("planned", "carrier_away", 0, None)
    assert HALF <= row.due_at - shop.clock.now() <= 2 * HALF
    assert shop.told("message_deferred", profile_id=row.profile_id) == [("message_deferred", "carrier_away")]


def test_they_come_back_by_themselves_and_the_carrier_is_well_again(shop: House) -> None:
    fails_for(shop, "kim", "lee", "park")
    shop.orders("choi")
    shop.pass_time(10 * MINUTE)
    assert {row.state for row in shop.messages} == {"accepted"}
    assert away(shop) == []


def test_what_a_carrier_asks_for_holds_for_all_its_messages(shop: House) -> None:
    shop.carrier.script("kim@example.com", Refused(False, "busy", retry_after=5 * MINUTE))
    shop.orders("kim", "lee")
    shop.work()
    shop.orders("park")
    shop.work()
    assert sorted(row.reason for row in shop.messages) == ["accepted_by_provider", "carrier_away", "provider_busy"]
    shop.pass_time(4 * MINUTE)
    assert len(shop.sent) == 1
    shop.pass_time(2 * MINUTE)
    assert len(shop.sent) == 3


def test_another_process_knows_what_this_one_learned(shop: House) -> None:
    fails_for(shop, "kim", "lee", "park")
    other = Dispatcher({Channel.EMAIL: shop.carrier}, shop.clock)
    assert other.away(Channel.EMAIL, shop.clock.now()) is None
    with shop.database.read() as tx:
        Carriers(other).hear(tx)
    assert other.away(Channel.EMAIL, shop.clock.now()) is not None


def test_nobody_waits_beyond_the_end_of_a_message(house: House) -> None:
    shop = house.opens_with(campaign("a", note("email", expires_after="10 seconds"))).knows(*PEOPLE)
    fails_for(shop, "kim", "lee", "park")
    shop.orders("choi")
    shop.pass_time(MINUTE)
    (row,) = [row for row in shop.messages if row.profile_id == shop.id_of("choi")]
    assert row.state == "expired"


def test_one_carrier_stands_in_for_another_and_the_log_says_so(shop: House) -> None:
    spare = FakeProvider(channels=[Channel.EMAIL])
    spare.name = "spare"
    shop.pipeline.dispatcher = Dispatcher({Channel.EMAIL: [shop.carrier, spare]}, shop.clock)
    shop.carrier.script("kim@example.com", NothingSent())
    spare.script("kim@example.com", Accepted("s-1"))
    shop.orders("kim")
    shop.work()
    (row,) = shop.messages
    assert (row.state, row.provider, row.provider_reference, row.attempt) == ("accepted", "spare", "s-1", 1)
    (entry,) = shop.log("message_accepted")
    assert entry.evidence["tried"] == ["fake: fake was not reached"]


# The trial: after the pause one worker tries with a few messages, and everybody else holds back until it is answered.

CROWD = [f"c{number}" for number in range(12)]
LEASE = timedelta(minutes=10)
"""That of a hand-over."""


@pytest.fixture
def other(shop: House, tmp_path: Path) -> Iterator[House]:
    """A second process on the same database, with nothing else in common."""
    carrier = FakeProvider()
    with Dangol(
        settings(shop.database.url.render_as_string(hide_password=False), tmp_path),
        clock=shop.clock,
        providers=dict.fromkeys(Channel, carrier),
    ) as opened:
        yield House(opened, shop.clock, carrier, tmp_path)


def hears_at_once(*houses: House) -> None:
    """No second of the real clock goes by in a test, and a process looks into the database once a second."""
    for house in houses:
        seconds = count(step=10)
        house.pipeline.carriers = Carriers(house.pipeline.dispatcher, stopwatch=lambda beat=seconds: float(next(beat)))


def pause_is_over(shop: House, *houses: House, carrier: str = "fake") -> list[str]:
    """The carrier failed three times, half a minute ago, and messages to a crowd are due. Returns their ids."""
    with shop.database.write() as tx:
        now = shop.clock.now()
        carrier_rows.leave_alone(tx, carrier, now + HALF, FAILING, 3, now=now)
    shop.sleep(HALF)
    hears_at_once(shop, *houses)
    shop.knows(*CROWD).orders(*CROWD)
    return list(shop.sweeper.sweep().messages)


def test_after_the_pause_a_few_messages_try_the_carrier_and_the_others_wait_for_the_answer(shop: House) -> None:
    ids = pause_is_over(shop)
    assert shop.pipeline.deliver(ids) == TRIAL
    assert len(shop.carrier.calls) == 1
    waiting = [row for row in shop.messages if row.state == "planned"]
    assert len(waiting) == len(CROWD) - TRIAL
    assert {(row.reason, row.attempt) for row in waiting} == {("carrier_away", 0)}
    assert all(row.due_at - shop.clock.now() <= 2 * HALF for row in waiting)
    assert away(shop) == [], "it was answered, and all may give it messages again"
    shop.pass_time(MINUTE)
    assert {row.state for row in shop.messages} == {"accepted"}


def test_of_two_processes_one_tries_and_the_other_holds_back(shop: House, other: House) -> None:
    ids = pause_is_over(shop, other)
    asked, answer = threading.Event(), threading.Event()

    def slowly(envelope: Envelope) -> Outcome:
        asked.set()
        assert answer.wait(30)
        return Accepted(envelope.message_id)

    shop.carrier._answer = slowly
    with ThreadPoolExecutor(1) as process:
        first = process.submit(shop.pipeline.deliver, ids[:6])
        assert asked.wait(30)
        assert other.pipeline.deliver(ids[6:]) == 0, "the trial is under way"
        answer.set()
        assert first.result(30) == TRIAL
    shop.sleep(MINUTE)
    assert other.pipeline.deliver(ids) == len(CROWD) - TRIAL, "it was answered, and nobody holds back any more"


def test_both_at_once_do_not_both_try(shop: House, other: House) -> None:
    ids = pause_is_over(shop, other)
    together, held_back = threading.Barrier(2), threading.Event()

    def slowly(envelope: Envelope) -> Outcome:
        assert held_back.wait(30), "nobody held back"
        return Accepted(envelope.message_id)

    def deliver(house: House, mine: list[str]) -> int:
        house.carrier._answer = slowly
        together.wait(30)
        done = house.pipeline.deliver(mine)
        if not done:
            held_back.set()
        return done

    with ThreadPoolExecutor(2) as processes:
        done = list(processes.map(deliver, [shop, other], [ids[:6], ids[6:]]))
    assert sorted(done) == [0, TRIAL]


def test_a_trial_that_fails_opens_it_again_for_longer_and_for_all(shop: House, other: House) -> None:
    ids = pause_is_over(shop, other)
    shop.carrier._answer = lambda _: Refused(False, "busy")
    shop.pipeline.deliver(ids[:6])
    assert away(shop) == [("fake", FAILING, 4)]
    with shop.database.read() as tx:
        (row,) = carrier_rows.standing(tx)
    assert (row.away_until, row.tried_until) == (shop.clock.now() + MINUTE, None)
    shop.sleep(HALF)
    assert other.pipeline.deliver(ids) == 0
    shop.sleep(MINUTE)
    assert other.pipeline.deliver(ids) == TRIAL, "the next trial is anybody's"


class PulledPlug(BaseException):
    pass


def test_whoever_dies_in_a_trial_holds_the_carrier_for_no_longer_than_the_lease(shop: House, other: House) -> None:
    def dies(_: Envelope) -> Outcome:
        raise PulledPlug

    ids = pause_is_over(shop, other)
    shop.carrier._answer = dies
    with pytest.raises(PulledPlug):
        shop.pipeline.deliver(ids[:6])
    shop.sleep(MINUTE)
    assert other.pipeline.deliver(ids) == 0, "nobody can tell that it is dead"
    shop.sleep(shop.dangol.timing.send_lease)
    other.sweeper.sweep()
    assert other.pipeline.deliver(ids) == TRIAL
    assert sorted(row.state for row in shop.messages).count("unknown") == TRIAL, "never sent again"
    assert away(shop) == []


def test_what_is_not_sent_after_all_tries_nobody_and_holds_nobody_up(shop: House, other: House) -> None:
    ids = pause_is_over(shop, other)
    for name in CROWD[:6]:
        shop.withdraws(name)
    refused = [row.id for row in shop.messages if row.profile_id in {shop.id_of(name) for name in CROWD[:6]}]
    assert shop.pipeline.deliver(refused) == 0
    assert other.pipeline.deliver(ids) == TRIAL


def test_what_never_reached_the_carrier_ends_the_trial_as_well(shop: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = pause_is_over(shop)
    monkeypatch.setattr("dangol.delivery.dispatch.too_late", lambda *_: True)
    assert shop.pipeline.deliver(ids) == TRIAL
    with shop.database.read() as tx:
        (row,) = carrier_rows.standing(tx)
    assert (row.failures, row.tried_until) == (3, None)


@pytest.mark.parametrize(
    ("answer", "by_spare"),
    [(Accepted(), len(CROWD) - TRIAL), (Refused(False, "busy"), len(CROWD)), (Unknown("?"), len(CROWD) - TRIAL)],
    ids=repr,
)
def test_while_one_is_tried_another_stands_in_for_the_rest(shop: House, answer: Outcome, by_spare: int) -> None:
    spare = FakeProvider(name="spare", channels=[Channel.EMAIL])
    shop.pipeline.dispatcher = Dispatcher({Channel.EMAIL: [shop.carrier, spare]}, shop.clock)
    ids = pause_is_over(shop)
    shop.carrier._answer = lambda _: answer
    assert shop.pipeline.deliver(ids) == len(CROWD)
    assert (len(shop.carrier.handed_over), len(spare.handed_over)) == (TRIAL, by_spare)
    doubtful = {row.id for row in shop.messages if row.state == "unknown"}
    assert len(doubtful) == (TRIAL if isinstance(answer, Unknown) else 0)
    assert doubtful.isdisjoint(one.message_id for one in spare.handed_over)


def test_while_all_are_well_nothing_more_is_asked_of_the_database(shop: House) -> None:
    trial = shop.pipeline.carriers.trial(cast(Connection, None), [], shop.clock.now(), shop.clock.now())
    trial.write(cast(Connection, None), [])
    trial.end(cast(Connection, None))
    assert trial.open == frozenset()


def test_a_carrier_on_trial_goes_to_one_transaction_and_nobody_waits_for_it(database: Database, shop: House) -> None:
    now = shop.clock.now()
    with database.write() as tx:
        for name, why, until in (("a", FAILING, now), ("b", FAILING, now + HALF), ("c", "busy", now)):
            carrier_rows.leave_alone(tx, name, until, why, 3, now=now)
    asked = (["a", "b", "c", "d"], FAILING, now)
    with database.write() as tx:
        assert carrier_rows.begin_trials(tx, *asked, now + LEASE) == {"a"}
        if database.is_postgresql:
            with database.write() as beside:
                assert carrier_rows.begin_trials(beside, *asked, now + LEASE) == set()
    with database.write() as tx:
        assert carrier_rows.begin_trials(tx, *asked, now + LEASE + HALF) == set()
        carrier_rows.end_trials(tx, ["a"], now + LEASE + HALF)
        assert carrier_rows.begin_trials(tx, *asked, now + LEASE + HALF) == set(), "somebody else's trial goes on"
        carrier_rows.end_trials(tx, ["a"], now + LEASE)
        assert carrier_rows.begin_trials(tx, *asked, now + LEASE + HALF) == {"a"}
