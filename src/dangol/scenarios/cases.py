"""Scenarios made ready to be played: the customer in full, every moment an instant, all of it checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo

from dangol.definitions.document import Document
from dangol.definitions.document import Path as Place
from dangol.definitions.shape import validate
from dangol.definitions.sources import scenario_sources
from dangol.definitions.workspace import SHARED, Workspace, read_what_can_be, shared_path
from dangol.definitions.yaml import read_yaml
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel, Purpose
from dangol.model.workspace import Policies
from dangol.policy.zones import zone as zone_of
from dangol.profiles.contact import normalise_email, normalise_locale, normalise_phone
from dangol.scenarios.checks import Known, campaign_of, check_file, in_service, rule_scope
from dangol.scenarios.model import (
    Consents,
    Customer,
    Expectation,
    ExpectedMessage,
    Happening,
    Never,
    Scenario,
    ScenarioFile,
    Timed,
    Traits,
    Variant,
)
from dangol.scenarios.moments import on_clock
from dangol.simulate.never import Meets, Rule, where_of

PHONE = "+821000000000"
"""Made up; nothing is sent to it."""


@dataclass(frozen=True, slots=True)
class Person:
    """The customer of a scenario, with nothing left open. ``fields`` are the standard fields that are known."""

    name: str
    fields: Mapping[str, str]
    device: bool
    attributes: Mapping[str, Any]
    consents: Sequence[tuple[Purpose, Channel]]


@dataclass(frozen=True, slots=True)
class Happens:
    """Something that happens ``at`` an instant, and that dangol hears of at ``heard_at``."""

    at: datetime
    heard_at: datetime
    what: Happening


@dataclass(frozen=True, slots=True)
class Past:
    """An event of the history."""

    at: datetime
    event: str
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Expects:
    """Something that is expected; ``at`` an instant, if that was said."""

    at: datetime | None
    what: Expectation


@dataclass(frozen=True, slots=True)
class Case:
    """One scenario of one file. ``in_service`` begins with the campaign under test; times are told in ``zone``.

    ``meets`` are the ``where`` of the rules of ``never``, each in its place.
    """

    path: str
    line: int
    campaign: str
    in_service: tuple[str, ...]
    scenario: Scenario
    person: Person
    zone: ZoneInfo
    begins: datetime
    ends: datetime
    history: tuple[Past, ...]
    happens: tuple[Happens, ...]
    expects: tuple[Expects, ...]
    never: tuple[Never, ...]
    meets: tuple[Meets, ...]

    @property
    def name(self) -> str:
        return self.scenario.name


@dataclass(frozen=True, slots=True)
class Suite:
    """The scenarios of one file, and what must never happen in any of them."""

    path: str
    campaign: str
    cases: tuple[Case, ...]
    never: tuple[Never, ...] = ()


@dataclass(frozen=True, slots=True)
class Collected:
    """Every scenario of a workspace. ``suites`` lacks files with mistakes, which ``problems`` tell.

    ``campaigns`` maps the path of each file to the campaign that it is about.
    """

    suites: tuple[Suite, ...]
    problems: tuple[Problem, ...]
    campaigns: Mapping[str, str]


def collect(root: Path, workspace: Workspace | None) -> Collected:
    """Read the scenarios of the workspace at ``root``, of which ``workspace`` is what could be read."""
    sources, problems = scenario_sources(root)
    suites: list[Suite] = []
    campaigns = {problem.path: PurePosixPath(problem.path).stem for problem in problems}
    for path, text in sources.items():
        document, found = read_yaml(path, text)
        campaigns[path] = campaign_of(document) if document is not None else PurePosixPath(path).stem
        if document is not None:
            suite, more = _read(document, workspace)
            suites += [suite] if suite is not None and not found else []
            found = found + more
        problems += found
    return Collected(tuple(suites), tuple(sorted(set(problems))), campaigns)


def _read(document: Document, workspace: Workspace | None) -> tuple[Suite | None, list[Problem]]:
    """The scenarios of one file; None if it has a mistake, or if the workspace cannot be used."""
    file, problems = validate(document, ScenarioFile)
    if workspace is None:
        return None, problems
    # One problem a mistake: a value that has the wrong shape is not looked up as well.
    told = {(problem.line, problem.column) for problem in problems}
    wrong = check_file(document, _known(workspace))
    problems += [problem for problem in wrong if (problem.line, problem.column) not in told]
    if file is None or problems:
        return None, problems
    suite, problems = _suite(document, file, workspace)
    return (None if problems else suite), problems


def check_scenarios(root: Path, paths: Sequence[Path] = ()) -> list[Problem]:
    """What is wrong in the scenario files of the workspace at ``root``, sorted by place.

    ``paths`` keeps only what is found in these files or folders. Raises UsageError where there is no workspace.
    """
    workspace, _ = read_what_can_be(root)
    wanted = [path.resolve() for path in paths]
    return [
        problem
        for problem in collect(root, workspace).problems
        if not wanted or any((root / problem.path).resolve().is_relative_to(path) for path in wanted)
    ]


def _known(workspace: Workspace) -> Known:
    shared = {shared_path(kind) for kind in SHARED}
    paths = [PurePosixPath(path) for path in workspace.sources if path not in shared]
    return Known(
        keys=frozenset(path.stem for path in paths if path.parent.name == "campaigns"),
        campaigns=workspace.campaigns,
        plan=workspace.tracking_plan,
        messages=frozenset(path.parts[1] for path in paths if path.parts[0] == "templates") - {"brand"},
    )


def _suite(document: Document, file: ScenarioFile, workspace: Workspace) -> tuple[Suite, list[Problem]]:
    cases: list[Case] = []
    problems: list[Problem] = []
    known = _known(workspace)
    meets = tuple(
        where_of(rule_of(never), rule_scope(document, never.campaign, never.after, known)) for never in file.never
    )
    for index, scenario in enumerate(file.scenarios):
        place = ("scenarios", index)
        resolver = _Resolver(document, place, file, scenario, workspace.policies, meets)
        cases.append(resolver.case(campaign_of(document), tuple(in_service(document, place, known))))
        problems += resolver.problems
    return Suite(document.path, campaign_of(document), tuple(cases), file.never), problems


class _Resolver:
    """Works out one scenario; a moment that does not exist is a problem and stands in as the beginning."""

    def __init__(
        self,
        document: Document,
        place: Place,
        file: ScenarioFile,
        scenario: Scenario,
        policies: Policies,
        meets: tuple[Meets, ...],
    ) -> None:
        self.problems: list[Problem] = []
        self._document = document
        self._place = place
        self._file = file
        self._scenario = scenario
        self._policies = policies
        self._meets = meets

    def case(self, campaign: str, campaigns: tuple[str, ...]) -> Case:
        person = self._person()
        self._zone = self._clock(person)
        self._begins = datetime(1970, 1, 1, tzinfo=UTC)
        self._begins = self._instant((*self._place, "at"), self._scenario.at)
        self._ends = self._end()
        return Case(
            path=self._document.path,
            line=self._document.place(self._place)[0],
            campaign=campaign,
            in_service=campaigns,
            scenario=self._scenario,
            person=person,
            zone=self._zone,
            begins=self._begins,
            ends=self._ends,
            history=tuple(sorted(self._history(), key=lambda past: past.at)),
            happens=tuple(sorted(self._happens(), key=lambda happens: happens.heard_at)),
            expects=tuple(self._expects()),
            never=self._file.never,
            meets=self._meets,
        )

    # Who.

    def _person(self) -> Person:
        chosen = self._scenario.customer
        if isinstance(chosen, Variant):
            base = self._file.customers.get(chosen.like or "")
            return self._resident(chosen.like or "customer", merged(base, chosen) if base else chosen)
        name = chosen if chosen is not None else next(iter(self._file.customers))
        return self._resident(name, self._file.customers[name])

    def _resident(self, name: str, customer: Customer) -> Person:
        usual = {
            "email": f"{name}@example.com",
            "phone": PHONE,
            "locale": self._policies.locale,
            "timezone": self._policies.timezone,
        }
        gone = {name for name in customer.model_fields_set if getattr(customer, name) is None}
        return Person(
            name=name,
            fields={**_without(usual, gone), **standard_fields(customer)},
            device=customer.device is not False,
            attributes={key: value for key, value in customer.attributes.items() if value is not None},
            consents=pairs(customer.consents),
        )

    def _clock(self, person: Person) -> ZoneInfo:
        """The scenario's own zone, else the customer's, else the workspace's."""
        named = (self._scenario.timezone, person.fields.get("timezone"), self._policies.timezone)
        return next((zone for name in named if name and (zone := zone_of(name))), ZoneInfo("UTC"))

    # When.

    def _instant(self, place: Place, moment: datetime) -> datetime:
        try:
            return on_clock(moment, self._zone)
        except ValueError as error:
            self._wrong("no-such-time", place, str(error))
            return self._begins

    def _end(self) -> datetime:
        until, place = self._scenario.until, (*self._place, "until")
        end = self._begins + until if isinstance(until, timedelta) else self._instant(place, until)
        if end <= self._begins:
            self._wrong("ends-before-it-begins", place, f"the scenario ends {self._told(end)}, before it begins")
        return end

    def _moment(self, place: Place, timed: Timed) -> datetime | None:
        """When it is; None if nothing is said. What lies outside of the scenario is a problem."""
        if timed.after is not None:
            return self._inside((*place, "after"), self._begins + timed.after)
        if timed.at is not None:
            return self._inside((*place, "at"), self._instant((*place, "at"), timed.at))
        return None

    def _inside(self, place: Place, instant: datetime) -> datetime:
        if instant < self._begins:
            text = f"this is before the scenario begins, {self._told(self._begins)}"
            self._wrong("outside-scenario", place, text, "what happened before belongs to `history`")
        elif instant > self._ends:
            text = f"this is {self._told(instant)}; the scenario is over {self._told(self._ends)}"
            self._wrong("outside-scenario", place, text, "say `until:` how long it runs; 30 days unless given")
        return instant

    def _history(self) -> Iterator[Past]:
        for index, past in enumerate(self._scenario.history):
            place = (*self._place, "history", index)
            if past.before is not None:
                at = self._begins - past.before
            else:
                assert past.at is not None
                at = self._instant((*place, "at"), past.at)
                if at >= self._begins:
                    text = f"this is not before the scenario begins, {self._told(self._begins)}"
                    self._wrong("outside-scenario", (*place, "at"), text, "what happens later belongs to `happens`")
            yield Past(at, past.event, past.properties)

    def _happens(self) -> Iterator[Happens]:
        for index, what in enumerate(self._scenario.happens):
            place = (*self._place, "happens", index)
            at = self._moment(place, what) or self._begins
            late = getattr(what, "late", None)
            heard = self._inside((*place, "late"), at + late) if late is not None else at
            yield Happens(at, heard, what)

    def _expects(self) -> Iterator[Expects]:
        latest = None
        for index, what in enumerate(self._scenario.expect):
            place = (*self._place, "expect", index)
            at = self._moment(place, what) if isinstance(what, Timed) else None
            if isinstance(what, ExpectedMessage) and at is not None:
                if latest is not None and at < latest:
                    text = f"this is {self._told(at)}, earlier than a message above, {self._told(latest)}"
                    where = (*place, "after" if what.after is not None else "at")
                    self._wrong("out-of-order", where, text, "list messages in the order in which they are sent")
                latest = at
            yield Expects(at, what)

    def _told(self, instant: datetime) -> str:
        return f"on {instant.astimezone(self._zone):%Y-%m-%d at %H:%M}"

    def _wrong(self, code: str, place: Place, text: str, hint: str = "") -> None:
        self.problems.append(self._document.problem(code, place, text, hint=hint))


