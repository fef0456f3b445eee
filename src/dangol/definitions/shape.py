"""Does a document have the shape of its model? pydantic decides; here its findings get places and an author's words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from dangol.definitions.document import ABSENT, Document, Path, child, did_you_mean, nearest, one_of
from dangol.definitions.schema import names_at, words_at
from dangol.model.problem import Problem
from dangol.model.steps import Definition, arms_of

M = TypeVar("M", bound=Definition)


def validate(document: Document, model: type[M]) -> tuple[M | None, list[Problem]]:
    """The document as ``model``, or None and every problem of its shape."""
    if document.value is None:
        return None, [document.problem("empty-file", (), "the file is empty", hint=_needs(model))]
    try:
        return model.model_validate(document.value), []
    except ValidationError as error:
        findings = _without_echoes(list(_findings(error, document, model)))
        return None, [finding.problem(document) for finding in findings]


def _needs(model: type[Definition]) -> str:
    return f"it needs {one_of([name for name, field in model.model_fields.items() if field.is_required()])}"


@dataclass(frozen=True, slots=True)
class _Finding:
    """One error of pydantic's.

    ``expected``: the message says only what was expected. ``wrong_kind``: a value of another kind was, which may be
    no more than the opinion of one branch of a union.
    """

    code: str
    path: Path
    message: str
    hint: str = ""
    key: bool = False
    expected: bool = False
    wrong_kind: bool = False
    missing: str = ""

    def problem(self, document: Document) -> Problem:
        message = self.message
        if self.expected or self.wrong_kind:
            found = self.path[-1] if self.key else document.get(self.path)
            message = f"expected {message}; found {describe(found)}"
        return document.problem(self.code, self.path, message, hint=self.hint, key=self.key)


def _findings(error: ValidationError, document: Document, model: type[Definition], at: Path = ()) -> Iterator[_Finding]:
    for detail in error.errors(include_url=False):
        path = _real_path(document, at, detail["loc"])
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, ValidationError):  # a step's own model, chosen by its verb
            yield from _findings(cause, document, model, path)
        else:
            yield _translated(detail, path, document, model)


def _real_path(document: Document, start: Path, location: Sequence[str | int]) -> Path:
    """pydantic's location without the names of union branches, which are not in the file."""
    path, value = start, document.get(start)
    for step in location:
        below = child(value, step, ABSENT)
        if below is not ABSENT:
            path, value = (*path, step), below
    return path


_WORD = re.compile(r"'([^']+)'")
_NOT_EMPTY = "at least one item"
_A_KEY = "lower-case letters, digits and `_`, starting with a letter, 64 at most"
_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number of fewer digits",
    "float_type": "a number",
    "bool_type": "`true` or `false`",
    "bool_parsing": "`true` or `false`",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}


def _translated(detail: ErrorDetails, path: Path, document: Document, model: type[Definition]) -> _Finding:
    """pydantic's error in an author's words."""
    kind, context = detail["type"], detail.get("ctx", {})
    key = detail["loc"][-1:] == ("[key]",)
    value = path[-1] if key else document.get(path)
    if kind == "missing":
        return _missing(str(detail["loc"][-1]), path, document, model)
    if kind == "extra_forbidden":
        known = names_at(model, document.value, path[:-1])
        hint = did_you_mean(path[-1], known)
        if value is None and nearest(path[-1], known) is None:
            hint = "put text with a comma into quotes"  # {until: monday, friday} is read as two keys
        return _Finding("unknown-key", path, f"found the unknown key `{path[-1]}`", hint, key=True)
    if kind in {"enum", "literal_error"}:
        expected = context["expected"].replace("'", "`")
        words = _WORD.findall(context["expected"]) if key else words_at(model, document.value, path)
        hint = f"did you mean `{best}`?" if (best := nearest(value, words)) else ""
        return _Finding("unknown-word", path, expected, hint, key=key, wrong_kind=True)
    if kind == "union_tag_not_found":
        return _missing(context["discriminator"].strip("'"), path, document, model)
    if kind == "union_tag_invalid":
        known = _WORD.findall(context["expected_tags"])
        hint = f"did you mean `{best}`?" if (best := nearest(context["tag"], known)) else ""
        place = (*path, context["discriminator"].strip("'"))
        return _Finding("unknown-word", place, one_of(known), hint, wrong_kind=True)
    if kind in _KINDS:
        hint = ""
        if kind == "string_type" and isinstance(value, int | float):
            hint = "put it in quotes"
        elif kind == "tuple_type" and isinstance(value, str):
            hint = f"write `[{value}]`"
        return _Finding("wrong-kind", path, _KINDS[kind], hint, wrong_kind=True)
    if kind == "string_pattern_mismatch":
        return _Finding("bad-name", path, _A_KEY, key=key, expected=True)
    if kind == "value_error":
        hint = _misspelt(value, path, document, model)
        text = str(context["error"])
        if text.startswith("expected ") and "found" not in text:
            return _Finding("bad-value", path, text.removeprefix("expected "), hint, key=key, expected=True)
        return _Finding("bad-value", path, text, hint, key=isinstance(value, dict))
    if expected := _range(kind, context):
        return _Finding("out-of-range", path, expected, expected=True)
    return _Finding("bad-value", path, detail["msg"])


