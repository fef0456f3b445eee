"""A new sender sends so many messages a day; what is over waits for the next day, evenly, and never past its expiry."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dangol.model.facts import Defer, Suppress
from dangol.model.restraint import WarmUp
from dangol.model.vocabulary import Channel, Reason
from dangol.policy.warm_up import Place, running, until_tomorrow
from tests.unit.policy.builders import message

SEOUL = ZoneInfo("Asia/Seoul")
FIRST = date(2026, 12, 1)
MIDNIGHT = datetime(2026, 12, 1, 15, 0, tzinfo=UTC)
"""The end of the first day in Seoul."""
DAY = timedelta(days=1)
PLACE = Place(Channel.EMAIL, "", FIRST)


def plan(**fields: Any) -> WarmUp:
    return WarmUp.model_validate({"channel": "email", "starts": "2026-12-01", "per_day": [500, 1000], **fields})


def counted(one: WarmUp, at: datetime, sender: str = "news@brand.example", channel: Channel = Channel.EMAIL) -> Any:
    return list(running([one], channel, sender, at, SEOUL))


def waits(journey: str = "j", day: date = FIRST, expires_at: datetime | None = None) -> Defer | Suppress:
    place = Place(Channel.EMAIL, "", day)
    return until_tomorrow(message(journey_id=journey, expires_at=expires_at), place, 500, 500, SEOUL)


def test_each_day_of_the_workspace_has_its_number_and_after_the_last_any_goes() -> None:
    numbers = [counted(plan(), MIDNIGHT + n * DAY - timedelta(seconds=1)) for n in range(-1, 3)]
    assert numbers == [
        [],
        [(PLACE, 500)],
        [(Place(Channel.EMAIL, "", FIRST + DAY), 1000)],
        [],
    ]
    assert counted(plan(), MIDNIGHT) == [(Place(Channel.EMAIL, "", FIRST + DAY), 1000)]


def test_a_plan_counts_its_own_sender_however_that_is_spelt() -> None:
    one = plan(sender="News@Brand.example")
    assert [place.sender for place, _ in counted(one, MIDNIGHT - DAY)] == ["news@brand.example"]
    assert counted(one, MIDNIGHT - DAY, "hello@brand.example") == []
    assert counted(one, MIDNIGHT - DAY, channel=Channel.SMS) == []


def test_what_waits_goes_on_at_an_instant_of_its_journey_within_the_next_day() -> None:
    instants = [one.until for n in range(200) if isinstance(one := waits(f"j{n}"), Defer)]
    assert all(MIDNIGHT <= one < MIDNIGHT + DAY for one in instants)
    halves = sum(one < MIDNIGHT + DAY / 2 for one in instants)
    assert 70 < halves < 130
    assert waits("j7") == waits("j7")


def test_who_is_late_on_one_day_is_not_always_late() -> None:
    shares = {(one.until - MIDNIGHT) % DAY for n in range(5) if isinstance(one := waits(day=FIRST + n * DAY), Defer)}
    assert len(shares) == 5


def test_nothing_waits_past_its_expiry() -> None:
    end = MIDNIGHT + timedelta(hours=2)
    instants = [one.until for n in range(50) if isinstance(one := waits(f"j{n}", expires_at=end), Defer)]
    assert len(instants) == 50
    assert all(MIDNIGHT <= one < end for one in instants)


@pytest.mark.parametrize("early", [timedelta(), timedelta(hours=3)])
def test_what_expires_before_the_next_day_is_refused_at_once(early: timedelta) -> None:
    verdict = waits(expires_at=MIDNIGHT - early)
    assert isinstance(verdict, Suppress)
    assert verdict.reason is Reason.WARM_UP_OUTLASTS_EXPIRY
    assert verdict.final


def test_the_evidence_says_whose_day_was_full() -> None:
    verdict = waits()
    told = {name: verdict.evidence[name] for name in ("sender", "day", "taken")}
    assert told == {"sender": "email", "day": "2026-12-01", "taken": "500/500"}
