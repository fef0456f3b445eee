"""Does what a scenario file names exist? Asked of the plain values, so that a file with mistakes is checked in full."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import PurePosixPath
from typing import Any
from zoneinfo import available_timezones

from dangol.definitions.document import Document, Path, did_you_mean
from dangol.definitions.shape import describe
from dangol.errors import InvalidEvent
from dangol.expressions import Scope, problems
from dangol.model.campaign import Campaign
from dangol.model.problem import Problem
from dangol.model.steps import Split
from dangol.model.workspace import STANDARD_ATTRIBUTES, TrackingPlan, ValueType
from dangol.profiles.contact import normalise_email, normalise_locale, normalise_phone, split_country
from dangol.scenarios import words
from dangol.scenarios.model import ALL, EXPECTATIONS, HAPPENINGS
from dangol.simulate.never import scope_of

_WORDS: Mapping[str, tuple[str, Callable[[], set[str]]]] = {
    "refused": ("reason for a refusal", words.refusals),
    "deferred": ("reason for waiting", words.deferrals),
}


@dataclass(frozen=True, slots=True)
class Known:
    """What the workspace defines. ``campaigns`` lacks those with mistakes; ``keys`` has them too."""

    keys: frozenset[str]
    campaigns: Mapping[str, Campaign]
    plan: TrackingPlan
    messages: frozenset[str]


def campaign_of(document: Document) -> str:
    """The key of the campaign under test."""
    return document.text_at(("campaign",)) or PurePosixPath(document.path).stem


def in_service(document: Document, scenario: Path, known: Known) -> list[str]:
    """The campaigns that are in service in this scenario; unknown ones are left out."""
    beside = document.get((*scenario, "beside"))
    beside = document.get(("beside",)) if beside is None else beside
    wanted = sorted(known.keys) if beside == ALL else beside if isinstance(beside, list) else []
    keys = dict.fromkeys([campaign_of(document), *(key for key in wanted if isinstance(key, str))])
    return [key for key in keys if key in known.keys]


def check_file(document: Document, known: Known) -> Iterator[Problem]:
    """Everything in the file that names what is not there."""
    yield from _check_campaigns(document, known)
    for path, _ in document.items(("customers",)):
        yield from _check_traits(document, path, known)
    names: dict[str, int] = {}
    for path, _ in document.items(("scenarios",)):
        yield from _check_name(document, path, names)
        yield from _Checker(document, known, path).check()
    yield from _check_never(document, known)


def _check_campaigns(document: Document, known: Known) -> Iterator[Problem]:
    key = campaign_of(document)
    if key not in known.keys:
        text = f"there is no campaign `{key}`, after which this file is named"
        if document.text_at(("campaign",)) is not None:
            text = f"found the unknown campaign `{key}`"
        hint = did_you_mean(key, known.keys) or "say which with `campaign:`"
        yield document.problem("unknown-campaign", ("campaign",), text, hint=hint)
    for where in [("beside",), *((*path, "beside") for path, _ in document.items(("scenarios",)))]:
        for path, _ in document.items(where):
            yield from _check_word(document, path, "campaign", known.keys)


def _check_name(document: Document, path: Path, seen: dict[str, int]) -> Iterator[Problem]:
    name = document.text_at((*path, "name"))
    if name is None:
        return
    line, _ = document.place((*path, "name"))
    if name in seen:
        text = f"two scenarios are called `{name}`; the first is in line {seen[name]}"
        yield document.problem("duplicate-scenario", (*path, "name"), text)
    seen.setdefault(name, line)


@dataclass(frozen=True, slots=True)
class _Checker:
    """One scenario."""

    document: Document
    known: Known
    path: Path

    def check(self) -> Iterator[Problem]:
        yield from self._customer()
        yield from _check_zone(self.document, (*self.path, "timezone"))
        yield from self._draws()
        for path, _ in self.document.items((*self.path, "history")):
            yield from _check_event(self.document, path, "event", self.known)
        for path, value in self.document.items((*self.path, "happens")):
            if _verb(value, HAPPENINGS) is not None:
                yield from self._happening(path, str(_verb(value, HAPPENINGS)))
        for path, value in self.document.items((*self.path, "expect")):
            if _verb(value, EXPECTATIONS) is not None:
                yield from self._expectation(path, str(_verb(value, EXPECTATIONS)))
        yield from self._ends()

    @property
    def _campaigns(self) -> list[Campaign]:
        """Those in service that can be read."""
        keys = in_service(self.document, self.path, self.known)
        return [self.known.campaigns[key] for key in keys if key in self.known.campaigns]

    def _customer(self) -> Iterator[Problem]:
        path = (*self.path, "customer")
        customers = self.document.get(("customers",))
        customers = customers if isinstance(customers, dict) else {}
        if isinstance(self.document.get(path), dict):
            yield from _check_word(self.document, (*path, "like"), "customer", customers)
            yield from _check_traits(self.document, path, self.known)
        elif self.document.text_at(path) is not None:
            yield from _check_word(self.document, path, "customer", customers)
        elif len(customers) != 1:
            text = f"expected the key `customer`, because the file has {len(customers)} of them; found none"
            hint = did_you_mean("", list(customers)) if customers else "add `customer:` and describe one"
            yield self.document.problem("missing-key", self.path, text, hint=hint, key=True)

    def _draws(self) -> Iterator[Problem]:
        own = self.known.campaigns.get(campaign_of(self.document))
        if self.document.get((*self.path, "holdout")) is True and own is not None and not own.holdout:
            text = f"the campaign `{own.key}` has no hold-out"
            yield self.document.problem("no-holdout", (*self.path, "holdout"), text, hint="remove `holdout`")
        arms: dict[str, set[str]] = {}
        for campaign in self._campaigns:
            for placed in campaign.placed:
                if isinstance(placed.step, Split):
                    arms.setdefault(placed.step.experiment, set()).update(placed.step.weights)
        for path, _ in self.document.items((*self.path, "arms")):
            experiment = str(path[-1])
            if experiment in arms:
                yield from _check_word(self.document, path, "arm", arms[experiment])
            elif self._all_read:
                yield _unknown(
                    self.document, path, "experiment of a campaign in service here", experiment, arms, key=True
                )

    @property
    def _all_read(self) -> bool:
        """Can every campaign in service be read? If not, nothing is held against what may be in one of them."""
        return len(self._campaigns) == len(in_service(self.document, self.path, self.known))

    def _happening(self, path: Path, verb: str) -> Iterator[Problem]:
        if verb == "event":
            yield from _check_event(self.document, path, "event", self.known)
        elif verb == "profile":
            yield from _check_traits(self.document, (*path, "profile"), self.known)
        elif verb == "start":
            yield from self._start(path)

    def _start(self, path: Path) -> Iterator[Problem]:
        key = self.document.text_at((*path, "start"))
        if key is None:
            return
        served = in_service(self.document, self.path, self.known)
        campaign = self.known.campaigns.get(key)
        if key not in served:
            yield _unknown(self.document, (*path, "start"), "campaign in service here", key, served)
        elif campaign is not None and campaign.entry.api is None:
            text = f"the campaign `{key}` cannot be started by a call; its entry has no `api`"
            yield self.document.problem("not-startable", (*path, "start"), text, hint="use `event:`")
        elif campaign is not None:
            yield from _check_properties(self.document, path, str(campaign.entry.api), self.known)

    def _expectation(self, path: Path, verb: str) -> Iterator[Problem]:
        if verb in _WORDS:
            what, known = _WORDS[verb]
            yield from _check_word(self.document, (*path, verb), what, known())
        if verb == "emitted":
            yield from _check_event(self.document, path, "emitted", self.known)
        elif verb == "profile":
            yield from _check_attributes(self.document, (*path, "profile"), self.known, standard=True)
        elif verb != "webhook":
            yield from self._message(path)

    def _message(self, path: Path) -> Iterator[Problem]:
        """What an expectation says about a message."""
        served = in_service(self.document, self.path, self.known)
        yield from _check_word(self.document, (*path, "campaign"), "campaign in service here", served)
        named = self.document.text_at((*path, "campaign"))
        campaigns = [one for one in self._campaigns if named in (None, one.key)]
        if not self._all_read or not campaigns:
            return
        sent = {send.send for one in campaigns for send in one.sends}
        yield from _check_word(self.document, (*path, "message"), "message that a campaign in service here sends", sent)
        steps = {placed.name for one in campaigns for placed in one.placed}
        yield from _check_word(self.document, (*path, "step"), "step of a campaign in service here", steps)

    def _ends(self) -> Iterator[Problem]:
        path = (*self.path, "ends")
        if not isinstance(self.document.get(path), dict):
            yield from self._ending(path, campaign_of(self.document))
            return
        served = in_service(self.document, self.path, self.known)
        for each, _ in self.document.items(path):
            key = str(each[-1])
            if key not in served:
                yield _unknown(self.document, each, "campaign in service here", key, served, key=True)
            else:
                yield from self._ending(each, key)

    def _ending(self, path: Path, key: str) -> Iterator[Problem]:
        campaign = self.known.campaigns.get(key)
        if campaign is None:
            return
        places = [path] if isinstance(self.document.get(path), str) else [each for each, _ in self.document.items(path)]
        for place in places:
            yield from _check_word(self.document, place, "end of a journey", words.ends(campaign))


def _verb(value: Any, verbs: Iterable[str]) -> str | None:
    return next((verb for verb in verbs if isinstance(value, dict) and verb in value), None)


# People.


def _check_traits(document: Document, path: Path, known: Known) -> Iterator[Problem]:
    yield from _check_attributes(document, (*path, "attributes"), known)
    yield from _check_zone(document, (*path, "timezone"))
    country = document.text_at((*path, "country"))
    checks: dict[str, Callable[[str], str]] = {
        "email": normalise_email,
        "phone": lambda phone: normalise_phone(phone, country),
        "locale": normalise_locale,
        "country": _country,
    }
    for name, normalise in checks.items():
        if (text := document.text_at((*path, name))) is not None:
            try:
                normalise(text)
            except InvalidEvent as error:
                yield document.problem(error.code.replace("_", "-"), (*path, name), str(error))


def _country(told: str) -> str:
    """Customers of scenarios have a state as an attribute, like profiles in the database."""
    country, state = split_country(told)
    if state:
        expected = f"two letters, and the state as the attribute `state: {state}`"
        raise InvalidEvent("invalid_country", f"country: expected {expected}; found {told!r}")
    return country


def _check_attributes(document: Document, path: Path, known: Known, *, standard: bool = False) -> Iterator[Problem]:
    types = {**known.plan.attributes, **(STANDARD_ATTRIBUTES if standard else {})}
    for each, value in document.items(path):
        if each[-1] not in types:
            text = f"found the attribute `{each[-1]}`, which is not in tracking-plan.yaml"
            hint = did_you_mean(each[-1], set(types))
            yield document.problem("unknown-attribute", each, text, hint=hint, key=True)
        elif value is not None:
            yield from _check_type(document, each, types[str(each[-1])])


def _check_zone(document: Document, path: Path) -> Iterator[Problem]:
    zone = document.text_at(path)
    if zone is not None and zone not in _zones():
        hint = did_you_mean(zone, _zones()) or "expected an IANA name such as `Asia/Seoul`"
        yield document.problem("unknown-timezone", path, f"found the unknown time zone `{zone}`", hint=hint)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


# Events.


def _check_event(document: Document, path: Path, verb: str, known: Known) -> Iterator[Problem]:
    event = document.text_at((*path, verb))
    if event is None:
        return
    if event not in known.plan.events:
        text = f"found the event `{event}`, which is not in tracking-plan.yaml"
        yield document.problem("unknown-event", (*path, verb), text, hint=did_you_mean(event, known.plan.events))
    else:
        yield from _check_properties(document, path, event, known)


def _check_properties(document: Document, path: Path, event: str, known: Known) -> Iterator[Problem]:
    types = known.plan.events.get(event, {})
    for each, value in document.items((*path, "properties")):
        if each[-1] not in types:
            text = f"found the property `{each[-1]}`, which tracking-plan.yaml does not list for `{event}`"
            hint = did_you_mean(each[-1], set(types))
            yield document.problem("unknown-property", each, text, hint=hint, key=True)
        elif value is not None:
            yield from _check_type(document, each, types[str(each[-1])])


_EXPECTED = {
    ValueType.STRING: "text",
    ValueType.NUMBER: "a number",
    ValueType.BOOLEAN: "`true` or `false`",
    ValueType.DATE: "a date such as `2026-03-02`",
    ValueType.DATETIME: "a time such as `2026-03-02T10:00:00+09:00`",
    ValueType.LIST: "a list",
}


def _check_type(document: Document, path: Path, wanted: ValueType) -> Iterator[Problem]:
    value = document.get(path)
    if not _is(value, wanted):
        hint = "put it in quotes" if wanted is ValueType.STRING and isinstance(value, int | float) else ""
        text = f"`{path[-1]}` is {_EXPECTED[wanted]}, says tracking-plan.yaml; found {describe(value)}"
        yield document.problem("wrong-kind", path, text, hint=hint)


def _is(value: object, wanted: ValueType) -> bool:
    match wanted:
        case ValueType.STRING:
            return isinstance(value, str)
        case ValueType.NUMBER:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case ValueType.BOOLEAN:
            return isinstance(value, bool)
        case ValueType.LIST:
            return isinstance(value, list)
        case ValueType.DATE | ValueType.DATETIME:
            return isinstance(value, str) and _is_time(value, date if wanted is ValueType.DATE else datetime)


def _is_time(value: str, kind: type[date]) -> bool:
    try:
        kind.fromisoformat(value)
    except ValueError:
        return False
    return True


# Words.


def _check_never(document: Document, known: Known) -> Iterator[Problem]:
    for path, _ in document.items(("never",)):
        yield from _check_word(document, (*path, "message"), "message", known.messages)
        yield from _check_word(document, (*path, "campaign"), "campaign", known.keys)
        event = document.text_at((*path, "after"))
        if event is not None and event not in known.plan.events:
            text = f"found the event `{event}`, which is not in tracking-plan.yaml"
            yield document.problem("unknown-event", (*path, "after"), text, hint=did_you_mean(event, known.plan.events))
        elif event is not None and (where := document.text_at((*path, "where"))) is not None:
            scope = rule_scope(document, document.text_at((*path, "campaign")), event, known)
            for error in problems(where, scope):
                place = (*path, "where")
                hint = f"did you mean `{error.suggestion}`?" if error.suggestion else ""
                yield document.problem("bad-expression", place, str(error), hint=hint, offset=error.offset)


def rule_scope(document: Document, campaign: str | None, after: str | None, known: Known) -> Scope:
    """What the ``where`` of a rule of this file may talk about."""
    found = known.campaigns.get(campaign or campaign_of(document))
    return scope_of(after, found.entry.opened_by if found is not None else None, known.plan)


def _check_word(document: Document, path: Path, what: str, known: Iterable[str]) -> Iterator[Problem]:
    word = document.text_at(path)
    if word is not None and word not in (words := list(known)):
        yield _unknown(document, path, what, word, words)


def _unknown(
    document: Document, path: Path, what: str, word: str, known: Iterable[str], *, key: bool = False
) -> Problem:
    code = f"unknown-{what.split()[0]}"
    return document.problem(code, path, f"`{word}` is no {what}", hint=did_you_mean(word, set(known)), key=key)
