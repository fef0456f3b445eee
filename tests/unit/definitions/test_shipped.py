"""The shipped workspace and every example in docs/campaigns.md load without a problem."""

from __future__ import annotations

import re

import pytest
from pydantic import BaseModel

from dangol.definitions.checks import MAX_STEPS
from dangol.definitions.schema import FILES
from dangol.definitions.workspace import load_workspace, parse_workspace
from dangol.definitions.yaml import MAX_DEPTH, MAX_VALUES
from dangol.model.campaign import Campaign, Entry, Goal, Stage
from dangol.model.steps import STEP_TYPES, Send
from dangol.model.vocabulary import Channel, OnCapped, Purpose
from dangol.model.workspace import Cap, JourneyMap, MapStage, Policies, QuietHours, Segments, TrackingPlan, ValueType
from tests.unit.definitions.samples import REPOSITORY, TEMPLATES, texts_for

PAGE = (REPOSITORY / "docs/campaigns.md").read_text()
EXAMPLES = {match[1]: match[2] for match in re.finditer(r"```yaml\n# (\S+)\n(.*?)```", PAGE, re.DOTALL)}


def test_the_shipped_workspace_loads() -> None:
    workspace = load_workspace(REPOSITORY)
    assert {key: campaign.purpose for key, campaign in workspace.campaigns.items()} == {
        "first_purchase_welcome": Purpose.MARKETING,
        "monthly_newsletter": Purpose.MARKETING,
        "order_confirmation": Purpose.TRANSACTIONAL,
        "second_purchase": Purpose.MARKETING,
        "vip_thanks": Purpose.MARKETING,
        "win_back": Purpose.MARKETING,
    }
    assert [stage.key for stage in workspace.journey_map.stages] == [
        "awareness",
        "consideration",
        "comparison",
        "purchase",
        "onboarding",
        "after_service",
        "loyalty",
    ]
    assert set(workspace.segments) == {"regulars", "lapsed", "vip"}


def test_every_yaml_example_in_the_docs_names_its_file() -> None:
    assert len(EXAMPLES) == PAGE.count("```yaml") == 6


def test_the_examples_in_the_docs_are_a_workspace_without_problems() -> None:
    messages = {name: tuple(Channel) for name in re.findall(r"send: (\w+)", "".join(EXAMPLES.values()))}
    workspace, problems = parse_workspace(texts_for({**TEMPLATES, **EXAMPLES}, messages))
    assert problems == []
    assert workspace is not None
    assert set(workspace.campaigns) == {"cart_recovery", "regulars_thanks"}


@pytest.mark.parametrize(
    "model",
    [Campaign, Entry, Goal, Stage, Send, JourneyMap, MapStage, TrackingPlan, Policies, QuietHours, Cap, Segments],
)
def test_the_docs_explain_every_key(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        assert f"`{field.alias or name}`" in PAGE or f"  {field.alias or name}: " in PAGE, name


def test_the_docs_name_every_word_and_limit() -> None:
    words = [*STEP_TYPES, *Purpose, *OnCapped, *ValueType, f"{MAX_DEPTH} levels", f"{MAX_VALUES:,} values"]
    for word in [*words, f"{MAX_STEPS} steps", *(f"campaigns/{kind}.yaml" for kind in FILES if kind != "campaign")]:
        assert str(word) in PAGE
