"""What a careful colleague says about a change: every kind of it, and nothing about a harmless one."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from typing import Any

import pytest

from dangol.definitions.diff import diff
from dangol.definitions.versions import Version
from dangol.planner import cautions as module
from dangol.planner.cautions import Audience, Counted, cautions
from dangol.planner.migration import Fate
from tests.unit.definitions.samples import REPOSITORY
from tests.unit.definitions.versions import send, version, wait

STAYS: dict[str, Any] = {"tags": ["a"], "entry": {"event": "Checkout Started", "again": {"after": "7 days"}}}
CAP = {"key": "weekly", "limit": 3, "window": "rolling 7 days"}
NIGHT = {"from": "21:00", "to": "08:00"}
HOLIDAYS = {"from": "00:00", "to": "00:00", "holidays": "KR"}
_ELSEWHERE = "'holidays': 'US'"
"""Holidays of another place: each way opens some."""
STRICT = {"id": "KR-night", "from": "20:00"}
LOOSE = {"id": "KR-night", "from": "22:00", "reason": "Our counsel reads it otherwise.", "by": "Legal"}


def law(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"jurisdictions": {"rules": list(rules)}}


def counted(**facts: Any) -> Counted:
    return Counted(
        **{"fates": (), "audience": None, "had_lately": {}, "users": {}, "growth": 0.2, **facts},
    )


def told(old: Version | None, new: Version | None, **facts: Any) -> dict[str, str]:
    changes = diff(old, new) if old is not None and new is not None else diff(version(), version())
    return {one.code: one.text for one in cautions(old, new, changes, counted(**facts))}


def standing(old: Version, position: str, to: str | None = None, people: int = 3) -> Sequence[Fate]:
    return [Fate("cart", old.id, position, False, "x", "y", people, people, to)]


def test_a_harmless_change_is_told_nothing_about() -> None:
    assert told(version(**STAYS), version(**STAYS, name="Basket")) == {}


def test_a_send_that_comes_earlier_is_told_with_who_had_it_lately() -> None:
    entry = STAYS["entry"]
    old = version(wait("1 day", "w"), wait("2 days", "v"), send(ref="a"), entry=entry)
    new = version(send(ref="a"), wait("1 day", "w"), wait("2 days", "v"), entry=entry)
    assert "`a` comes earlier now: 12 people had nudge" in told(old, new, had_lately={"nudge": 12})["send-again"]
    assert "send-again" not in told(old, new)


def test_who_enters_only_once_gets_nothing_twice() -> None:
    assert "send-again" not in told(version(wait("1 day")), version(send()), had_lately={"nudge": 12})


def test_people_who_are_past_a_new_send_are_counted() -> None:
    old, new = (
        version(wait("1 day", "w"), send(ref="a")),
        version(send("thanks", "b"), wait("1 day", "w"), send(ref="a")),
    )
    assert "`b` is new, but not for 3 people" in told(old, new, fates=standing(old, "0.1", to="0.2"))["send-missed"]
    assert "send-missed" not in told(old, new, fates=standing(old, "0.0", to="0.0"))


def test_a_removed_step_with_people_at_it_is_told() -> None:
    old, new = version(wait("1 day"), send(ref="a"), send(ref="b")), version(wait("1 day"), send(ref="b"))
    assert (
        "`a` (send nudge by email) is gone, with 3 people at it"
        in told(old, new, fates=standing(old, "0.1"))["step-removed"]
    )
    assert "step-removed" not in told(old, new, fates=standing(old, "0.2", to="0.1"))


def test_a_removed_wait_with_people_in_it_is_told() -> None:
    old, new = version(wait("5 days"), send(ref="a")), version(send(ref="a"))
    told_of = told(old, new, fates=standing(old, "0.1", to="0.0"))["step-removed"]
    assert "(wait 5 days) is gone, with 3 people in it" in told_of


@pytest.mark.parametrize("steps", [(), (wait("1 day", "w"),)])
def test_a_send_that_comes_earlier_because_a_wait_is_shorter_or_gone_is_told_with_who_had_it(
    steps: tuple[dict[str, Any], ...],
) -> None:
    entry = STAYS["entry"]
    old, new = version(wait("3 days", "w"), send(ref="a"), entry=entry), version(*steps, send(ref="a"), entry=entry)
    gained = "2 days" if steps else "3 days"
    changes = cautions(old, new, diff(old, new), counted(had_lately={"nudge": 2}, who={"nudge": ["kim", "lee"]}))
    (again,) = (one for one in changes if one.code == "send-again")
    assert f"`a` comes {gained} earlier now: 2 people had nudge" in again.text
    assert again.people == ("kim", "lee")


def test_a_send_of_another_message_is_told() -> None:
    old, new = version(send(ref="a"), entry=STAYS["entry"]), version(send("thanks", "a"), entry=STAYS["entry"])
    assert (
        "`a` sends another message now: 4 people had thanks" in told(old, new, had_lately={"thanks": 4})["send-again"]
    )


def test_a_campaign_that_goes_out_of_service_with_people_in_it_is_told() -> None:
    old = version()
    assert "3 people" in told(old, None, fates=standing(old, "0.0"))["withdrawn-with-people"]
    assert told(old, None) == {}


@pytest.mark.parametrize(
    ("sizes", "code"),
    [
        ((100, 121, 500), "audience-grown"),
        ((0, 1, 500), "audience-grown"),
        ((100, 0, 500), "audience-empty"),
        ((None, 0, 500), "audience-empty"),
        ((None, 500, 500), "audience-everybody"),
    ],
)
def test_an_audience_that_is_odd_is_told(sizes: tuple[int | None, int, int], code: str) -> None:
    assert list(told(version(), version(), audience=Audience(*sizes))) == [code]


@pytest.mark.parametrize("sizes", [(100, 120, 500), (100, 50, 500), (500, 500, 500), (None, 3, 500), (None, 0, 0)])
def test_an_audience_that_is_not_odd_is_not(sizes: tuple[int | None, int, int]) -> None:
    assert told(version(), version(), audience=Audience(*sizes)) == {}


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ({}, {"entry": {"event": "Checkout Started", "again": "always"}}, "again-widened"),
        (STAYS, {**STAYS, "entry": {"event": "Checkout Started", "again": {"after": "1 day"}}}, "again-widened"),
        ({"entry": {"event": "Checkout Started", "where": "event.value > 1"}}, {}, "entry-widened"),
        ({}, {"entry": {"event": "Order Completed"}}, "entry-changed"),
        ({"holdout": "10%"}, {}, "holdout-loosened"),
        ({"exit": ["Order Completed"]}, {}, "exit-removed"),
        ({"purpose": "marketing"}, {"purpose": "transactional"}, "purpose-loosened"),
        ({"purpose": "service"}, {"purpose": "transactional"}, "purpose-loosened"),
    ],
)
def test_a_campaign_that_holds_back_less_is_told(before: dict[str, Any], after: dict[str, Any], code: str) -> None:
    assert code in told(version(**before), version(**after))
    assert code not in told(version(**after), version(**before)) or code == "entry-changed"


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ({"caps": [CAP]}, {}, "cap-loosened"),
        ({"caps": [CAP]}, {"caps": [{**CAP, "limit": 4}]}, "cap-loosened"),
        ({"caps": [CAP]}, {"caps": [{**CAP, "window": "rolling 1 day"}]}, "cap-loosened"),
        ({}, {"capped_purposes": ["marketing"]}, "cap-loosened"),
        ({"quiet_hours": [NIGHT]}, {}, "quiet-hours-loosened"),
        ({"quiet_hours": [NIGHT]}, {"quiet_hours": [{**NIGHT, "from": "22:00"}]}, "quiet-hours-loosened"),
        ({"quiet_hours": [NIGHT]}, {"quiet_hours": [{**NIGHT, "channels": ["sms"]}]}, "quiet-hours-loosened"),
        ({"quiet_hours": [HOLIDAYS]}, {}, "quiet-hours-loosened"),
        ({"quiet_hours": [HOLIDAYS]}, {"quiet_hours": [{**HOLIDAYS, "from": "09:00"}]}, "quiet-hours-loosened"),
        ({"quiet_hours": [HOLIDAYS]}, {"quiet_hours": [{**HOLIDAYS, "holidays": "US"}]}, "quiet-hours-loosened"),
        ({"quiet_hours": [NIGHT]}, {"quiet_hours": [{**NIGHT, "holidays": "KR"}]}, "quiet-hours-loosened"),
        ({"quiet_hours": [NIGHT]}, {"quiet_hours": [{**NIGHT, "unless_consent": "night"}]}, "quiet-hours-loosened"),
        ({"jurisdictions": {"serves": ["KR", "DE"]}}, {"jurisdictions": {"serves": ["KR"]}}, "law-loosened"),
        (law(STRICT), {}, "law-loosened"),
        (law(STRICT), law(LOOSE), "law-loosened"),
        ({}, law(LOOSE), "law-loosened"),
        ({}, law({**LOOSE, "off": True}), "law-loosened"),
        (law({"id": "DE-doi", "double_opt_in": "required"}), {}, "law-loosened"),
        (law({"id": "US-FL-limit", "most": 1}), law({"id": "US-FL-limit", "most": 2}), "law-loosened"),
        ({}, {"consent_required": ["marketing"]}, "consent-loosened"),
        ({"holdout": "5%"}, {}, "holdout-loosened"),
    ],
)
def test_policies_that_hold_back_less_are_told(before: dict[str, Any], after: dict[str, Any], code: str) -> None:
    assert list(told(version(policies=before), version(policies=after))) == [code]
    back = told(version(policies=after), version(policies=before))
    assert back == {} or (code in back and _ELSEWHERE in str(after))


def test_a_holiday_that_is_kept_every_day_is_still_kept() -> None:
    before = version(policies={"quiet_hours": [{**NIGHT, "holidays": "KR"}]})
    week = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    assert told(before, version(policies={"quiet_hours": [NIGHT]})) == {}
    assert told(before, version(policies={"quiet_hours": [{**NIGHT, "days": week}]})) == {}


def test_a_rule_that_is_loosened_is_told_with_its_reason() -> None:
    assert told(version(), version(policies=law(LOOSE)))["law-loosened"] == (
        "the rule KR-night holds back less: Our counsel reads it otherwise."
    )


def test_new_weights_are_told_with_what_they_do_not_change() -> None:
    def split(plain: int) -> Version:
        return version({"split": {"copy": {"plain": plain, "story": 100 - plain}}, "plain": [send()], "story": []})

    assert "who has an arm keeps it" in told(split(50), split(80))["weights-changed"]


def test_a_text_that_other_campaigns_send_too_is_told() -> None:
    new = version(changed={"templates/nudge/email.ko.md.j2": "post\n"})
    assert "which welcome also sends" in told(version(), new, users={"nudge": {"welcome"}})["text-shared"]
    assert told(version(), new, users={"nudge": set()}) == {}


def test_every_warning_is_explained_on_the_page_about_deploying() -> None:
    page = (REPOSITORY / "docs/deploying.md").read_text(encoding="utf-8")
    table = page.split("### Warnings", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    explained = re.findall(r"`([a-z-]+)`", " ".join(rows))
    made = set(re.findall(r'Caution\(\s*"([a-z-]+)"', inspect.getsource(module)))
    assert sorted(explained) == sorted(made)


def test_what_goes_out_faster_than_before_is_told() -> None:
    blast = {"entry": {"audience": "profile.vip"}}
    slow, slower = version(**blast, spread="6 hours"), version(**blast, spread="1 day")
    assert told(slow, version(**blast))["spread-shortened"] == "what went out over 6 hours goes out at once"
    assert told(slower, slow)["spread-shortened"] == "what went out over 1 day goes out over 6 hours"
    assert "spread-shortened" not in told(slow, slower)