def _range(kind: str, context: dict[str, Any]) -> str:
    return {
        "too_short": _NOT_EMPTY,
        "string_too_short": "text that is not empty",
        "string_too_long": f"text of at most {context.get('max_length')} characters",
        "greater_than_equal": f"a number from {context.get('ge')} up",
        "less_than_equal": f"a number up to {context.get('le')}",
    }.get(kind, "")


def _missing(name: str, path: Path, document: Document, model: type[Definition]) -> _Finding:
    if name in (arms_of(document.get(path)) or ()):
        message = f"the arm `{name}` has no steps beside the `split`"
        hint = f"add `{name}:` with its steps, `[]` if nothing is to happen"
        return _Finding("missing-key", path, message, hint, key=True, missing=name)
    words = words_at(model, document.value, (*path, name))
    owner = f" in `{path[-1]}`" if path and isinstance(path[-1], str) else ""
    hint = f"add `{name}:` with {one_of(words)}" if words else f"add `{name}:`"
    return _Finding("missing-key", path, f"expected the key `{name}`{owner}; found none", hint, key=True, missing=name)


def _misspelt(value: Any, path: Path, document: Document, model: type[Definition]) -> str:
    """For a mapping that is wrong as a whole, such as a step without a verb: the word that was perhaps meant."""
    if not isinstance(value, dict):
        return ""
    known = names_at(model, document.value, path)
    guesses = [nearest(name, known) for name in value if name not in known]
    return next((f"did you mean `{guess}`?" for guess in guesses if guess), "")


def _without_echoes(findings: list[_Finding]) -> list[_Finding]:
    """One problem a mistake.

    A union reports once a branch: "expected a list" is an echo where the list was found and a fault is inside it, so
    is what one branch says of a list and another of its items, and at one place the expectations of all branches
    belong together. A missing key is an echo of its misspelling.
    """
    kept: dict[tuple[Path, str], _Finding] = {}
    for finding in findings:
        inside = [other for other in findings if other.path[: len(finding.path)] == finding.path]
        deeper = any(other.path != finding.path for other in inside)
        # pydantic calls a list too short as well when its items are wrong.
        if deeper and (finding.wrong_kind or finding.message == _NOT_EMPTY):
            continue
        if finding.wrong_kind and not all(other.wrong_kind for other in inside):
            continue
        if deeper and any(other.path != finding.path and other.message == finding.message for other in inside):
            continue
        if finding.missing and any(other.hint in _meant(finding.missing) for other in inside):
            continue
        place = (finding.path, "" if finding.wrong_kind else finding.message)
        if (first := kept.get(place)) is None:
            kept[place] = finding
        elif finding.message not in first.message:
            kept[place] = replace(
                first, message=f"{first.message} or {finding.message}", hint=first.hint or finding.hint
            )
    return list(kept.values())


def _meant(name: str) -> tuple[str, str]:
    """The hints of an unknown key that stands for the key ``name``."""
    return f"did you mean `{name}`?", f"expected `{name}`"


def describe(value: Any) -> str:
    """What was found, short enough for one line."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if isinstance(value, dict):
        return f"a mapping with {one_of(list(value)[:5])}" if value else "an empty mapping"
    text = " ".join(str(value).split())
    text = text if len(text) <= 60 else f"{text[:60]}…"
    return f"the number {text}" if isinstance(value, int | float) else f"`{text}`"
