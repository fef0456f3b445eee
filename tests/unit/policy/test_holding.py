"""Complaints, pauses and the spread: what waits, for how long, and when it goes on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dangol.model.facts import Allow, Case, Defer, Suppress
from dangol.model.people import Event, Preferences
from dangol.model.restraint import Hold
from dangol.model.vocabulary import Channel, Purpose, Reason
from dangol.policy.gate import decide
from dangol.policy.hold import hold, open_cases
from dangol.policy.pause import pause
from dangol.policy.spread import share
from tests.unit.policy.builders import NOON, facts, message, quiet, rulebook

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EMAIL = Channel.EMAIL
NIGHT = quiet("21:00", "08:00")
MIDNIGHT, MORNING = NOON + 12 * HOUR, NOON + 20 * HOUR


def complaints(**changes: Any) -> Hold:
    return Hold.model_validate(
        {"key": "complaint", "opens": "Raised", "closes": ["Resolved"], "case": "case_id", **changes}
    )


def happened(*told: tuple[str, timedelta, str | None]) -> list[Event]:
    return [
        Event(f"{index}", "p", name, {} if case is None else {"case_id": case}, NOON + at)
        for index, (name, at, case) in enumerate(told)
    ]


def cases(*told: tuple[str, timedelta, str | None], at: datetime = NOON, **changes: Any) -> list[Case]:
    return list(open_cases([complaints(**changes)], happened(*told), at))


class TestCases:
    def test_a_case_is_open_from_the_complaint_to_its_end_at_the_latest(self) -> None:
        raised = ("Raised", -DAY, "a")
        assert cases(raised) == [Case("complaint", NOON - DAY, NOON + 29 * DAY)]
        assert cases(raised, at=NOON + 29 * DAY) == []
        assert cases(raised, at=NOON - DAY - HOUR) == []

    def test_it_ends_when_it_is_closed_and_the_person_is_left_alone_a_while_longer(self) -> None:
        told = ("Raised", -DAY, "a"), ("Resolved", -HOUR, "a")
        assert cases(*told) == []
        assert cases(*told, resume_after="1 day") == [Case("complaint", NOON - DAY, NOON + 23 * HOUR)]

    def test_another_case_stays_open(self) -> None:
        told = ("Raised", -2 * DAY, "a"), ("Raised", -DAY, "b"), ("Resolved", -HOUR, "a")
        assert [case.opened_at for case in cases(*told)] == [NOON - DAY]

    def test_without_a_property_a_closing_event_closes_every_case(self) -> None:
        told = ("Raised", -2 * DAY, "a"), ("Raised", -DAY, "b"), ("Resolved", -HOUR, "c")
        assert len(cases(*told)) == 2
        assert cases(*told, case=None) == []

    def test_one_that_is_closed_may_be_opened_again(self) -> None:
        told = ("Raised", -3 * DAY, "a"), ("Resolved", -2 * DAY, "a"), ("Raised", -DAY, "a")
        assert [case.opened_at for case in cases(*told)] == [NOON - DAY]

    def test_raised_again_while_open_it_is_the_same_case(self) -> None:
        told = ("Raised", -3 * DAY, "a"), ("Raised", -DAY, "a")
        assert [case.opened_at for case in cases(*told)] == [NOON - 3 * DAY]

    def test_what_was_closed_before_it_was_raised_stays_open(self) -> None:
        assert len(cases(("Resolved", -2 * DAY, "a"), ("Raised", -DAY, "a"))) == 1

    @pytest.mark.parametrize("case", [None, "a"])
    def test_what_names_no_case_is_closed_by_what_names_none(self, case: str | None) -> None:
        told = ("Raised", -DAY, None), ("Resolved", -HOUR, case)
        assert (cases(*told) == []) is (case is None)


class TestHold:
    OPEN = (Case("complaint", NOON - DAY, NOON + DAY), Case("complaint", NOON - HOUR, NOON + 2 * DAY))

    def test_marketing_waits_for_the_end_of_the_last_case(self) -> None:
        verdict = hold(facts(cases=self.OPEN), EMAIL, rulebook(holds=[complaints()]))
        assert isinstance(verdict, Defer)
        assert (verdict.until, verdict.reason, verdict.evidence["hold"]) == (
            NOON + 2 * DAY,
            Reason.CASE_OPEN,
            "complaint",
        )

    def test_but_not_beyond_its_own_time(self) -> None:
        world = facts(message(expires_at=NOON + HOUR), cases=self.OPEN)
        verdict = hold(world, EMAIL, rulebook(holds=[complaints()]))
        assert isinstance(verdict, Defer)
        assert verdict.until == NOON + HOUR

    def test_or_is_dropped_where_the_workspace_says_so(self) -> None:
        verdict = hold(facts(cases=self.OPEN), EMAIL, rulebook(holds=[complaints(during="drop")]))
        assert isinstance(verdict, Suppress)
        assert (verdict.reason, verdict.final) == (Reason.CASE_OPEN, True)

    def test_other_purposes_go_out(self) -> None:
        world = facts(message(purpose=Purpose.SERVICE), cases=self.OPEN)
        assert isinstance(hold(world, EMAIL, rulebook(holds=[complaints()])), Allow)
        assert isinstance(hold(world, EMAIL, rulebook(holds=[complaints(purposes=["service"])])), Defer)


class TestPause:
    UNTIL = NOON + DAY

    def test_marketing_waits_until_the_pause_ends(self) -> None:
        verdict = pause(facts(preferences=Preferences(self.UNTIL)), EMAIL, rulebook())
        assert verdict == Defer(self.UNTIL, Reason.PAUSED_BY_RECIPIENT, {"until": self.UNTIL.isoformat()})
        assert isinstance(pause(facts(preferences=Preferences(NOON)), EMAIL, rulebook()), Allow)

    def test_what_expires_before_is_not_sent(self) -> None:
        world = facts(message(expires_at=self.UNTIL), preferences=Preferences(self.UNTIL))
        assert isinstance(pause(world, EMAIL, rulebook()), Suppress)

    def test_what_is_no_marketing_goes_out(self) -> None:
        world = facts(message(purpose=Purpose.SERVICE), preferences=Preferences(self.UNTIL))
        assert isinstance(pause(world, EMAIL, rulebook()), Allow)


class TestSpread:
    def until(self, journey: str, spread: str = "30 minutes", **fields: Any) -> datetime:
        world = facts(message(journey_id=journey, **fields), now=MIDNIGHT)
        verdict = decide(world, rulebook(windows=[NIGHT], spread=spread)).verdict
        assert isinstance(verdict, Defer)
        assert verdict.evidence["until"] == verdict.until.isoformat()
        return verdict.until

    def test_what_waits_for_the_morning_goes_out_over_a_time_after_it(self) -> None:
        untils = [self.until(f"j{index}") for index in range(200)]
        assert all(MORNING <= until < MORNING + timedelta(minutes=30) for until in untils)
        assert len(set(untils)) > 150

    def test_messages_of_one_journey_keep_their_distance(self) -> None:
        assert self.until("j", id="01") == self.until("j", id="02")

    def test_it_never_reaches_the_next_night_or_the_expiry(self) -> None:
        journeys = [f"j{index}" for index in range(100)]
        assert all(self.until(one, "3 days") < MORNING + 13 * HOUR for one in journeys)
        short = MORNING + timedelta(minutes=10)
        assert all(self.until(one, expires_at=short) < short for one in journeys)

    def test_without_it_everything_goes_out_at_once(self) -> None:
        verdict = decide(facts(now=MIDNIGHT), rulebook(windows=[NIGHT])).verdict
        assert isinstance(verdict, Defer)
        assert verdict.until == MORNING

    @given(st.text())
    def test_a_share_is_from_0_to_below_1_and_always_the_same(self, journey: str) -> None:
        assert 0 <= share(journey) < 1
        assert share(journey) == share(journey)
