"""Small campaigns from the first step to the last, as their authors would tell them. Shipped ones: tests/golden."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from dangol.journeys.machine import START, Ended
from dangol.model.campaign import Campaign
from tests.unit.journeys.campaigns import advance, campaign, send, staged, wait

START_AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


def history(flow: Campaign, *late: timedelta) -> list[str]:
    """What happens to a person who enters on 2 March at 10:00; ``late`` delays one wake-up after the other."""
    told, position, base, now = list[str](), START, START_AT, START_AT
    delays = iter(late)
    while True:
        result = advance(flow, position, now, base=base)
        for command in result.commands:
            routes = " + ".join("|".join(route) for route in command.send.routes)
            expiry = f" until {command.expires_at:%d %H:%M}" if command.expires_at else ""
            told.append(f"{now:%d %H:%M} {command.step.stage}: {command.send.send} by {routes}{expiry}")
        if isinstance(result.state, Ended):
            told.append(f"{now:%d %H:%M} {result.state.reason.value} {result.state.detail}".rstrip())
            return told
        position, base = result.state.state.position, result.state.state.wake_at
        now = base + next(delays, timedelta())


WELCOME = staged(
    {
        "onboarding": [send("hello", ["push", "email"], expires_after="12 hours"), wait("2 days")],
        "experience": [send("first_steps"), wait("90 minutes"), send("survey", {"all": ["email", "sms"]})],
        "loyalty": [wait("1 week"), {"exit": "settled_in"}],
    }
)


def test_a_welcome_on_time() -> None:
    assert history(WELCOME) == [
        "02 10:00 onboarding: hello by push|email until 02 22:00",
        "04 10:00 experience: first_steps by email",
        "04 11:30 experience: survey by email + sms",
        "11 11:30 exit_step settled_in",
    ]


def test_an_outage_delays_what_follows_and_brings_nothing_closer_together() -> None:
    assert history(WELCOME, timedelta(days=3), timedelta(minutes=20)) == [
        "02 10:00 onboarding: hello by push|email until 02 22:00",
        "07 10:00 experience: first_steps by email",
        "07 11:50 experience: survey by email + sms",
        "14 11:50 exit_step settled_in",
    ]


def test_a_nudge_that_is_worth_something_for_a_day_alone() -> None:
    flow = campaign(wait("2 hours"), send("nudge", expires_after="1 day"), send("offer"))
    assert history(flow, timedelta(days=5)) == [
        "07 12:00 onboarding: nudge by email until 03 12:00",
        "07 12:00 onboarding: offer by email",
        "07 12:00 completed",
    ]


def test_a_campaign_that_sends_once() -> None:
    assert history(campaign(send())) == ["02 10:00 onboarding: hello by email", "02 10:00 completed"]
