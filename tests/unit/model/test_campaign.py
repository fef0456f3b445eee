"""A campaign as a value: what it accepts, and what it says of its own steps."""

from __future__ import annotations

from datetime import timedelta
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
        ({}, "either `event` or `schedule`"),
        ({"event": "A", "schedule": "0 10 * * *", "audience": "true"}, "either `event` or `schedule`"),
        ({"event": "A", "audience": "true"}, "belong to a `schedule`"),
        ({"event": "A", "timezone": "Asia/Seoul"}, "belong to a `schedule`"),
        ({"schedule": "0 10 * * *"}, "needs an `audience`"),
        ({"schedule": "0 10 * * *", "audience": "true", "where": "true"}, "belongs to an `event`"),
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
        ({"split": {}}, "does not run `split` steps"),
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
        {"exit": "done"},
        entry={"event": "A", "again": {"after": "10 days"}},
        goal={"event": "B", "within": "3 days"},
    )
    written = flow.model_dump(exclude={"holdout"}, exclude_none=True)
    assert type(flow).model_validate(written) == flow
