"""Mermaid: one node a step, edges as the step machine walks them, and labels that can be nothing but labels."""

from __future__ import annotations

import re

import pytest

from dangol.model.steps import END, Exit
from dangol.surfaces.drawing.chart import make_chart
from dangol.surfaces.drawing.mermaid import mermaid, quoted
from tests.unit.drawing.samples import HOSTILE, campaign, hostile

NODE = re.compile(r'(\w+)(?:\(\[|\{\{|\[/|\(\(|\[)"([^"]*)"(?:\]\)|\}\}|/\]|\)\)|\])')
EDGE = re.compile(r'(\w+) -->(?:\|"([^"]*)"\|)? (\w+)')
SUBGRAPH = re.compile(r'subgraph \w+\["[^"]*"\]')


def lines(text: str) -> list[str]:
    head, *rest = text.splitlines()
    assert head == "flowchart TD"
    return [line.strip() for line in rest]


def edges(text: str) -> set[tuple[str, str, str]]:
    return {(match[1], match[2] or "", match[3]) for line in lines(text) if (match := EDGE.fullmatch(line))}


def test_edges_are_the_ways_of_the_step_machine() -> None:
    ours = campaign()
    ids = {placed.position: f"n{index}" for index, placed in enumerate(ours.placed)} | {END: "stop"}
    expected = {("start", ids["0.0"])}
    for placed in ours.placed:
        here = ids[placed.position]
        expected |= {(here, ids[placed.into(branch)]) for branch in placed.branches}
        if not placed.branches and not isinstance(placed.step, Exit):
            expected.add((here, ids[placed.following]))
    assert {(a, b) for a, _, b in edges(mermaid(make_chart(ours)))} == expected


def test_branches_carry_their_names_and_weights() -> None:
    assert {label for _, label, _ in edges(mermaid(make_chart(campaign())))} == {
        *("", "it happened", "not in time", "yes", "no", "plain 50%", "story 30%", "none 20%")
    }


@pytest.mark.parametrize("ours", [campaign(), hostile()], ids=["every step", "hostile"])
def test_every_line_is_a_node_an_edge_or_a_stage(ours: object) -> None:
    for line in lines(mermaid(make_chart(ours, people={"0.0": 5}))):  # type: ignore[arg-type]
        assert any(kind.fullmatch(line) for kind in (NODE, EDGE, SUBGRAPH)) or line == "end", line


def test_nothing_that_an_author_writes_gets_out_of_its_label() -> None:
    text = mermaid(make_chart(hostile(), stage_names={"purchase": HOSTILE}))
    for label in re.findall(r'"([^"]*)"', text):
        bare = re.sub(r"<br/>|#\d+;", "", label)
        assert not set(bare) & set('"<>&;`|{}[]#\\!$')
    assert "한글" in text


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ('say "hi"', '"say #34;hi#34;"'),
        ("a\nb", '"a b"'),
        ("1. Purchase", '"1#46; Purchase"'),
        ("- dash", '"#45; dash"'),
        ("#quot;", '"#35;quot#59;"'),
        ("구매 단계 2.0", '"구매 단계 2.0"'),
    ],
)
def test_a_label_is_quoted_so_that_mermaid_reads_the_same_text(text: str, label: str) -> None:
    assert quoted(text) == label


def test_people_and_what_ends_a_journey_are_drawn() -> None:
    text = mermaid(make_chart(campaign(), people={"0.2": 1234, "": 1, "end": 7}))
    assert text.count("waiting before this") == 3
    assert "1,234 waiting before this" in text
    assert 'goal["Goal<br/>Order Completed within 3 days"]' in text
    assert 'leaves["Leaves at any time on<br/>' in text
