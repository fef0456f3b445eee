"""The published schema of voice.yaml explains every key, and accepts what dangol reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from dangol.content.voice import PATH, Voice
from dangol.definitions.schema import json_schema
from dangol.definitions.yaml import read_yaml
from tests.unit.content.test_voice_before import OLD
from tests.unit.content.workspace import BRAND
from tests.unit.definitions.test_schema import accepts

SCHEMA = json_schema(Voice)


def keys() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name, model in {"Voice": SCHEMA, **SCHEMA["$defs"]}.items():
        for key, told in model.get("properties", {}).items():
            yield name, key, told


@pytest.mark.parametrize(("model", "key", "told"), list(keys()), ids=lambda one: one if isinstance(one, str) else "")
def test_every_key_is_described_and_has_an_example_that_the_schema_accepts(
    model: str, key: str, told: dict[str, Any]
) -> None:
    assert told["description"].endswith((".", "`"))
    if not told.get("deprecated") and "brand" not in key and key not in {"locales", "sentence"}:
        assert told["examples"]
    for example in told.get("examples", ()):
        assert accepts(SCHEMA, {name: value for name, value in told.items() if name != "examples"}, example), example


@pytest.mark.parametrize("text", [BRAND[PATH], OLD[PATH]], ids=["shipped", "of old"])
def test_what_is_read_is_accepted(text: str) -> None:
    document, _ = read_yaml(PATH, text)
    assert document is not None
    assert accepts(SCHEMA, SCHEMA, document.value)
    assert not accepts(SCHEMA, SCHEMA, {**document.value, "brnad": {}})


def test_the_schema_is_json() -> None:
    assert json.loads(json.dumps(SCHEMA))["$schema"].endswith("2020-12/schema")
