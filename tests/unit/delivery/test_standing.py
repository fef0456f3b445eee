"""How carriers stand: busy while they ask for it, left alone after failures, well when something gets through."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dangol.delivery.provider import LATE
from dangol.delivery.standing import BUSY, FAILING, Away, Caution, Standing
from dangol.model.message import Accepted, Outcome, Refused, Unknown
from dangol.model.vocabulary import RefusalCause

NOW = datetime(2026, 12, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
NOTHING = [Refused(False, "not reached")]
ACCOUNT = Refused(True, "no", cause=RefusalCause.ACCOUNT)


def fail(standing: Standing, times: int, now: datetime = NOW) -> None:
    for _ in range(times):
        standing.hear("c", NOTHING, now)


def test_what_a_carrier_asks_for_is_kept_to_up_to_an_hour() -> None:
    standing = Standing()
    standing.hear("c", [Accepted(), Refused(False, "busy", retry_after=7 * SECOND)], NOW)
    assert standing.away("c", NOW) == Away(NOW + 7 * SECOND, BUSY)
    assert standing.away("c", NOW + 7 * SECOND) is None
    standing.hear("c", [Refused(False, "busy", retry_after=timedelta(days=3))], NOW)
    assert standing.away("c", NOW) == Away(NOW + timedelta(hours=1), BUSY)


def test_the_third_failure_in_a_row_leaves_it_alone_and_each_further_one_for_twice_as_long() -> None:
    standing = Standing()
    fail(standing, 2)
    assert standing.away("c", NOW) is None
    pauses = []
    for _ in range(7):
        fail(standing, 1)
        away = standing.away("c", NOW)
        assert away is not None
        assert away.why == FAILING
        pauses.append((away.until - NOW).total_seconds())
    assert pauses == [30, 60, 120, 240, 480, 600, 600]


@pytest.mark.parametrize(
    "outcome",
    [Accepted(), Refused(True, "no such address", cause=RefusalCause.DEAD_ADDRESS), Refused(True, "no")],
    ids=repr,
)
def test_one_message_that_gets_through_or_is_judged_shows_that_it_works(outcome: Outcome) -> None:
    standing = Standing()
    fail(standing, 2)
    standing.hear("c", [Unknown(), outcome], NOW)
    fail(standing, 2)
    assert standing.away("c", NOW) is None


@pytest.mark.parametrize("outcome", [Unknown("no answer"), ACCOUNT, Refused(False, "busy")], ids=repr)
def test_doubt_and_a_refused_account_are_failures(outcome: Outcome) -> None:
    standing = Standing()
    for _ in range(3):
        standing.hear("c", [outcome], NOW)
    assert standing.away("c", NOW) is not None


def test_what_was_too_late_here_says_nothing_about_a_carrier() -> None:
    standing = Standing()
    for _ in range(5):
        standing.hear("c", [LATE], NOW)
    assert standing.away("c", NOW) is None
    assert standing.news() == {}


def test_what_is_learned_is_passed_on_once() -> None:
    standing = Standing()
    fail(standing, 3)
    assert list(standing.news()) == ["c"]
    assert standing.news() == {}
    standing.hear("c", [Accepted()], NOW + timedelta(minutes=1))
    assert standing.news() == {"c": None}


def test_what_others_learned_holds_here() -> None:
    standing = Standing()
    standing.told({"c": Away(NOW + SECOND, FAILING, 4)})
    assert standing.away("c", NOW) is not None
    standing.hear("c", NOTHING, NOW + SECOND)
    again = standing.away("c", NOW + SECOND)
    assert again is not None
    assert again.failures == 5, "the pause goes on growing, whichever process made the trial"
    standing.told({})
    assert standing.away("c", NOW + SECOND) == again, "not passed on yet"
    standing.news()
    standing.told({})
    assert standing.away("c", NOW + SECOND) is None


def test_after_the_pause_everybody_holds_back_until_the_trial_is_answered() -> None:
    standing = Standing()
    fail(standing, 3)
    over = NOW + 30 * SECOND
    assert standing.to_be_tried(over - SECOND) == set()
    assert standing.to_be_tried(over) == {"c"}
    held = standing.away("c", over)
    assert held == Away(over + 5 * SECOND, FAILING, 3)
    standing.hear("c", [Accepted()], over)
    assert standing.away("c", over) is None
    assert standing.to_be_tried(over) == set()


def test_what_a_carrier_asked_for_needs_no_trial() -> None:
    standing = Standing()
    standing.hear("c", [Refused(False, "busy", retry_after=7 * SECOND)], NOW)
    assert standing.to_be_tried(NOW + 7 * SECOND) == set()
    assert standing.away("c", NOW + 7 * SECOND) is None


def test_what_somebody_is_known_to_try_nobody_else_does_before_the_lease_ends() -> None:
    standing = Standing()
    standing.told({"c": Away(NOW, FAILING, 3, tried_until=NOW + 60 * SECOND)})
    assert standing.to_be_tried(NOW + 59 * SECOND) == set()
    assert standing.away("c", NOW + 59 * SECOND) is not None
    assert standing.to_be_tried(NOW + 60 * SECOND) == {"c"}


def test_the_answer_of_a_trial_is_told_by_whoever_made_it() -> None:
    standing = Standing()
    standing.told({"c": Away(NOW, FAILING, 3)})
    standing.trying({"c"})
    standing.hear("c", NOTHING, NOW)
    standing.hear("d", [Refused(False, "busy", retry_after=SECOND)], NOW)
    assert list(standing.news()) == ["d"]
    assert list(standing.news({"c"})) == ["c"]
    assert standing.news() == {}


def test_whoever_others_found_well_begins_anew_here() -> None:
    standing = Standing()
    fail(standing, 3)
    standing.news()
    standing.told({"c": Away(NOW, FAILING, 3)})
    standing.told({})
    fail(standing, 2)
    assert standing.away("c", NOW) is None


def test_a_pause_is_bounded_however_many_failures_there_are() -> None:
    caution = Caution(failures=1)
    assert caution.pause(10_000) == caution.longest_pause
