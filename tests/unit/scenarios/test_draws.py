"""Who the customer is decides hold-outs and splits, and is chosen so that these fall as a scenario says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dangol import ids
from dangol.errors import UsageError
from dangol.ids import SeededEntropy
from dangol.journeys.machine import draw
from dangol.model.campaign import Campaign
from dangol.model.steps import Split
from dangol.policy.holdout import ALL_CAMPAIGNS, position
from dangol.scenarios.draws import Lottery, seed_for
from tests.workspaces import campaign, note

AT = datetime(2026, 3, 1, tzinfo=UTC)
SPLIT = {"split": {"copy": {"plain": 90, "story": 10}}, "plain": [note()], "story": [note()]}
TESTED = Campaign.model_validate(campaign("tested", SPLIT, holdout="10%"))
OTHER = Campaign.model_validate(campaign("other", holdout="50%"))


def profile_id(seed: str) -> str:
    return ids.opaque(AT, SeededEntropy(seed))


def chosen(name: str, **wanted: object) -> str:
    given = {"held_out_of": None, "arms": {}, "of_all": 0.02, **wanted}
    return profile_id(seed_for(name, AT, [TESTED, OTHER], **given))  # type: ignore[arg-type]


def arm_of(person: str) -> str:
    step = TESTED.placed[0].step
    assert isinstance(step, Split)
    return draw("tested", step, person)


@pytest.mark.parametrize("name", ["a", "b", "c", "d", "e", "f"])
def test_unless_said_nobody_is_held_out_and_the_first_arm_is_drawn(name: str) -> None:
    person = chosen(name)
    assert position("tested", person) >= 0.1
    assert position("other", person) >= 0.5
    assert position(ALL_CAMPAIGNS, person) >= 0.02
    assert arm_of(person) == "plain"


@pytest.mark.parametrize("name", ["a", "b", "c", "d", "e", "f"])
def test_a_scenario_chooses_hold_out_and_arm(name: str) -> None:
    person = chosen(name, held_out_of="tested", arms={"copy": "story"})
    assert position("tested", person) < 0.1
    assert position("other", person) >= 0.5
    assert arm_of(person) == "story"


def test_the_same_scenario_is_always_about_the_same_person() -> None:
    assert chosen("a") == chosen("a") != chosen("b")


def test_what_is_next_to_impossible_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dangol.scenarios.draws._TRIES", 50)
    with pytest.raises(UsageError, match="ask for fewer"):
        chosen("a", held_out_of="nowhere", of_all=1.0)


def test_the_lottery_begins_anew_with_each_seed() -> None:
    lottery = Lottery()
    lottery.begin("x")
    first = lottery.bytes(8)
    lottery.bytes(8)
    lottery.begin("x")
    assert lottery.bytes(8) == first
