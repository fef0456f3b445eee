"""What was expected against what happened, as lines of a timeline."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from dangol.model.message import Rendered
from dangol.model.vocabulary import Channel, Decision, Reason
from dangol.model.workspace import TrackingPlan
from dangol.scenarios.cases import Case, Expects, Happens, Person
from dangol.scenarios.compare import Mark, compare
from dangol.scenarios.model import EventHappens, Never, Scenario, Timed
from dangol.scenarios.performance import Decided, Journey, Performance, Reported, Sent
from dangol.scenarios.report import as_text, timeline
from dangol.simulate.never import Happened, Rule, scope_of, where_of

NOTHING = scope_of(None, None, TrackingPlan())
SEOUL = ZoneInfo("Asia/Seoul")
START = datetime(2026, 3, 2, 10, tzinfo=SEOUL)
END = START + timedelta(days=30)


def case(
    *expected: Mapping[str, Any], never: tuple[Mapping[str, Any], ...] = (), orders: tuple[int, ...] = (), **more: Any
) -> Case:
    """A scenario that begins at START; ``orders`` are hours after which the customer orders."""
    scenario = Scenario.model_validate({"name": "n", "at": "2026-03-02 10:00", "expect": list(expected), **more})
    order = EventHappens(event="Order Completed")
    return Case(
        path="campaigns/tests/x.yaml",
        line=3,
        campaign="x",
        in_service=("x",),
        scenario=scenario,
        person=Person("jimin", {}, True, {}, ()),
        zone=SEOUL,
        begins=START,
        ends=END,
        history=(),
        happens=tuple(Happens(at, at, order) for at in (START + timedelta(hours=hours) for hours in orders)),
        expects=tuple(
            Expects(START + what.after if isinstance(what, Timed) and what.after is not None else None, what)
            for what in scenario.expect
        ),
        never=tuple(Never.model_validate(rule) for rule in never),
        meets=tuple(where_of(Rule(), NOTHING) for _ in never),
    )


def sent(message: str, after: float = 0, channel: Channel = Channel.EMAIL, **rendered: Any) -> Sent:
    text = {"text": "안녕하세요 지민님", "subject": "안부", "locale": "ko", **rendered}
    return Sent(START + timedelta(hours=after), "x", "first", message, Rendered(channel, **text))


def refused(message: str | None, reason: Reason, decision: Decision = Decision.MESSAGE_SUPPRESSED) -> Decided:
    return Decided(START, decision, reason.value, "x", "first", "email", message, "Not sent.")


def marks(expected: Case, **happened: Any) -> list[str]:
    lines = compare(expected, Performance(**happened)).lines
    return [line.mark.value for line in lines if line.mark not in {Mark.INPUT, Mark.NOTE}]


def test_messages_as_expected_pass() -> None:
    expected = case({"message": "a", "after": "2 hours", "channel": "email", "contains": ["지민"]}, {"message": "b"})
    assert marks(expected, sent=[sent("a", 2), sent("b", 3)]) == ["met", "met"]
    assert compare(expected, Performance(sent=[sent("a", 2), sent("b", 3)])).passed


def test_a_message_that_was_not_expected_fails() -> None:
    assert marks(case({"message": "a"}), sent=[sent("a"), sent("b", 1)]) == ["met", "unexpected"]


def test_an_empty_list_means_that_nothing_is_sent() -> None:
    assert marks(case()) == []
    assert marks(case(), sent=[sent("a")]) == ["unexpected"]


def test_a_message_that_was_not_sent_fails_and_says_why() -> None:
    decided = [refused("a", Reason.CONSENT_WITHDRAWN)]
    (line,) = compare(case({"message": "a"}), Performance(decided=decided)).failures
    assert line.mark is Mark.MISSING
    assert "consent_withdrawn" in line.summary


def test_the_same_message_twice_is_one_too_many() -> None:
    assert marks(case({"message": "a"}), sent=[sent("a"), sent("a", 24)]) == ["met", "unexpected"]


def test_messages_in_another_order_fail() -> None:
    expected = case({"message": "a"}, {"message": "b"})
    assert "missing" in marks(expected, sent=[sent("b", 1), sent("a", 2)])


def test_messages_of_one_minute_may_come_in_any_order() -> None:
    expected = case({"message": "a", "channel": "sms"}, {"message": "a", "channel": "email"})
    assert marks(expected, sent=[sent("a"), sent("a", channel=Channel.SMS)]) == ["met", "met"]


def test_times_are_compared_to_the_minute() -> None:
    expected = case({"message": "a", "after": "2 hours"})
    assert marks(expected, sent=[sent("a", 2 + 59 / 3600)]) == ["met"]
    assert marks(expected, sent=[sent("a", 2 + 60 / 3600)]) == ["wrong"]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"channel": "sms"}, "channel: expected sms, found email"),
        ({"locale": "en"}, "locale: expected en, found ko"),
        ({"step": "second"}, "step: expected second, found first"),
        ({"campaign": "y"}, "campaign: expected y, found x"),
        ({"subject": "할인"}, "subject: expected “할인” in “안부”"),
        ({"segments": 2}, "segments: expected 2, found 0"),
        ({"contains": ["김치"]}, "the text lacks “김치”"),
        ({"not_contains": ["지민"]}, "the text holds “지민”"),
        ({"after": "1 hour"}, "time: expected 2026-03-02 11:00"),
    ],
)
def test_whatever_differs_is_told(wanted: dict[str, Any], told: str) -> None:
    (line,) = compare(case({"message": "a", **wanted}), Performance(sent=[sent("a", 2)])).failures
    assert line.mark is Mark.WRONG
    assert told in line.summary


def test_the_link_of_a_push_message_is_searched_too() -> None:
    push = sent("a", channel=Channel.PUSH, link="https://dangol.example/new")
    assert marks(case({"message": "a", "contains": ["dangol.example/new"]}), sent=[push]) == ["met"]


def test_refusals_count_only_if_they_are_named() -> None:
    decided = [refused("a", Reason.CAPPED)]
    assert marks(case(), decided=decided) == []
    assert marks(case({"refused": "capped", "message": "a"}), decided=decided) == ["met"]


@pytest.mark.parametrize("other", [{"message": "b"}, {"channel": "sms"}, {"step": "second"}, {"after": "1 hour"}])
def test_a_refusal_of_something_else_does_not_count(other: dict[str, str]) -> None:
    assert marks(case({"refused": "capped", **other}), decided=[refused("a", Reason.CAPPED)]) == ["missing"]


def test_a_deferral_is_no_refusal() -> None:
    waits = [refused("a", Reason.QUIET_HOURS, Decision.MESSAGE_DEFERRED)]
    assert marks(case({"refused": "quiet_hours"}), decided=waits) == ["missing"]
    assert marks(case({"deferred": "quiet_hours"}), decided=waits) == ["met"]


def test_a_refused_entry_is_a_refusal() -> None:
    entry = [refused(None, Reason.ENTERED_BEFORE, Decision.JOURNEY_REFUSED)]
    assert marks(case({"refused": "entered_before"}), decided=entry) == ["met"]


@pytest.mark.parametrize(
    ("ends", "journeys", "mark"),
    [
        ("completed", [Journey("x", "completed")], "met"),
        ("no_answer", [Journey("x", "exit_step", "no_answer")], "met"),
        ("exit_step", [Journey("x", "exit_step", "no_answer")], "met"),
        ("not_entered", [], "met"),
        ("waiting", [], "wrong"),
        ("completed", [Journey("x", "completed"), Journey("x", "completed")], "wrong"),
        (["goal_reached", "waiting"], [Journey("x", "goal_reached"), Journey("x", "waiting")], "met"),
        (["waiting", "goal_reached"], [Journey("x", "goal_reached"), Journey("x", "waiting")], "wrong"),
        ({"y": "completed"}, [Journey("x", "waiting"), Journey("y", "completed")], "met"),
        ("not_entered", [Journey("x", "waiting")], "wrong"),
    ],
)
def test_how_journeys_ended_is_compared_in_the_order_of_entry(ends: Any, journeys: list[Journey], mark: str) -> None:
    assert marks(case(ends=ends), journeys=journeys) == [mark]


def test_the_profile_is_compared_at_the_end() -> None:
    expected = case({"profile": {"vip": True, "old": None}})
    assert marks(expected, profile={"vip": True}) == ["met"]
    assert marks(expected, profile={"vip": 1}) == ["wrong"]
    assert marks(expected, profile={"vip": True, "old": "x"}) == ["wrong"]


def test_emitted_events_and_calls_are_met_by_what_they_hold() -> None:
    expected = case({"emitted": "Cart Abandoned", "properties": {"cart_id": "c1"}})
    assert marks(expected, emitted=[Reported(START, "Cart Abandoned", {"cart_id": "c1", "value": 3})]) == ["met"]
    assert marks(expected, emitted=[Reported(START, "Cart Abandoned", {"cart_id": "c2"})]) == ["missing"]
    call = case({"webhook": "https://crm.example/hook", "payload": {"a": 1}})
    assert marks(call, calls=[Reported(START, "https://crm.example/hook", {"a": 1})]) == ["met"]
    assert marks(call, calls=[]) == ["missing"]


@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        ({"channel": "sms"}, 2),
        ({"channel": "push"}, 0),
        ({"message": "a"}, 2),
        ({"message": "a", "channel": "email"}, 1),
        ({"contains": "지민"}, 3),
        ({"after": "Order Completed"}, 2),
        ({"more_than": 1, "channel": "sms", "within": "1 day"}, 0),
        ({"more_than": 1, "channel": "sms", "within": "3 days"}, 1),
        ({"more_than": 2}, 1),
        ({"between": ["09:00", "10:30"]}, 3),
        ({"between": ["21:00", "08:00"]}, 0),
        ({"campaign": "y"}, 0),
    ],
)
def test_a_rule_is_broken_by_each_message_that_is_meant(rule: dict[str, Any], broken: int) -> None:
    messages = [sent("a", 0), sent("a", 24, Channel.SMS), sent("b", 72, Channel.SMS)]
    expected = case({"message": "a"}, {"message": "a"}, {"message": "b"}, never=(rule,), orders=(1,))
    order = {"Order Completed": [Happened(START + timedelta(hours=1), {})]}
    assert marks(expected, sent=messages, happened=order).count("wrong") == broken


@pytest.mark.parametrize(("width", "beside"), [(80, False), (120, True)])
def test_what_happened_stands_under_what_was_expected_where_there_is_no_room(width: int, beside: bool) -> None:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as captured:
        console.print(timeline(compare(case({"message": "a"}), Performance(sent=[sent("a", 2)]))))
    lines = captured.get().splitlines()
    (sent_line,) = [line for line in lines if "a · email" in line]
    assert sent_line.startswith(" ✓") is beside
    assert max(map(len, lines)) <= width


def test_the_timeline_tells_everything_in_the_order_of_time() -> None:
    expected = case({"message": "a", "after": "2 hours"}, {"message": "b"}, orders=(1,), ends="completed")
    happened = Performance(
        sent=[sent("a", 2)],
        decided=[refused("b", Reason.CAPPED)],
        journeys=[Journey("x", "completed")],
    )
    text = as_text(compare(expected, happened))
    told = ["FAILED x › n", "campaigns/tests/x.yaml:3", "b: Not sent. (capped)", "Order Completed", "a · email", "ends"]
    places = [text.find(part) for part in told]
    assert -1 not in places
    assert places == sorted(places)
