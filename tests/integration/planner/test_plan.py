"""The plan says what a deployment would change, for whom, and what deserves a second look; it changes nothing."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dangol.definitions.workspace import Workspace
from dangol.errors import UsageError
from dangol.planner.cautions import Audience
from dangol.planner.plan import CampaignPlan, Plan
from dangol.store.tables import blobs, deployments, journeys, log, versions
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note, scheduled, write_workspace

WAIT = {"wait": "1 day"}


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Any:
    def made(*campaigns: dict[str, Any], **others: Any) -> Workspace:
        return house.dangol.checked(write_workspace(tmp_path / "shop", *campaigns, **others))

    return made


def only(made: Plan) -> CampaignPlan:
    (one,) = made.campaigns
    return one


def test_new_changed_unchanged_and_taken_out_are_told_apart(house: House, shop: Any) -> None:
    house.opens_with(campaign("a"), campaign("b"), campaign("c"))
    made = house.dangol.plan(shop(campaign("a"), campaign("b", holdout="5%"), campaign("d", WAIT, note())))
    assert {one.key: one.status for one in made.campaigns} == {
        "a": "unchanged",
        "b": "changed",
        "c": "withdrawn",
        "d": "new",
    }
    assert [one.key for one in made.changes] == ["b", "c", "d"]
    assert made.campaigns[3].outline == ("wait 1 day", "send note by email")


def test_a_plan_can_be_about_some_campaigns(house: House, shop: Any) -> None:
    house.opens_with(campaign("a"), campaign("b"))
    wanted = shop(campaign("a", holdout="5%"), campaign("b", holdout="5%"))
    assert only(house.dangol.plan(wanted, keys=["b"])).key == "b"
    with pytest.raises(UsageError, match="no campaign 'bb' in the workspace or in service; there are a, b"):
        house.dangol.plan(wanted, keys=["bb"])


def test_people_under_way_are_told_with_what_becomes_of_them(house: House, shop: Any) -> None:
    house.opens_with(campaign("a", WAIT, note(ref="n"), WAIT, note("sms", ref="m"))).knows("kim", "lee", "park")
    house.orders("kim")
    house.pass_time(timedelta(days=1))
    house.orders("lee", "park")
    house.work()
    made = only(house.dangol.plan(shop(campaign("a", WAIT, note("push", ref="n")))))
    assert [(fate.step, fate.people, fate.goes_to, bool(fate.obstacle)) for fate in made.under_way] == [
        ("n", 2, "n", False),
        ("m", 1, "", True),
    ]
    assert "step-removed" in {one.code for one in made.warnings}
    assert made.people == 3


def test_audiences_are_counted_now_by_the_old_and_by_the_new_rule(house: House, shop: Any) -> None:
    house.knows("kim", "lee").knows("park", agreeing_to=()).erases("lee")
    entry = {"schedule": "0 12 * * *", "audience": 'has_consent("email", "marketing")', "again": "always"}
    house.opens_with(scheduled("news", entry=entry))
    made = house.dangol.plan(shop(scheduled("news")), growth=0.5)
    assert only(made).audience == Audience(old=1, new=2, everybody=2)
    assert {one.code for one in only(made).warnings} == {"audience-grown", "audience-everybody"}
    relaxed = house.dangol.plan(shop(scheduled("news")), growth=1)
    assert {one.code for one in only(relaxed).warnings} == {"audience-everybody"}


def test_who_had_a_message_lately_counts_once_whichever_campaign_it_was_of(house: House, shop: Any) -> None:
    house.opens_with(campaign("a"), campaign("b", WAIT, event="Checkout Started")).knows("kim", "lee")
    house.orders("kim", "kim", "lee")
    house.pass_time(timedelta(minutes=1))
    wanted = shop(campaign("a"), campaign("b", note(ref="n"), WAIT, event="Checkout Started"))
    texts = [one.text for one in house.dangol.plan(wanted).campaigns[1].warnings if one.code == "send-again"]
    assert texts == ["`n` is new: 2 people had note in the last 30 days; whoever of them enters again gets it again"]
    house.clock.advance(timedelta(days=31))
    assert not house.dangol.plan(wanted).campaigns[1].warnings


def test_a_warning_about_what_campaigns_share_is_told_once(house: House, shop: Any) -> None:
    cap = {"key": "weekly", "limit": 3, "window": "rolling 7 days"}
    house.opens_with(campaign("a"), campaign("b"), policies={"caps": [cap]})
    warnings = house.dangol.plan(shop(campaign("a"), campaign("b"))).warnings
    assert [(one.code, keys) for one, keys in warnings.items()] == [("cap-loosened", ("a", "b"))]


def test_a_plan_changes_nothing(house: House, shop: Any) -> None:
    house.opens_with(campaign("a", WAIT)).knows("kim").orders("kim")
    tables = (blobs, deployments, journeys, log, versions)
    before = [house.rows(table) for table in tables]
    house.dangol.plan(shop(campaign("a"), campaign("b")))
    assert [house.rows(table) for table in tables] == before


def test_a_version_in_service_that_cannot_be_read_is_told_and_hides_nothing_else(house: House, shop: Any) -> None:
    house.opens_with(campaign("a", WAIT), campaign("b")).knows("kim").orders("kim")
    (path_hash,) = {row.manifest["campaigns/a.yaml"] for row in house.rows(versions, campaign_key="a")}
    with house.database.write() as tx:
        tx.execute(blobs.update().where(blobs.c.hash == path_hash).values(content="key: [\n"))
    first, second = house.dangol.plan(shop(campaign("a"), campaign("b", holdout="5%"))).campaigns
    assert "cannot read version" in first.unreadable
    assert [bool(fate.obstacle) for fate in first.under_way] == [True]
    assert second.diff.settings
