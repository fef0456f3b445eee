"""Alert rules and dashboard: well formed, and about figures, labels, decisions and reasons that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from ruamel.yaml import YAML

from dangol.meters import METERS, Kind, Meter
from dangol.model.vocabulary import Decision, Reason
from dangol.surfaces.hooks.tally import Came
from tests.docs.pages import ROOT, read

RULES: list[dict[str, Any]] = YAML(typ="safe", pure=True).load(read("deploy/prometheus/alerts.yaml"))["groups"][0][
    "rules"
]
DASHBOARD: dict[str, Any] = json.loads(read("deploy/grafana/dangol.json"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
OTHERS = {"up", "process_resident_memory_bytes"}
WORDS = {"sum", "max", "min", "by", "rate", "increase", "histogram_quantile", "le", "instance", "job"}
OUTCOMES = {"accepted", "refused", "busy", "unknown"}


def exposed() -> dict[str, Meter]:
    """Every name that Prometheus stores, and its meter."""
    names = {}
    for meter in METERS.values():
        for suffix in ("_bucket", "_sum", "_count") if meter.kind is Kind.HISTOGRAM else ("",):
            names[meter.exposed + suffix] = meter
    return names


def expressions() -> Iterator[tuple[str, str]]:
    yield from ((rule["alert"], rule["expr"]) for rule in RULES)
    yield from ((panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"])


def bare(expression: str) -> str:
    return re.sub(r'"[^"]*"', '""', expression)


@pytest.mark.parametrize(("name", "expression"), list(expressions()))
def test_every_figure_and_label_that_is_asked_for_exists(name: str, expression: str) -> None:
    known = exposed()
    words = set(re.findall(r"\b[a-z][a-z_]*\b", re.sub(r"\[\w+\]", "", bare(expression))))
    figures = {word for word in words if word in known or word in OTHERS}
    labels = {label for word in figures if word in known for label in known[word].labels}
    assert figures, f"{name} asks for no figure"
    assert words - figures - labels - WORDS == set()


@pytest.mark.parametrize(("name", "expression"), list(expressions()))
def test_a_counter_is_asked_for_by_its_rate_and_a_quantile_by_its_buckets(name: str, expression: str) -> None:
    for word in re.findall(r"\bdangol_\w+", expression):
        meter = exposed()[word]
        moving = rf"(rate|increase)\({word}(\{{[^}}]*\}})?\[\d+[mhd]\]\)"
        if meter.kind is not Kind.GAUGE:
            assert re.search(moving, expression), name
        if word.endswith("_bucket"):
            assert "histogram_quantile" in expression
            assert "le)" in expression


@pytest.mark.parametrize(("name", "expression"), list(expressions()))
def test_parentheses_are_closed(name: str, expression: str) -> None:
    depth = 0
    for character in bare(expression):
        depth += {"(": 1, ")": -1}.get(character, 0)
        assert depth >= 0, name
    assert depth == 0, name


def test_the_values_that_are_asked_for_exist() -> None:
    allowed = {
        "decision": set(Decision),
        "reason": set(Reason),
        "outcome": OUTCOMES,
        "state": {"in use", "idle", "limit"},
        "result": set(Came),
        "job": {"dangol"},
    }
    for name, expression in expressions():
        for label, values in re.findall(r'(\w+)(?:=|!=|=~)"([^"]*)"', expression):
            assert set(values.split("|")) <= allowed[label], name


def test_every_alert_says_what_is_wrong_how_urgent_it_is_and_where_to_read_on() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len(set(names)) > 10
    for rule in RULES:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"


def test_every_alert_has_what_to_do_in_the_docs_and_no_other_is_told() -> None:
    page = read("docs/operations.md")
    assert re.findall(r"^### (Dangol\w+)$", page, re.MULTILINE) == [rule["alert"] for rule in RULES]


def test_everything_that_can_be_counted_is_on_the_dashboard() -> None:
    shown = {exposed()[word].name for _, text in expressions() for word in re.findall(r"\bdangol_\w+", text)}
    assert shown == set(METERS)


def test_the_dashboard_has_panels_that_do_not_overlap() -> None:
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    cells: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not own & cells, panel["title"]
        cells |= own
    assert all(panel["datasource"] == {"type": "prometheus", "uid": "${source}"} for panel in PANELS)


def test_both_files_lie_where_the_docs_say() -> None:
    for path in ("deploy/prometheus/alerts.yaml", "deploy/grafana/dangol.json"):
        assert (ROOT / path).exists()
        assert path in read("docs/operations.md")
