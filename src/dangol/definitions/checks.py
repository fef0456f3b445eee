"""Checks that look across files: does what a campaign names exist, and can every step be reached?

They walk the plain values, not the models, so that a campaign with a mistake in its shape is still checked in full.
A value of the wrong kind is passed over here: the model has told about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import PurePosixPath
from zoneinfo import available_timezones

from babel.core import Locale, UnknownLocaleError
from cronsim import CronSim, CronSimError

from dangol.definitions.document import Document, Path, did_you_mean, nearest
from dangol.expressions import Scope, problems
from dangol.model.campaign import STEP_TYPES
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel, OnCapped
from dangol.model.workspace import TrackingPlan

MAX_STEPS = 200
PROFILE = frozenset({"profile"})
AT_AN_EVENT = frozenset({"entry", "event", "profile"})
MESSAGE = frozenset({"message"})


@dataclass(frozen=True, slots=True)
class Names:
    """What the workspace defines. None where the file is broken: then nothing is held against it."""

    stages: frozenset[str] | None
    plan: TrackingPlan | None
    segments: Mapping[str, str]
    templates: Mapping[str, frozenset[str]]
    """Message → the channels that have a text in the default locale."""
    locale: str


def check_campaign(document: Document, names: Names) -> Iterator[Problem]:
    yield from _check_entry(document, names)
    yield from _check_events(document, names)
    steps = list(_steps(document))
    yield from _check_stages(document, names)
    yield from _check_flow(document, steps)
    for path, verb in steps:
        if verb == "send":
            yield from _check_send(document, path, names)


def check_keys(documents: Sequence[Document]) -> Iterator[Problem]:
    """Every campaign's key is the name of its file, so that no two share one."""
    files = {document.path: document.text_at(("key",)) for document in documents}
    for document in documents:
        key, file = document.text_at(("key",)), PurePosixPath(document.path)
        if key is None or key == file.stem:
            continue
        owner = next((path for path, other in files.items() if other == key and path != document.path), None)
        if owner is not None:
            message = f"the campaign key `{key}` is already used by {owner}"
            yield document.problem("duplicate-campaign", ("key",), message, hint=f"change it to `{file.stem}`")
        else:
            message = f"found the key `{key}` in {file.name}; expected `{file.stem}`"
            hint = f"rename the file to {key}.yaml or change the key"
            yield document.problem("file-name", ("key",), message, hint=hint)


def check_policies(document: Document, names: Names) -> Iterator[Problem]:
    zones: list[Path] = [("timezone",), *(path for path, _ in document.items(("unknown_timezone",)))]
    for path in zones:
        yield from _check_zone(document, path)
    if (locale := document.text_at(("locale",))) is not None and not _is_locale(locale):
        message = f"found the unknown locale `{locale}`; expected a language such as `ko`, `en` or `pt-BR`"
        yield document.problem("unknown-locale", ("locale",), message)
    seen: dict[str, int] = {}
    for path, _ in document.items(("caps",)):
        yield from _check_unique(document, (*path, "key"), seen, "duplicate-cap", "cap")
        scope = Scope(names.plan or TrackingPlan(), MESSAGE, functions=False)
        yield from _check_expression(document, (*path, "applies_to"), scope)


def check_journey_map(document: Document) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for path, _ in document.items(("stages",)):
        yield from _check_unique(document, (*path, "key"), seen, "duplicate-stage", "stage")


def check_segments(document: Document, names: Names) -> Iterator[Problem]:
    for path, _ in document.items(("segments",)):
        yield from _check_audience(document, (*path, "audience"), names)


# A campaign's head.


def _check_entry(document: Document, names: Names) -> Iterator[Problem]:
    yield from _check_zone(document, ("entry", "timezone"))
    yield from _check_schedule(document, ("entry", "schedule"))
    yield from _check_audience(document, ("entry", "audience"), names)
    if names.plan is not None and "where" in (document.get(("entry",)) or ()):
        event = document.text_at(("entry", "event"))
        # Of a misspelt event take the one that was meant, so that `where` is checked in the same run.
        known = event if event in names.plan.events else nearest(event, names.plan.events)
        if known is not None:
            scope = Scope(names.plan, AT_AN_EVENT, event=known, segments=names.segments)
            yield from _check_expression(document, ("entry", "where"), scope)


def _check_events(document: Document, names: Names) -> Iterator[Problem]:
    if names.plan is None:
        return
    for path in [("entry", "event"), *(path for path, _ in document.items(("exit",))), ("goal", "event")]:
        event = document.text_at(path)
        if event is not None and event not in names.plan.events:
            message = f"found the event `{event}`, which is not in tracking-plan.yaml"
            yield document.problem("unknown-event", path, message, hint=did_you_mean(event, names.plan.events))


def _check_schedule(document: Document, path: Path) -> Iterator[Problem]:
    schedule = document.text_at(path)
    if schedule is None:
        return
    expected = 'expected five cron fields (minute hour day month weekday), such as "0 10 * * MON"'
    if len(schedule) > 200 or len(schedule.split()) != 5:
        yield document.problem("bad-schedule", path, f"{expected}; found `{schedule[:60]}`")
        return
    try:
        next(CronSim(schedule, datetime(2024, 1, 1, tzinfo=UTC)))
    except StopIteration:
        yield document.problem("bad-schedule", path, f"the schedule `{schedule}` never comes")
    except (CronSimError, ValueError) as error:
        field = str(error).removeprefix("Bad ")
        message = f"the {field} of the schedule `{schedule}` does not exist or never comes"
        yield document.problem("bad-schedule", path, message, hint=expected)


