"""A campaign in words: every step, every branch, and what becomes of people."""

from __future__ import annotations

import pytest

from dangol.surfaces.drawing.chart import make_chart
from dangol.surfaces.drawing.outline import outline
from tests.unit.drawing.samples import campaign

TOLD = """\
Cart (cart)
Enters: Checkout Started: where event.value > 3; one journey for each event.a; again at any time; \
10% are held out and get nothing
Buying
  - Wait 2 hours
  - Wait until 3 days before profile.birthday: at 10:00; each year; goes on at once if that is past
  - Send reminder: push, else email; expires after 12 hours [nudge]
  - Wait for Checkout Resumed: where event.a == entry.a; for 1 day; since the entry
    it happened:
      - Leave: resumed
    not in time: goes on
  - Split copy
    plain 50%:
      - Send plain: email and sms
    story 30%:
      - If profile.vip
        yes:
          - Leave: told
        no:
          - Leave: bored
    none 20%: goes on
  - Set: cart: entry.a; vip: true; tags: add regular; old: removed
  - Emit Cart Abandoned: a: entry.a
  - Call crm.example: /hook
loyalty
  - Wait 3 days
End
Leaves at any time on: Order Completed where event.a == entry.a; Complaint Raised
Goal: Order Completed within 3 days"""


def test_every_kind_of_step_is_told() -> None:
    assert outline(make_chart(campaign(), stage_names={"purchase": "Buying"})) == TOLD


def test_people_are_told_at_the_step_that_they_wait_for() -> None:
    told = outline(make_chart(campaign(), people={"": 3, "0.0": 2, "0.2": 1, "1.0": 1234, "end": 2})).splitlines()
    assert "  - Wait 2 hours (5 people wait before this)" in told
    assert "[nudge] (1 person waits before this)" in next(line for line in told if "Send reminder" in line)
    assert "  - Wait 3 days (1,234 people wait before this)" in told
    assert "End (2 people wait before this)" in told


def test_a_campaign_that_everyone_leaves_before_its_end_has_none() -> None:
    assert "End" not in outline(make_chart(campaign([{"wait": "1 day"}, {"exit": "done"}]))).splitlines()
    both = {"if": "profile.vip", "then": [{"exit": "a"}], "else": [{"exit": "b"}]}
    assert "End" not in outline(make_chart(campaign([both]))).splitlines()
    one = {"if": "profile.vip", "then": [{"exit": "a"}]}
    assert "End" in outline(make_chart(campaign([one]))).splitlines()


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"schedule": "0 9 * * *", "audience": "true", "timezone": "recipient"}, "Schedule 0 9 * * *: in each recip"),
        ({"schedule": "0 9 * * *", "audience": "profile.vip"}, "Schedule 0 9 * * *: profile.vip; once"),
        ({"audience": "profile.vip", "again": {"after": "30 days"}}, "Joins an audience: profile.vip; again"),
        (
            {"audience": "profile.vip", "every": "3 days", "existing": "enter"},
            "Joins an audience: profile.vip; looked at every 3 days; those who are in it already enter too",
        ),
        ({"api": "Gift Requested"}, "The API asks: Gift Requested: once"),
    ],
)
def test_every_way_in_is_told(entry: dict[str, str], told: str) -> None:
    assert f"Enters: {told}" in outline(make_chart(campaign(entry=entry)))


def test_how_a_campaign_is_paced_and_falls_back_is_told() -> None:
    step = {"send": "reminder", "channels": ["push", "email"], "on_failed": "next_channel"}
    told = outline(make_chart(campaign([step], entry={"audience": "profile.vip"}, spread="6 hours")))
    assert "get nothing; messages are spread over 6 hours" in told
    assert "Send reminder: push, else email; a refused address: next channel" in told


def test_what_may_be_secret_in_an_address_is_not_told() -> None:
    assert "secret" not in outline(make_chart(campaign()))
