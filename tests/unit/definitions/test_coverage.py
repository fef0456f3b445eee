"""The journey map as a living file: KPIs that can be measured, and a report of what the campaigns leave out."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from dangol.definitions.coverage import MOST_MARKETING, Coverage, GapCode, cover
from dangol.definitions.workspace import load_workspace, parse_workspace
from dangol.model.campaign import Campaign
from dangol.model.vocabulary import Channel
from dangol.model.workspace import JourneyMap, Kpi, MapStage
from tests.docs.pages import titled
from tests.unit.definitions.samples import CAMPAIGN, REPOSITORY, problems_in, sources

EVENTS = {"name": "Recovered", "event": "Order Completed", "of": "Checkout Started", "within": "7 days"}
TRUTH = {"name": "Many", "expression": "profile.vip"}


def kpi(**fields: Any) -> Kpi:
    return Kpi.model_validate({"target": "40%", **fields})


def stage(key: str = "purchase", **fields: Any) -> dict[str, Any]:
    return {"key": key, "name": key.title(), "intent": "Pay.", "owner": "shop", "kpi": {**EVENTS, "target": "40%"}} | (
        fields
    )


def send(message: str = "note", *channels: str, **fields: Any) -> dict[str, Any]:
    return {"send": message, "channels": list(channels) or ["email"], **fields}


def campaign(key: str, *steps: dict[str, Any], of: str = "purchase", **fields: Any) -> Campaign:
    return Campaign.model_validate(
        {
            "key": key,
            "name": key,
            "owner": "crm",
            "purpose": "marketing",
            "entry": {"event": "Order Completed"},
            "stages": [{"stage": of, "steps": list(steps)}],
        }
        | fields
    )


def covered(*campaigns: Campaign, stages: list[dict[str, Any]] | None = None) -> Coverage:
    return cover(JourneyMap.model_validate({"stages": stages or [stage()]}), campaigns)


def codes(coverage: Coverage) -> list[str]:
    return [gap.code.value for gap in coverage.gaps]


class TestKpi:
    def test_is_an_event_that_follows_another_in_time(self) -> None:
        found = kpi(**EVENTS)
        assert (found.of, found.event, found.within) == ("Checkout Started", "Order Completed", timedelta(days=7))

    def test_or_an_expression_among_some_people(self) -> None:
        assert kpi(**TRUTH, among="profile.vip").among == "profile.vip"

    @pytest.mark.parametrize(
        "fields",
        [
            {"name": "n"},
            EVENTS | TRUTH,
            {"name": "n", "event": "Order Completed"},
            {"name": "n", "event": "Order Completed", "of": "Checkout Started"},
            EVENTS | {"among": "true"},
            TRUTH | {"within": "7 days"},
            TRUTH | {"of": "Checkout Started"},
            EVENTS | {"name": ""},
        ],
    )
    def test_is_measured_in_exactly_one_way(self, fields: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            kpi(**fields)

    def test_a_plain_text_is_still_a_kpi_that_nobody_measures(self) -> None:
        assert MapStage.model_validate(stage(kpi="Orders")).kpi_name == "Orders"

    @pytest.mark.parametrize(
        ("target", "share", "met"),
        [
            ("40%", 0.4, True),
            ("at least 40%", 0.39, False),
            ("at most 5%", 0.05, True),
            ("at most 5%", 0.06, False),
            ("100%", 0.99, False),
            ("2.5%", 0.025, True),
        ],
    )
    def test_a_target_is_the_least_unless_it_is_the_most(self, target: str, share: float, met: bool) -> None:
        assert kpi(**EVENTS, target=target).target.met(share) is met

    @pytest.mark.parametrize("target", ["40", 0.4, "101%", "-1%", "some 5%", "%", "", None])
    def test_a_target_is_a_percentage(self, target: object) -> None:
        with pytest.raises(ValidationError, match="percentage"):
            Kpi.model_validate({**EVENTS, "target": target})

    def test_a_target_is_written_as_it_is_meant(self) -> None:
        told = kpi(**EVENTS, target="at most 5%").model_dump(mode="json")
        assert told["target"] == "at most 5%"
        assert kpi(**EVENTS).model_dump(mode="json")["target"] == "at least 40%"


class TestTheCheckOfTheMap:
    def problems(self, *lines: str) -> list[tuple[int, int, str]]:
        head = "stages:\n  - key: purchase\n    name: Purchase\n    intent: Pay.\n    kpi:\n      name: K\n"
        text = head + "".join(f"      {line}\n" for line in (*lines, "target: 40%"))
        return [(one.line, one.column, one.code) for one in problems_in("journey-map", text)]

    def test_a_good_kpi_has_no_problems(self) -> None:
        assert self.problems("event: Order Completed", "of: Checkout Started", "within: 7 days") == []
        assert self.problems('expression: count("Order Completed") > 3', "among: profile.vip") == []

    def test_events_must_be_in_the_tracking_plan(self) -> None:
        found = self.problems("event: Order Complete", "of: Checkout Startd", "within: 7 days")
        assert found == [(7, 14, "unknown-event"), (8, 11, "unknown-event")]

    def test_expressions_must_be_true_or_false_of_a_profile(self) -> None:
        assert self.problems("expression: profile.vipp") == [(7, 27, "bad-expression")]
        assert self.problems("expression: profile.vip", "among: event.value > 3") == [(8, 14, "bad-expression")]

    def test_what_cannot_be_measured_is_told_at_the_kpi(self) -> None:
        assert self.problems("event: Order Completed") == [(5, 5, "bad-value")]

    def test_a_kpi_in_words_is_no_problem(self) -> None:
        text = "stages: [{key: purchase, name: P, intent: Pay., kpi: Orders}]"
        assert parse_workspace({**sources(cart=CAMPAIGN), "campaigns/journey-map.yaml": text})[1] == []


class TestCoverage:
    def test_a_stage_knows_what_is_sent_in_it_on_which_channel(self) -> None:
        coverage = covered(campaign("b", send("one", "push", "email")), campaign("a", send("two", "sms", ref="hi")))
        (purchase,) = coverage.stages
        assert [(use.campaign, use.step, use.message) for use in purchase.uses] == [
            ("a", "hi", "two"),
            ("b", "0.0", "one"),
        ]
        assert [use.message for use in purchase.by(Channel.EMAIL)] == ["one"]
        assert [use.message for use in purchase.by(Channel.SMS)] == ["two"]

    def test_messages_inside_branches_count(self) -> None:
        branch = {"if": "profile.vip", "then": [send("one")], "else": [send("two", "push")]}
        assert [use.message for use in covered(campaign("a", branch)).stages[0].uses] == ["one", "two"]

    def test_a_map_that_is_kept_has_no_gaps(self) -> None:
        assert codes(covered(campaign("a", send("one", "email"), send("two", "push")))) == []

    def test_a_stage_without_messages_is_a_gap_and_names_the_kpi_that_nothing_works_towards(self) -> None:
        coverage = covered()
        assert codes(coverage) == ["no-message"]
        assert "nothing works towards its KPI “Recovered”" in coverage.gaps[0].text

    def test_a_stage_whose_touchpoints_lie_elsewhere_needs_no_message(self) -> None:
        assert codes(covered(stages=[stage(touchpoints={"store": "A window"})])) == []
        assert codes(covered(stages=[stage(touchpoints={"store": "A window", "push": "A note"})])) == ["no-message"]

    def test_a_moment_of_truth_always_needs_one(self) -> None:
        coverage = covered(stages=[stage(touchpoints={"store": "A window"}, moment_of_truth=True)])
        assert codes(coverage) == ["no-message"]
        assert coverage.gaps[0].text.startswith("the moment of truth “Purchase” has no message")

    def test_owners_and_kpis_are_asked_for(self) -> None:
        ours = campaign("a", send(), send("two", "push"))
        assert codes(covered(ours, stages=[stage(owner="", kpi="")])) == ["no-owner", "no-kpi"]
        assert codes(covered(ours, stages=[stage(kpi="Orders")])) == ["kpi-not-measured"]

    def test_one_channel_for_everything_is_over_use_but_not_for_a_single_message(self) -> None:
        assert codes(covered(campaign("a", send(), send("two")))) == ["one-channel"]
        assert codes(covered(campaign("a", send()))) == []

    @pytest.mark.parametrize("channel", list(Channel))
    def test_marketing_has_a_bound_on_each_channel_and_what_people_wait_for_has_none(self, channel: Channel) -> None:
        other = "sms" if channel is Channel.EMAIL else "email"
        texts = [send(f"m{number}", channel) for number in range(MOST_MARKETING[channel])] + [send("m", channel, other)]
        assert codes(covered(campaign("a", *texts))) == ["overused-channel"]
        assert codes(covered(campaign("a", *texts[1:]))) == []
        assert codes(covered(campaign("a", *texts, purpose="transactional"))) == []

    def test_what_the_map_promises_on_a_channel_and_nobody_sends_is_told(self) -> None:
        promised = [stage(touchpoints={"email": "Letters", "sms": "One line", "store": "A chair"})]
        coverage = covered(campaign("a", send("one", "email")), stages=promised)
        assert codes(coverage) == ["unkept-touchpoint"]
        assert "promises by sms “One line”" in coverage.gaps[0].text
        assert codes(covered(stages=promised)) == ["no-message"]

    def test_a_channel_that_the_map_does_not_list_is_told_with_the_campaigns_that_use_it(self) -> None:
        ours = campaign("a", send("one", "email", "push"))
        coverage = covered(ours, stages=[stage(touchpoints={"email": "Letters"})])
        assert codes(coverage) == ["unplanned-channel"]
        assert coverage.gaps[0].text == "a may use push in “Purchase”, where the map has no such touchpoint"

    def test_campaigns_need_an_owner_and_stages_that_are_on_the_map(self) -> None:
        coverage = covered(campaign("a", send(), owner=""), campaign("b", send(), of="moon"))
        assert [(gap.code, gap.campaign, gap.stage) for gap in coverage.gaps] == [
            (GapCode.CAMPAIGN_WITHOUT_OWNER, "a", ""),
            (GapCode.STAGE_NOT_ON_MAP, "b", "moon"),
        ]

    def test_the_order_of_campaigns_does_not_matter(self) -> None:
        ours = [campaign(key, send("one", "email"), send("two", "push")) for key in "abc"]
        assert covered(*ours) == covered(*reversed(ours))


class TestTheShippedMap:
    def test_every_kpi_is_measured_and_every_stage_owned(self) -> None:
        journey_map = load_workspace(REPOSITORY).journey_map
        assert all(isinstance(one.kpi, Kpi) and one.owner for one in journey_map.stages)

    def test_has_no_gaps(self) -> None:
        workspace = load_workspace(REPOSITORY)
        assert cover(workspace.journey_map, workspace.campaigns.values()).gaps == ()


class TestTheManual:
    PAGE = (REPOSITORY / "docs/journey-map.md").read_text(encoding="utf-8")

    def test_the_example_is_a_map(self) -> None:
        (text,) = titled("yaml", self.PAGE).values()
        plan = (REPOSITORY / "campaigns/tracking-plan.yaml").read_text(encoding="utf-8")
        files = {**sources(), "campaigns/journey-map.yaml": text, "campaigns/tracking-plan.yaml": plan}
        workspace, problems = parse_workspace(files)
        assert problems == []
        assert workspace is not None
        assert all(isinstance(one.kpi, Kpi) for one in workspace.journey_map.stages)

    def test_every_gap_is_explained_with_its_bound(self) -> None:
        assert re.findall(r"^\| `([a-z-]+)` \|", self.PAGE, re.MULTILINE)[-len(GapCode) :] == [*GapCode]
        bounds = ", ".join(
            f"{most} by {'SMS' if on is Channel.SMS else on.value}" for on, most in MOST_MARKETING.items()
        )
        assert f"than it bears: {bounds} |" in self.PAGE

    def test_every_key_of_a_kpi_is_explained(self) -> None:
        (keys,) = re.findall(r"^\| key \| meaning \|\n(.*?)\n\n", self.PAGE, re.MULTILINE | re.DOTALL)
        assert set(Kpi.model_fields) <= set(re.findall(r"`(\w+)`", keys))
