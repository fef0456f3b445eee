"""JSON Schema of the workspace's files: for editors, and for naming what a mapping may hold."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from dangol.definitions.document import Path, child
from dangol.model.campaign import Campaign
from dangol.model.steps import Definition, Split, arms_of
from dangol.model.workspace import JourneyMap, Policies, Segments, TrackingPlan

FILES: dict[str, type[Definition]] = {
    "campaign": Campaign,
    "journey-map": JourneyMap,
    "policies": Policies,
    "tracking-plan": TrackingPlan,
    "segments": Segments,
}
"""Kind of file → its model. All but campaigns are named after their kind: ``campaigns/policies.yaml``."""


@cache
def json_schema(model: type[Definition]) -> dict[str, Any]:
    """The model's JSON Schema, draft 2020-12. The result is shared: do not change it."""
    schema = _polished(model.model_json_schema(by_alias=True))
    return {"$schema": GenerateJsonSchema.schema_dialect, **schema}


def _polished(node: Any) -> Any:
    """Without defaults that nobody could write in a file, and with descriptions in Markdown, as editors show them."""
    if isinstance(node, list):
        return [_polished(item) for item in node]
    if not isinstance(node, dict):
        return node
    polished = {key: _polished(value) for key, value in node.items()}
    default = node.get("default")
    if "default" in node and (default is None or (node.get("type") == "string" and not isinstance(default, str))):
        del polished["default"]
    if isinstance(description := node.get("description"), str):
        polished["description"] = description.replace("``", "`")
    return polished


def names_at(model: type[Definition], value: Any, path: Path) -> list[str]:
    """The keys that the mapping at ``path`` of ``value`` may have; empty if any name goes."""
    names: dict[str, None] = {}
    for schema in _schemas_at(model, value, path):
        names.update(dict.fromkeys(schema.get("properties", {})))
        if schema.get("title") == Split.__name__:
            names.update(dict.fromkeys(arms_of(_at(value, path)) or ()))
    return list(names)


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = child(value, step)
    return value


def words_at(model: type[Definition], value: Any, path: Path) -> list[str]:
    """The words that may stand at ``path`` of ``value``; empty if it takes more than a fixed list of words."""
    return [word for schema in _schemas_at(model, value, path) for word in schema.get("enum", ())]


def _schemas_at(model: type[Definition], value: Any, path: Path) -> list[dict[str, Any]]:
    root = json_schema(model)
    candidates = _branches(root, root, value)
    for step in path:
        value = child(value, step)
        candidates = [
            branch
            for schema in candidates
            for below in _below(schema, step)
            for branch in _branches(root, below, value)
        ]
    return candidates


def _below(schema: dict[str, Any], step: str | int) -> Iterator[dict[str, Any]]:
    if isinstance(step, int):
        yield from [schema["items"]] if "items" in schema else []
    elif step in schema.get("properties", {}):
        yield schema["properties"][step]
    else:
        yield from schema.get("patternProperties", {}).values()
        if isinstance(others := schema.get("additionalProperties"), dict):
            yield others


def _branches(root: dict[str, Any], schema: dict[str, Any], value: Any) -> list[dict[str, Any]]:
    """Follow references and unions; of several mappings keep those that ``value`` is likest by its required keys."""
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    options = schema.get("anyOf") or _of_its_kind(root, schema, value)
    if not options:
        return [schema]
    branches = [branch for option in options for branch in _branches(root, option, value)]
    likeness = [_likeness(branch, value) for branch in branches]
    return [branch for branch, like in zip(branches, likeness, strict=True) if like == max(likeness)]


def _of_its_kind(root: dict[str, Any], schema: dict[str, Any], value: Any) -> list[dict[str, Any]]:
    """The option of a discriminated union that ``value`` names, or all of them; none if it is no such union."""
    options: list[dict[str, Any]] = schema.get("oneOf", [])
    discriminator = schema.get("discriminator")
    if not options or discriminator is None or not isinstance(value, dict):
        return options
    named = discriminator["mapping"].get(value.get(discriminator["propertyName"]))
    return [{"$ref": named}] if named is not None else options


def _likeness(schema: dict[str, Any], value: Any) -> tuple[bool, int]:
    """Has ``value`` all required keys, and how many?"""
    required = set(schema.get("required", ()))
    shared = required & set(value if isinstance(value, dict) else ())
    return bool(required) and shared == required, len(shared)
