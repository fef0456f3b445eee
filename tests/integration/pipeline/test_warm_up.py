"""A new sender sends so many messages a day, all workers together, and the rest waits for the next day."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest

from dangol.delivery.provider import NothingSent
from dangol.model.message import Refused, Unknown
from dangol.store.tables import warm_ups
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NOON = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
PEOPLE = [f"p{n}" for n in range(6)]


def warm_up(*per_day: int, **others: Any) -> dict[str, Any]:
    return {"warm_up": [{"channel": "email", "starts": "2026-03-02", "per_day": list(per_day), **others}]}


def opens(house: House, *per_day: int, steps: Any = (), plan: Any = None, **others: Any) -> House:
    """At noon of the plan's first day in Seoul, everyone of six customers having agreed to all."""
    house.clock.move_to(NOON - HOUR)
    house.opens_with(campaign("a", *steps, **others), policies=warm_up(*per_day, **(plan or {}))).knows(*PEOPLE)
    house.clock.move_to(NOON)
    return house


def orders(house: House, *names: str) -> None:
    house.orders(*(names or PEOPLE), order_id="A-7", value=3)
    house.work()


def counted(house: House) -> list[tuple[str, str, int]]:
    return [(row.sender, row.day.isoformat(), row.taken) for row in house.rows(warm_ups)]


def test_no_more_than_the_days_number_goes_out(house: House) -> None:
    orders(opens(house, 2, 3))
    assert len(house.sent) == 2
    assert [row.reason for row in house.messages].count("warming_up") == 4
    assert counted(house) == [("", "2026-03-02", 2)]


def test_the_rest_waits_for_instants_of_the_next_day(house: House) -> None:
    orders(opens(house, 2, 3))
    instants = [row.due_at for row in house.messages if row.reason == "warming_up"]
    assert all(MIDNIGHT <= at < MIDNIGHT + DAY for at in instants)
    assert len(set(instants)) == 4
    house.pass_time(MIDNIGHT - NOON + DAY)
    assert len(house.sent) == 2 + 3


def test_after_the_last_day_any_number_goes_out(house: House) -> None:
    orders(opens(house, 1))
    house.pass_time(MIDNIGHT - NOON + DAY)
    assert len(house.sent) == len(PEOPLE)


def test_the_log_tells_whose_day_was_full(house: House) -> None:
    orders(opens(house, 5))
    (entry,) = house.log("message_deferred")
    told = {name: entry.evidence[name] for name in ("sender", "day", "taken")}
    assert told == {"sender": "email", "day": "2026-03-02", "taken": "5/5"}


def test_what_is_transactional_passes_and_counts(house: House) -> None:
    orders(opens(house, 2, steps=[{"send": "receipt", "channels": ["email"]}], purpose="transactional"))
    assert len(house.sent) == len(PEOPLE)
    assert counted(house) == [("", "2026-03-02", 6)]


def test_it_does_not_go_on_another_channel_instead(house: House) -> None:
    orders(opens(house, 2, steps=[note("email", "sms")]))
    assert {channel for channel, _ in house.sent} == {"email"}


def test_another_channel_is_not_held_back(house: House) -> None:
    orders(opens(house, 2, steps=[note("sms")]))
    assert len(house.sent) == len(PEOPLE)


def test_only_the_new_sender_is_counted(house: House) -> None:
    orders(opens(house, 2, plan={"sender": "HELLO@dangol.example"}))
    assert len(house.sent) == 2
    assert counted(house) == [("hello@dangol.example", "2026-03-02", 2)]


def test_what_expires_today_is_refused(house: House) -> None:
    orders(opens(house, 5, steps=[note(expires_after="6 hours")]))
    assert house.told("message_suppressed") == [("message_suppressed", "warm_up_outlasts_expiry")]


@pytest.mark.parametrize(
    ("answer", "taken"),
    [
        (Refused(True, "no such mailbox"), 5),
        (Refused(False, "busy", retry_after=HOUR), 5),
        (NothingSent(), 5),
        (Unknown("timeout"), 6),
    ],
)
def test_a_refusal_gives_its_place_back_and_doubt_does_not(house: House, answer: Any, taken: int) -> None:
    opens(house, 10).carrier.script("p5@example.com", answer)
    for name in PEOPLE:
        orders(house, name)
    assert counted(house) == [("", "2026-03-02", taken)]


def test_a_place_that_was_given_back_is_taken_by_the_next(house: House) -> None:
    opens(house, 1).carrier.script("p0@example.com", Refused(True, "no such mailbox"))
    orders(house, "p0")
    orders(house, "p1")
    orders(house, "p2")
    assert [to for _, to in house.sent] == ["p1@example.com"]


def test_many_workers_together_never_exceed_it(house: House) -> None:
    opens(house, 10)
    for _ in range(5):
        house.orders(*PEOPLE)
    ids = list(house.sweeper.sweep().messages)
    batches = [ids[start : start + 3] for start in range(0, len(ids), 3)]
    together = Barrier(4)

    def work(share: list[list[str]]) -> None:
        together.wait(timeout=30)
        for batch in share:
            house.pipeline.deliver(batch)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, [batches[n::4] for n in range(4)]))
    assert len(house.carrier.handed_over) == 10
    assert counted(house) == [("", "2026-03-02", 10)]


def test_with_a_part_of_the_people_goes_that_part_of_the_number(house: House) -> None:
    opens(house, 7)
    house.pipeline.warm_up_slice = (0.5, 1.0)
    orders(house)
    assert len(house.sent) == 4
