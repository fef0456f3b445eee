"""The shipped workspace and every example in docs/campaigns.md load without a problem."""

from __future__ import annotations

import re
from textwrap import indent

import pytest
from pydantic import BaseModel

from dangol.batch.changes import MAX_HOPS
from dangol.definitions.checks import MAX_STEPS
from dangol.definitions.schema import FILES
from dangol.definitions.workspace import load_workspace, parse_workspace
from dangol.definitions.yaml import MAX_DEPTH, MAX_VALUES
from dangol.model.campaign import Campaign, Entry, ExitOn, Goal, Stage
from dangol.model.durations import format_duration
from dangol.model.forms import ConsentForm, ConsentForms, FormWording
from dangol.model.steps import STEP_TYPES, Add, Awaited, From, Until
from dangol.model.times import MORNING
from dangol.model.vocabulary import Channel, OnCapped, Purpose
from dangol.model.workspace import Cap, JourneyMap, MapStage, Policies, QuietHours, Segments, TrackingPlan, ValueType
from dangol.triggers.schedule import LOOKED_AT
from tests.unit.definitions.samples import REPOSITORY, TEMPLATES, texts_for

PAGE = (REPOSITORY / "docs/campaigns.md").read_text()
BLOCKS = [(match[1], match[2]) for match in re.finditer(r"```yaml\n# (\S+)\n(.*?)```", PAGE, re.DOTALL)]
EXAMPLES = {name: text for name, text in BLOCKS if name != "steps"}
STEPS = [text for name, text in BLOCKS if name == "steps"]
AROUND = """\
key: example
name: Example
purpose: marketing
entry: {event: Checkout Started, key: event.cart_id}
stages:
  - stage: purchase
    steps:
      - send: reminder
        channels: [push]
"""


def test_the_shipped_workspace_loads() -> None:
    workspace = load_workspace(REPOSITORY)
    shared = {f"{kind}.yaml" for kind in FILES}
    files = {path.stem for path in (REPOSITORY / "campaigns").glob("*.yaml") if path.name not in shared}
    assert set(workspace.campaigns) == files
    assert {campaign.purpose for campaign in workspace.campaigns.values()} == set(Purpose)
    assert [stage.key for stage in workspace.journey_map.stages] == [
        "awareness",
        "consideration",
        "comparison",
        "purchase",
        "onboarding",
        "after_service",
        "loyalty",
    ]
    assert {"regulars", "lapsed", "vip"} <= set(workspace.segments)


def test_every_yaml_example_in_the_docs_says_what_it_is() -> None:
    assert len(EXAMPLES) == 8
    assert len(EXAMPLES) + len(STEPS) == PAGE.count("```yaml")


def test_the_examples_in_the_docs_are_a_workspace_without_problems() -> None:
    workspace, problems = parse_workspace(_with_texts(EXAMPLES))
    assert problems == []
    assert workspace is not None
    assert set(workspace.campaigns) == {"cart_recovery", "regulars_letter", "regulars_thanks"}


@pytest.mark.parametrize("steps", STEPS, ids=lambda text: text.split(":")[0].strip("- "))
def test_the_examples_of_steps_in_the_docs_work(steps: str) -> None:
    files = {**EXAMPLES, "campaigns/example.yaml": AROUND + indent(steps, "      ")}
    workspace, problems = parse_workspace(_with_texts(files))
    assert problems == []
    assert workspace is not None


def test_the_docs_show_every_kind_of_step() -> None:
    assert {verb for text in STEPS for verb in re.findall(r"^- (\w+):", text, re.MULTILINE)} == set(STEP_TYPES)
    assert re.findall(r"^\| \[`(\w+)`\]\(#\w+\)", PAGE, re.MULTILINE) == list(STEP_TYPES)


def _with_texts(files: dict[str, str]) -> dict[str, str]:
    """``files`` with an empty text on every channel for every message that they send."""
    messages: dict[str, tuple[str, ...]] = {
        name: tuple(Channel) for name in re.findall(r"send: (\w+)", "".join(files.values()))
    }
    return texts_for({**TEMPLATES, **files}, messages)


@pytest.mark.parametrize(
    "model",
    [
        *(Campaign, Entry, ExitOn, Goal, Stage, *STEP_TYPES.values(), Until, Awaited, From, Add),
        *(JourneyMap, MapStage, TrackingPlan, Policies, QuietHours, Cap, Segments),
        *(ConsentForms, ConsentForm, FormWording),
    ],
)
def test_the_docs_explain_every_key(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        assert f"`{field.alias or name}`" in PAGE or f"  {field.alias or name}: " in PAGE, name


def test_the_docs_name_every_word_and_limit() -> None:
    words = [*STEP_TYPES, *Purpose, *OnCapped, *ValueType, f"{MAX_DEPTH} levels", f"{MAX_VALUES:,} values"]
    words += [f"cut after {MAX_HOPS} hops"]
    words += [f"{default} unless given" for default in (f"{MORNING:%H:%M}", format_duration(LOOKED_AT))]
    for word in [*words, f"{MAX_STEPS} steps", *(f"campaigns/{kind}.yaml" for kind in FILES if kind != "campaign")]:
        assert str(word) in PAGE
