"""What is assumed unless somebody says otherwise fits the campaigns that ship."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dangol.definitions.workspace import build_workspace, read_sources
from dangol.simulate.answers import answers
from dangol.simulate.behaviour import Behaviour, shipped_behaviour
from dangol.simulate.engine import run, scratch
from dangol.simulate.part import Variant
from dangol.simulate.setup import Wanted, prepare
from dangol.triggers.schedule import next_firing
from tests.integration.simulate.world import START
from tests.workspaces import ROOT

SHOP = Variant("now", read_sources(ROOT))
CAMPAIGNS = build_workspace(SHOP.sources).campaigns
SCHEDULED = sorted(key for key, campaign in CAMPAIGNS.items() if campaign.entry.kind == "schedule")
OPENED = sorted(CAMPAIGNS.keys() - set(SCHEDULED))


def lively() -> Behaviour:
    """The shipped behaviour of people who do everything often, so that few of them are enough."""
    shipped = shipped_behaviour()
    events = {name: one.model_copy(update={"rate": 6 * one.rate}) for name, one in shipped.events.items()}
    past = {name: 4 * rate for name, rate in shipped.people.past.items()}
    return shipped.model_copy(update={"events": events, "people": shipped.people.model_copy(update={"past": past})})


def entries(wanted: Wanted) -> dict[str, int]:
    with scratch() as folder:
        plan, origin = prepare(wanted, Path(folder))
        found: dict[str, Any] = answers(plan, run(plan, processes=1, folder=Path(folder)), origin)
    return {one["key"]: one["entries"] for one in found["variants"][0]["campaigns"]}


def test_every_campaign_that_an_event_or_an_audience_opens_is_entered() -> None:
    wanted = Wanted((SHOP,), lively(), START, days=35, campaigns=tuple(OPENED), people=400, grain=timedelta(hours=3))
    found = entries(wanted)
    asked_for = {"consent_outcome_notice", "double_opt_in"}  # by the law and by forms, neither of which is simulated
    assert [key for key in OPENED if not found[key] and key not in asked_for] == []


@pytest.mark.parametrize("key", SCHEDULED)
def test_every_campaign_that_a_schedule_opens_is_entered(key: str) -> None:
    campaign = CAMPAIGNS[key]
    opens = campaign.starts or START.date()
    since = max(START, datetime.combine(opens, START.time(), START.tzinfo) - timedelta(days=1))
    firing = next_firing(campaign.entry, after=since, default_zone="Asia/Seoul")
    assert firing is not None
    day = firing.replace(hour=15, minute=0) - timedelta(days=2)
    wanted = Wanted((SHOP,), shipped_behaviour(), day, days=4, people=40, grain=timedelta(hours=3))
    assert entries(replace(wanted, campaigns=(key,)))[key] > 0
