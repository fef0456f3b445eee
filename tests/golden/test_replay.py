"""Golden histories: what is recorded of people on their way is what the code answers today."""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Iterator
from difflib import ndiff
from pathlib import Path

import pytest

from dangol.definitions.workspace import SHARED
from dangol.journeys.flow import Flow
from dangol.model.steps import Emit, Exit, Send, Set, Webhook
from tests.golden.histories import FOLDER, Recorded, definition, dump, journey, load, release, replay
from tests.golden.personas import personas
from tests.golden.record import record
from tests.workspaces import ROOT

SHIPPED = sorted(path.stem for path in (ROOT / "campaigns").glob("*.yaml") if path.stem not in SHARED)
SHOWN = 3


def complaint(recorded: Recorded, flow: Flow, now: str) -> str | None:
    """What is different, and for whom; None if nothing is. ``now`` is the campaign's digest as it is."""
    key = recorded["campaign"]
    again = f"python -m tests.golden.record {key}"
    different = list(_differences(recorded, flow))
    if now != recorded["definition"]:
        told = [
            f"campaigns/{key}.yaml has changed since journeys through it were recorded, which is fine for people under",
            "way: they keep the version that they began with. Whoever enters from now on finds what `git diff` shows",
            f"after: {again}",
        ]
        return "\n".join(told)
    if not different:
        return None
    told = [
        f"campaigns/{key}.yaml is as it was when journeys through it were recorded, but the code answers differently:",
        "people under way would get something else than what they entered for.",
        f"Answers that differ: {len(different)}",
        *different[:SHOWN],
        *([f"… and {len(different) - SHOWN} more"] if len(different) > SHOWN else []),
        f"If that is meant, say in CHANGELOG.md what changes for people under way, and record anew: {again}",
    ]
    return "\n".join(told)


def _differences(recorded: Recorded, flow: Flow) -> Iterator[str]:
    for one in recorded["journeys"]:
        for was, answered, where in replay(flow, one):
            if was != answered:
                lines = ndiff(dump(was).splitlines(), dump(answered).splitlines())
                diff = "\n".join(f"    {line}" for line in lines if not line.startswith("?"))
                yield f"\n  customer {one['customer']!r}, {where}, asked at {was['at']} (- recorded, + now):\n{diff}\n"


def reached(recorded: Recorded) -> set[str]:
    """Positions of the steps that some recorded journey ran; of those that leave a trace."""
    answers = [answer for one in recorded["journeys"] for answer in one["answers"]]
    asked = {command["step"].split()[1] for answer in answers for command in answer.get("asks", ())}
    return asked | {answer["ended"]["position"] for answer in answers if "ended" in answer}


def test_every_shipped_campaign_has_its_recorded_journeys_and_no_other_has() -> None:
    kept = sorted(path.stem for path in FOLDER.glob("*.yaml"))
    assert kept == SHIPPED, "record what is missing and take out what is too much: python -m tests.golden.record"


@pytest.mark.parametrize("key", SHIPPED)
def test_people_under_way_get_what_was_recorded(key: str) -> None:
    told = complaint(load(FOLDER / f"{key}.yaml"), release(key).flow, definition(key))
    if told is not None:
        pytest.fail(told, pytrace=False)


@pytest.mark.parametrize("key", SHIPPED)
def test_every_step_is_reached_by_somebody(key: str) -> None:
    doing = {
        placed.position
        for placed in release(key).campaign.placed
        if isinstance(placed.step, Send | Set | Emit | Webhook | Exit)
    }
    missing = sorted(doing - reached(load(FOLDER / f"{key}.yaml")))
    assert not missing, f"nobody reaches {missing}: add a customer to SPECIAL in tests/golden/personas.py, record anew"


@pytest.mark.parametrize("key", SHIPPED)
def test_every_history_is_told_from_the_entry_to_the_end(key: str) -> None:
    recorded = load(FOLDER / f"{key}.yaml")
    names = Counter(one["customer"] for one in recorded["journeys"])
    assert max(names.values()) == 1, "two customers of one name cannot be told apart"
    for one in recorded["journeys"]:
        *under_way, last = one["answers"]
        assert all("waits" in answer for answer in under_way)
        assert "ended" in last


class TestTheGuardItself:
    """A guard that never speaks is none: this is what it says when something is different."""

    KEY = "cart_recovery"

    @pytest.fixture
    def recorded(self) -> Recorded:
        return copy.deepcopy(load(FOLDER / f"{self.KEY}.yaml"))

    def complaint(self, recorded: Recorded) -> str:
        told = complaint(recorded, release(self.KEY).flow, definition(self.KEY))
        assert told is not None
        return told

    def test_another_answer_names_customer_place_instant_and_both_answers(self, recorded: Recorded) -> None:
        silent = recorded["journeys"][0]
        silent["answers"][1]["asks"][0]["by"] = "sms"
        told = self.complaint(recorded)
        assert f"customer 'silent', waiting at 0.1, asked at {silent['answers'][1]['at']}" in told
        assert re.search(r"^    - .*by: sms.*\n    \+ .*by: push or email", told, re.MULTILINE)
        assert "say in CHANGELOG.md what changes for people under way" in told
        assert f"python -m tests.golden.record {self.KEY}" in told

    def test_one_difference_is_told_once_because_each_answer_is_asked_for_from_the_recorded_state(
        self, recorded: Recorded
    ) -> None:
        recorded["journeys"][0]["answers"][0]["waits"]["until"] = "2026-03-02T12:00:00+09:00"
        assert "Answers that differ: 1\n" in self.complaint(recorded)

    def test_many_differences_are_counted_and_not_all_shown(self, recorded: Recorded) -> None:
        for one in recorded["journeys"]:
            one["answers"][-1]["ended"]["reason"] = "campaign_over"
        told = self.complaint(recorded)
        assert told.count("  customer ") == SHOWN
        assert f"… and {len(recorded['journeys']) - SHOWN} more" in told

    def test_a_changed_campaign_is_told_apart_from_changed_code(self, recorded: Recorded) -> None:
        recorded["definition"] = "of another day"
        told = self.complaint(recorded)
        assert "they keep the version that they began with" in told
        assert f"python -m tests.golden.record {self.KEY}" in told

    def test_a_step_that_nobody_reaches_is_noticed(self, recorded: Recorded) -> None:
        assert "0.3" in reached(recorded)
        recorded["journeys"] = [one for one in recorded["journeys"] if one["customer"].endswith(", soon")]
        assert "0.3" not in reached(recorded)


class TestTheRecorder:
    def test_recording_twice_tells_the_same_and_changes_nothing(self, tmp_path: Path) -> None:
        assert [path.name for path in record(["win_back"], tmp_path)] == ["win_back.yaml"]
        text = (tmp_path / "win_back.yaml").read_text(encoding="utf-8")
        assert record(["win_back"], tmp_path) == []
        assert text == (FOLDER / "win_back.yaml").read_text(encoding="utf-8")

    def test_files_of_campaigns_that_are_gone_are_taken_out(self, tmp_path: Path) -> None:
        orphan = tmp_path / "summer_of_1999.yaml"
        orphan.write_text("campaign: summer_of_1999\n", encoding="utf-8")
        assert record([], tmp_path) == [orphan]
        assert not orphan.exists()

    def test_every_arm_of_an_experiment_has_a_customer(self) -> None:
        recorded = release("quiet_regular")
        drawn = [
            command["arm"]
            for persona in personas(recorded)
            for answer in journey(recorded.flow, persona)["answers"]
            for command in answer.get("asks", ())
            if "arm" in command
        ]
        assert set(drawn) == {"ask", "tell"}
