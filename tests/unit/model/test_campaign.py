"""A campaign as a value: what it accepts, and what it says of its own steps."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from dangol.model.campaign import Entry, again_after
from dangol.model.steps import Exit, Send, Wait
from dangol.model.vocabulary import Channel
from tests.unit.journeys.campaigns import campaign, send, staged, wait


def test_positions_are_stage_and_step_in_the_order_in_which_steps_run() -> None:
    flow = staged({"onboarding": [send(), wait("1 day")], "loyalty": [send(ref="gift"), {"exit": "done"}]})
    assert [(placed.position, placed.stage, placed.name, type(placed.step)) for placed in flow.steps()] == [
        ("0.0", "onboarding", "0.0", Send),
        ("0.1", "onboarding", "0.1", Wait),
        ("1.0", "loyalty", "gift", Send),
        ("1.1", "loyalty", "1.1", Exit),
    ]
    assert [each.send for each in flow.sends] == ["hello", "hello"]


def test_positions_in_branches_name_the_branch_and_go_on_behind_it() -> None:
    inner = {"if": "true", "then": [wait("1 day"), send()]}
    fork = {"split": {"copy": {"plain": 50, "story": 50}}, "plain": [inner], "story": []}
    flow = campaign(fork, {"exit": "done"})
    assert [(placed.position, placed.following) for placed in flow.placed] == [
        ("0.0", "0.1"),
        ("0.0.plain.0", "0.1"),
        ("0.0.plain.0.then.0", "0.0.plain.0.then.1"),
        ("0.0.plain.0.then.1", "0.1"),
        ("0.1", "end"),
    ]
    assert [flow.placed[0].into(arm) for arm in ("plain", "story")] == ["0.0.plain.0", "0.1"]
    assert [flow.placed[1].into(branch) for branch in ("then", "else")] == ["0.0.plain.0.then.0", "0.1"]


def test_a_campaign_cannot_end_before_it_starts() -> None:
    assert campaign(send(), starts="2026-12-24", ends="2026-12-24").ends == date(2026, 12, 24)
    with pytest.raises(ValidationError, match="ends on 2026-12-23, before it starts on 2026-12-24"):
        campaign(send(), starts="2026-12-24", ends="2026-12-23")


def test_an_exit_is_an_event_with_or_without_a_condition() -> None:
    flow = campaign(send(), exit=["A", {"event": "B", "where": "true"}])
    assert [(one.event, one.where) for one in flow.exits] == [("A", None), ("B", "true")]


def test_channels_are_fallbacks_in_order_or_one_message_each() -> None:
    fallback, each = campaign(send(channels=["push", "sms"]), send(channels={"all": ["push", "sms"]})).sends
    assert fallback.routes == ((Channel.PUSH, Channel.SMS),)
    assert each.routes == ((Channel.PUSH,), (Channel.SMS,))
    assert fallback.every_channel == each.every_channel == (Channel.PUSH, Channel.SMS)


@pytest.mark.parametrize("value", ["10%", "0%", "2.5%", "99.99%", " 10% "])
def test_a_holdout_is_a_percentage(value: str) -> None:
    assert campaign(send(), holdout=value).holdout == pytest.approx(float(value.strip()[:-1]) / 100)


@pytest.mark.parametrize("value", [0.1, 10, "10", "100%", "-1%", "ten%", "%", "nan%", "inf%", None])
def test_a_holdout_is_nothing_else(value: object) -> None:
    with pytest.raises(ValidationError, match="expected a percentage"):
        campaign(send(), holdout=value)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({}, "found none of them"),
        ({"event": "A", "schedule": "0 10 * * *", "audience": "true"}, "found event and audience"),
        ({"event": "A", "audience": "true"}, "found event and audience"),
        ({"event": "A", "api": "B"}, "found event and api"),
        ({"event": "A", "timezone": "Asia/Seoul"}, "`timezone` belongs to a `schedule`"),
        ({"event": "A", "every": "1 hour"}, "`every` and `existing` to an `audience`"),
        ({"api": "A", "existing": "enter"}, "`every` and `existing` to an `audience`"),
        ({"audience": "true", "timezone": "Asia/Seoul"}, "`timezone` belongs to a `schedule`"),
        ({"schedule": "0 10 * * *"}, "needs an `audience`"),
        ({"schedule": "0 10 * * *", "audience": "true", "where": "true"}, "belong to an `event`"),
        ({"audience": "true", "key": "event.x"}, "belong to an `event`"),
        ({"schedule": "0 10 * * *", "audience": "true", "every": "1 hour"}, "without a `schedule`"),
        ({"event": "A", "key": "profile.name"}, "expected a property of the event"),
    ],
)
def test_there_is_one_way_in(entry: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Entry.model_validate(entry)


def test_again_is_never_unless_told_otherwise() -> None:
    assert Entry.model_validate({"event": "A"}).again == "never"


@pytest.mark.parametrize(
    ("again", "pause"), [("never", None), ("always", None), ({"after": "7 days"}, timedelta(days=7))]
)
def test_only_again_after_has_a_pause(again: Any, pause: timedelta | None) -> None:
    assert again_after(Entry.model_validate({"event": "A", "again": again})) == pause


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({}, "found nothing"),
        ({"sleep": "1 day"}, "found `sleep`"),
        ({"wait": "1 day", "exit": "x"}, "exactly one of"),
        ({"split": {}}, "a `split` has one name"),
        ({"split": {"copy": {"a": 50, "b": 49}}, "a": [], "b": []}, "add up to 100; found 99"),
        ({"split": {"copy": {"a": 50, "b": 50}}, "a": []}, "Field required"),
        ({"split": {"copy": {"a": 50, "b": 50}}, "a": [], "b": [], "c": []}, "Extra inputs"),
        ({"if": "true", "wait_for": {"event": "A", "within": "1 day"}}, "exactly one of"),
        ({"if": "true", "then": [{"wait": "soon"}]}, "expected a number and a unit"),
        ({"wait": "monday"}, "write `wait: {until: monday}`"),
        ({"wait": {"until": "someday"}}, "expected a time such as"),
        ({"wait": {"until": "09:00", "at": "10:00"}}, "leave `at` out"),
        ({"set": {}}, "at least 1 item"),
        ({"set": {"vip": {"form": "profile.name"}}}, "`from`, `add` or `remove`"),
        ({"emit": "A", "properties": {"x": {"from": "event.x"}}}, "expected a field"),
        ({"webhook": "https://"}, "expected an address"),
        ({"webhook": "https://crm.example/a b"}, "expected an address"),
        ({"webhook": "https://crm.example/#part"}, "never sent"),
        ({"webhook": "https://me@crm.example/"}, "user or password"),
        ({"wait": "1 day", "channels": ["email"]}, "channels"),
        ({"send": "hello"}, "channels"),
        ({"send": "hello", "channels": []}, "channels"),
        ({"send": "hello", "channels": ["fax"]}, "channels"),
    ],
)
def test_a_step_has_one_verb_and_what_belongs_to_it(step: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        campaign(step)


def test_a_campaign_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        campaign(send()).key = "other"  # type: ignore[misc]


def test_a_campaign_written_out_and_read_again_is_the_same() -> None:
    flow = campaign(
        send(channels={"all": ["email"]}, expires_after="36 hours"),
        wait("90 minutes"),
        {"wait": {"until": "3 days before profile.birthday", "yearly": True, "at": "10:00"}},
        {
            "wait_for": {"event": "B", "within": "1 day", "since": "entry"},
            "then": [{"if": "true", "else": [{"webhook": "https://crm.example/hook", "payload": {"x": [1, True]}}]}],
            "else": [{"set": {"vip": True, "old": None, "x": {"from": "entry.x"}, "tags": {"add": ["a"]}}}],
        },
        {"split": {"copy": {"plain": 50, "story": 50}}, "plain": [{"emit": "D"}], "story": []},
        {"exit": "done"},
        entry={"event": "A", "key": "event.x", "again": {"after": "10 days"}},
        goal={"event": "B", "within": "3 days"},
        exit=["C", {"event": "B", "where": "event.x == entry.x"}],
        starts="2026-12-01",
        ends="2026-12-24",
    )
    written = flow.model_dump(exclude={"holdout"}, exclude_unset=True, by_alias=True)
    assert type(flow).model_validate(written) == flow
