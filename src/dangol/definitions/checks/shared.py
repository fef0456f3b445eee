"""Checks of the files that all campaigns share: policies, segments, journey map."""

from __future__ import annotations

from collections.abc import Iterator

from babel.core import Locale, UnknownLocaleError

from dangol.definitions.checks.names import (
    Names,
    check_audience,
    check_event,
    check_expression,
    check_unique,
    check_zone,
)
from dangol.definitions.checks.restraint import check_caps, check_digests, check_holds, check_warm_ups
from dangol.definitions.document import Document, Path
from dangol.expressions import Scope
from dangol.model.problem import Problem
from dangol.model.workspace import Policies, TrackingPlan

MESSAGE = frozenset({"message"})


def check_policies(document: Document, names: Names, policies: Policies | None) -> Iterator[Problem]:
    zones: list[Path] = [("timezone",), *(path for path, _ in document.items(("unknown_timezone",)))]
    for path in zones:
        yield from check_zone(document, path)
    if (locale := document.text_at(("locale",))) is not None and not _is_locale(locale):
        message = f"found the unknown locale `{locale}`; expected a language such as `ko`, `en` or `pt-BR`"
        yield document.problem("unknown-locale", ("locale",), message)
    seen: dict[str, int] = {}
    for path, _ in document.items(("caps",)):
        yield from check_unique(document, (*path, "key"), seen, "duplicate-cap", "cap")
        scope = Scope(names.plan or TrackingPlan(), MESSAGE, functions=False)
        never = "this cap counts no message"
        yield from check_expression(document, (*path, "applies_to"), scope, never=never, fatal=False)
    yield from check_caps(document, policies)
    yield from check_holds(document, names)
    yield from check_digests(document, names)
    yield from check_warm_ups(document, names)


def check_journey_map(document: Document, names: Names) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for path, _ in document.items(("stages",)):
        yield from check_unique(document, (*path, "key"), seen, "duplicate-stage", "stage")
        yield from _check_kpi(document, (*path, "kpi"), names)


def _check_kpi(document: Document, path: Path, names: Names) -> Iterator[Problem]:
    if not isinstance(document.get(path), dict):
        return
    for key in ("event", "of"):
        yield from check_event(document, (*path, key), names)
    for key in ("expression", "among"):
        yield from check_audience(document, (*path, key), names)


def check_segments(document: Document, names: Names) -> Iterator[Problem]:
    for path, _ in document.items(("segments",)):
        never = "nobody is in this segment"
        yield from check_audience(document, (*path, "audience"), names, never=never, fatal=False)


def _is_locale(text: str) -> bool:
    try:
        return bool(Locale.parse(text, sep="-"))
    except (UnknownLocaleError, ValueError):
        return False
