"""The JSON Schemas that editors use accept what is shipped and refuse what dangol refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from dangol.definitions.schema import FILES, json_schema, names_at, words_at
from dangol.definitions.yaml import read_yaml
from dangol.model.campaign import Campaign
from dangol.model.steps import STEP_TYPES
from tests.unit.definitions.samples import CAMPAIGN, REPOSITORY

KEYWORDS = set(
    "$schema $defs $ref type properties required additionalProperties patternProperties propertyNames minProperties "
    "items anyOf enum const pattern minItems maxItems minLength maxLength minimum maximum title description examples "
    "default".split()
)
TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def accepts(root: dict[str, Any], schema: dict[str, Any], value: Any) -> bool:
    """The keywords our schemas use, by the meaning that draft 2020-12 gives them."""
    if "$ref" in schema and not accepts(root, root["$defs"][schema["$ref"].rsplit("/", 1)[1]], value):
        return False
    if "anyOf" in schema and not any(accepts(root, option, value) for option in schema["anyOf"]):
        return False
    if "type" in schema and (
        not isinstance(value, TYPES[schema["type"]]) or (isinstance(value, bool) and schema["type"] != "boolean")
    ):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "const" in schema and value != schema["const"]:
        return False
    if isinstance(value, dict):
        return _accepts_object(root, schema, value)
    if isinstance(value, list):
        return schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)) and all(
            accepts(root, schema.get("items", {}), item) for item in value
        )
    if isinstance(value, str):
        return bool(
            re.search(schema.get("pattern", ""), value)
            and schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10**9)
        )
    if isinstance(value, int | float):
        return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))
    return True


def _accepts_object(root: dict[str, Any], schema: dict[str, Any], value: dict[str, Any]) -> bool:
    if not set(schema.get("required", ())) <= value.keys() or len(value) < schema.get("minProperties", 0):
        return False
    for key, item in value.items():
        if "propertyNames" in schema and not accepts(root, schema["propertyNames"], key):
            return False
        below = [schema["properties"][key]] if key in schema.get("properties", {}) else []
        below += [one for pattern, one in schema.get("patternProperties", {}).items() if re.search(pattern, key)]
        others = schema.get("additionalProperties", {})
        if not below and others is False:
            return False
        if not below and isinstance(others, dict):
            below = [others]
        if not all(accepts(root, one, item) for one in below):
            return False
    return True


def _kind(file: Path) -> str:
    return file.stem if file.stem in FILES else "campaign"


def _keywords(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return set().union(*map(_keywords, schema))
    if not isinstance(schema, dict):
        return set()
    found = set(schema)
    for key, below in schema.items():
        named = key in {"properties", "$defs", "patternProperties"}
        data = key in {"examples", "default", "enum"}
        found |= set() if data else _keywords(list(below.values()) if named else below)
    return found


@pytest.mark.parametrize("kind", FILES)
def test_a_schema_is_draft_2020_12_and_uses_only_what_this_test_understands(kind: str) -> None:
    schema = json_schema(FILES[kind])
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert _keywords(schema) <= KEYWORDS
    assert json.loads(json.dumps(schema)) == schema


@pytest.mark.parametrize("file", sorted((REPOSITORY / "campaigns").glob("*.yaml")), ids=lambda file: file.name)
def test_every_shipped_file_meets_its_schema(file: Path) -> None:
    document, _ = read_yaml(file.name, file.read_text())
    assert document is not None
    schema = json_schema(FILES[_kind(file)])
    assert accepts(schema, schema, document.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("purpose", "porpose"),
        ("marketing", "marketting"),
        ("key: cart", "key: Cart"),
        ("[push, email]", "[]"),
        ("[push, email]", "[push, emial]"),
        ("send: nudge", "sned: nudge"),
        ("name: Cart", "name: Cart\npriority: 101"),
        ("name: Cart", "name: Cart\nholdout: 10"),
        ("stage: purchase", "stag: purchase"),
    ],
)
def test_the_campaign_schema_refuses_what_the_check_refuses(old: str, new: str) -> None:
    schema = json_schema(FILES["campaign"])
    for text, expected in ((CAMPAIGN, True), (CAMPAIGN.replace(old, new, 1), False)):
        document, _ = read_yaml("x.yaml", text)
        assert document is not None
        assert accepts(schema, schema, document.value) is expected


def test_every_example_in_a_schema_meets_the_schema() -> None:
    for model in FILES.values():
        root = json_schema(model)
        for schema in (root, *root.get("$defs", {}).values()):
            for name, field in schema.get("properties", {}).items():
                for example in field.get("examples", ()):
                    assert accepts(root, field, example), (name, example)


def test_authors_read_what_every_key_of_a_campaign_is_for() -> None:
    schema = json_schema(FILES["campaign"])
    for definition in (schema, *schema["$defs"].values()):
        for name, field in definition.get("properties", {}).items():
            assert "description" in field, f"{definition['title']}.{name}"


def test_what_may_stand_in_a_branch_is_known_however_deep_it_is() -> None:
    send = {"send": "nudge", "channels": ["push"], "on_capped": "drop"}
    fork = {"split": {"copy": {"plain": 50, "story": 50}}, "plain": [send], "story": []}
    value = {"stages": [{"stage": "purchase", "steps": [{"if": "profile.vip", "then": [fork]}]}]}
    at_fork = ("stages", 0, "steps", 0, "then", 0)
    assert names_at(Campaign, value, at_fork) == ["split", "ref", "plain", "story"]
    assert names_at(Campaign, value, (*at_fork, "plain", 0)) == [
        *("send", "ref", "channels", "expires_after", "on_capped", "on_failed", "digest")
    ]
    assert words_at(Campaign, value, (*at_fork, "plain", 0, "channels", 0)) == ["email", "sms", "push"]
    assert words_at(Campaign, value, (*at_fork, "plain", 0, "on_capped")) == ["drop", "defer", "reroute"]
    every_key = dict.fromkeys(key for model in STEP_TYPES.values() for key in names_at(model, {}, ()))
    assert names_at(Campaign, value, (*at_fork[:-1], 1)) == list(every_key)