def merged(base: Customer, change: Customer) -> Customer:
    """``base`` with what ``change`` says; attributes are added, all else replaces."""
    given = {name: getattr(change, name) for name in change.model_fields_set & set(Customer.model_fields)}
    if "attributes" in given:
        given["attributes"] = {**base.attributes, **change.attributes}
    return Customer(**{name: getattr(base, name) for name in base.model_fields_set} | given)


def _without(fields: Mapping[str, str], gone: Set[str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if name not in gone}


_NORMALISED = {"email": normalise_email, "locale": normalise_locale}


def standard_fields(traits: Traits) -> dict[str, str]:
    """The standard fields that are given, spelt as dangol keeps them."""
    given = {name: getattr(traits, name) for name in ("email", "phone", "locale", "timezone", "country")}
    fields = {name: value for name, value in given.items() if value is not None}
    if "phone" in fields:
        fields["phone"] = normalise_phone(fields["phone"], traits.country)
    return {name: _NORMALISED.get(name, str)(value) for name, value in fields.items()}


def rule_of(never: Never) -> Rule:
    """The rule as it was written."""
    return Rule(**{one.name: getattr(never, one.name) for one in fields(Rule)})


def pairs(consents: Consents) -> list[tuple[Purpose, Channel]]:
    return [(purpose, channel) for purpose, channels in consents.items() for channel in channels]