# Stages and steps.


def _steps(document: Document) -> Iterator[tuple[Path, str]]:
    """Path and verb of every step that has one, in order."""
    for stage, _ in document.items(("stages",)):
        for path, step in document.items((*stage, "steps")):
            verbs = [verb for verb in STEP_TYPES if isinstance(step, dict) and verb in step]
            if len(verbs) == 1:
                yield path, verbs[0]


def _check_stages(document: Document, names: Names) -> Iterator[Problem]:
    for path, _ in document.items(("stages",)):
        stage = document.text_at((*path, "stage"))
        if stage is not None and names.stages is not None and stage not in names.stages:
            message = f"found the stage `{stage}`, which is not in journey-map.yaml"
            yield document.problem("unknown-stage", (*path, "stage"), message, hint=did_you_mean(stage, names.stages))


def _check_flow(document: Document, steps: list[tuple[Path, str]]) -> Iterator[Problem]:
    if len(steps) > MAX_STEPS:
        path = steps[MAX_STEPS][0]
        yield document.problem("too-many-steps", path, f"found {len(steps)} steps; expected at most {MAX_STEPS}")
    ends = [index for index, (_, verb) in enumerate(steps) if verb == "exit"]
    if ends and ends[0] + 1 < len(steps):
        line, _ = document.place((*steps[ends[0]][0], "exit"), key=True)
        message = f"this step is never reached: the `exit` in line {line} ends the journey"
        yield document.problem("unreachable-step", steps[ends[0] + 1][0], message, hint="remove it, or move the `exit`")
    refs: dict[str, int] = {}
    for path, _ in steps:
        yield from _check_unique(document, (*path, "ref"), refs, "duplicate-ref", "ref")
    if steps and not any(verb == "send" for _, verb in steps):
        message = "this campaign sends nothing"
        yield document.problem("no-send", ("stages",), message, hint="add a `send` step", key=True, severity="warning")


def _check_send(document: Document, path: Path, names: Names) -> Iterator[Problem]:
    message, channels = document.text_at((*path, "send")), list(_channels(document, path))
    seen: dict[str, int] = {}
    for place, _ in channels:
        yield from _check_unique(document, place, seen, "duplicate-channel", "channel")
    reroutes = document.get((*path, "on_capped")) == OnCapped.REROUTE
    if reroutes and (len(channels) == 1 or isinstance(document.get((*path, "channels")), dict)):
        text = "`reroute` has no other channel to go to"
        hint = "list a second channel, or use `drop` or `defer`"
        yield document.problem("nowhere-to-reroute", (*path, "on_capped"), text, hint=hint, severity="warning")
    if message is None:
        return
    if message not in names.templates:
        text = f"found the message `{message}`, but there is no folder templates/{message}/"
        hint = did_you_mean(message, frozenset(names.templates))
        yield document.problem("unknown-template", (*path, "send"), text, hint=hint)
        return
    for place, channel in channels:
        if channel not in names.templates[message]:
            text = f"the message `{message}` has no text for {channel} in the default locale `{names.locale}`"
            hint = f"add templates/{message}/{channel}.{names.locale}.{'md' if channel == 'email' else 'txt'}.j2"
            yield document.problem("missing-template", place, text, hint=hint)


def _channels(document: Document, path: Path) -> Iterator[tuple[Path, str]]:
    """The known channels of a `send` step with their places."""
    listed = (*path, "channels")
    if isinstance(document.get(listed), dict):
        listed = (*listed, "all")
    for place, value in document.items(listed):
        if isinstance(value, str) and value in set(Channel):
            yield place, value


# What several files share.


def _check_audience(document: Document, path: Path, names: Names) -> Iterator[Problem]:
    if names.plan is not None:
        yield from _check_expression(document, path, Scope(names.plan, PROFILE, segments=names.segments))


def _check_expression(document: Document, path: Path, scope: Scope) -> Iterator[Problem]:
    text = document.text_at(path)
    for error in problems(text, scope) if text is not None else ():
        hint = f"did you mean `{error.suggestion}`?" if error.suggestion else ""
        yield document.problem("bad-expression", path, str(error), hint=hint, offset=error.offset)


def _check_zone(document: Document, path: Path) -> Iterator[Problem]:
    zone = document.text_at(path)
    if zone is not None and zone not in _zones():
        hint = did_you_mean(zone, _zones()) or "expected an IANA name such as `Asia/Seoul`"
        yield document.problem("unknown-timezone", path, f"found the unknown time zone `{zone}`", hint=hint)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _check_unique(document: Document, path: Path, seen: dict[str, int], code: str, noun: str) -> Iterator[Problem]:
    """``seen`` collects name → line of its first use."""
    name = document.text_at(path)
    if name is None:
        return
    line, _ = document.place(path)
    if name in seen:
        yield document.problem(code, path, f"the {noun} `{name}` was used before, in line {seen[name]}")
    seen.setdefault(name, line)


def _is_locale(text: str) -> bool:
    try:
        return bool(Locale.parse(text, sep="-"))
    except (UnknownLocaleError, ValueError):
        return False
