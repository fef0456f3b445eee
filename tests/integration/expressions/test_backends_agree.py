"""One language, two back ends: for any people and any well-typed expression, memory and SQL pick the same people."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from dangol.expressions import Person, Scope, evaluate, parse, problems, to_sql
from dangol.model.people import Event, Profile
from dangol.model.vocabulary import Channel, Purpose
from dangol.model.workspace import TrackingPlan, ValueType
from dangol.store.bulk import insert_many
from dangol.store.database import Database
from dangol.store.tables import consent_states, events, profiles

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
ODD_NAME = "구매 수.$[0] 'x'"
TYPES = {
    "s": ValueType.STRING,
    "n": ValueType.NUMBER,
    "b": ValueType.BOOLEAN,
    "d": ValueType.DATE,
    "t": ValueType.DATETIME,
    "l": ValueType.LIST,
}
PLAN = TrackingPlan(
    attributes={**{f"{key}{i}": kind for key, kind in TYPES.items() for i in (1, 2)}, ODD_NAME: ValueType.NUMBER},
    events={
        "Order Completed": {"value": ValueType.NUMBER, "sku": ValueType.STRING},
        "구매": {"value": ValueType.NUMBER},
    },
)
EVENT_NAMES = ("Order Completed", "구매")  # a plan adds the product's events, which have no value to sum
SCOPE = Scope(
    PLAN,
    frozenset({"profile"}),
    segments={"big": "profile.n1 > 1 or profile.b1", "seen": 'in_segment("big") and profile.t1 != none'},
)

# What customers are. Values come in every shape, fit for their declared type or not.

AWKWARD_NUMBERS = [
    0,
    -0.0,
    1,
    1.0,
    2,
    -1,
    0.1,
    0.2,
    0.3,
    1e15,
    1e15 + 1,
    -(10**15) - 1,
    10**18,
    10**400,
    -(2**63),
    1e-15,
    1e-16,
    5e-324,
    1.7e308,
    9007199254740993,
    1e-7,
    123456.789,
    0.1 + 0.2,
]
NUMBERS = st.one_of(
    st.sampled_from(AWKWARD_NUMBERS),
    st.integers(-3, 3),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(-(10**7), 10**7, places=2).map(float),
)
AWKWARD_TEXTS = [
    "",
    "a",
    "A",
    "b",
    "aa",
    "é",
    "e\u0301",
    "가",
    "나",
    "\uffff",
    "😀",
    "1",
    "1.0",
    "true",
    "null",
    "'",
    '"',
    "\\",
    "%",
    "%s",
    ":x",
    "a b",
    " a",
    "a\n",
    "ß",
    "ss",
    "İ",
    "[]",
    "{}",
    "10",
    "9",
]
STRINGS = st.one_of(
    st.sampled_from(AWKWARD_TEXTS),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=3),
)
AWKWARD_DATES = [
    "2026-03-02",
    "2026-03-01",
    "2024-02-29",
    "2026-02-29",
    "1900-02-29",
    "2000-02-29",
    "2026-04-31",
    "0999-12-31",
    "1000-01-01",
    "9999-12-31",
    "2026-3-2",
    "20260302",
    "2026-W10-1",
    "2026-13-01",
    "2026-03-02 ",
    "２０２６-03-02",
    "2026-03-02\n",
    "2026-00-10",
    "2026-01-00",
    "-2026-03-02",
    "",
]
DATES = st.one_of(
    st.sampled_from(AWKWARD_DATES),
    st.dates().map(str),
)
AWKWARD_DATETIMES = [
    "2026-03-02T01:00:00Z",
    "2026-03-02T10:00:00+09:00",
    "2026-03-02T01:00:00",
    "2026-03-02T01:00:00z",
    "2026-03-02T01:00:00.000001Z",
    "2026-03-02T01:00:00.9999999Z",
    "2026-03-02T01:00:00.Z",
    "2026-03-02T24:00:00Z",
    "2026-03-02T23:59:60Z",
    "2026-02-30T00:00:00Z",
    "2026-03-02 01:00:00Z",
    "9999-12-31T23:59:59.999999-14:00",
    "1000-01-01T00:00:00+14:00",
    "2026-03-02T01:00:00+14:01",
    "2026-03-02T01:00:00+15:00",
    "2026-03-02T01:00Z",
    "2026-03-02T01:00:00.1.2Z",
    "2026-03-02T01:00:00-",
    "2026-03-02T01:00:00+0900",
    "2026-03-02T01:00:00+9:00",
    "2026-03-02T01:00:00.5-00:30",
    "2026-03-02",
]
DATETIMES = st.one_of(
    st.sampled_from(AWKWARD_DATETIMES),
    st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)).map(datetime.isoformat),
    st.datetimes(timezones=st.timezones()).map(datetime.isoformat),
)
SCALARS = st.one_of(NUMBERS, STRINGS, st.booleans(), st.none(), DATES, DATETIMES)
LISTS = st.lists(st.one_of(SCALARS, st.just([1]), st.just({"a": "a"})), max_size=4)
FITTING: dict[ValueType, st.SearchStrategy[Any]] = {
    ValueType.STRING: STRINGS,
    ValueType.NUMBER: NUMBERS,
    ValueType.BOOLEAN: st.booleans(),
    ValueType.DATE: DATES,
    ValueType.DATETIME: DATETIMES,
    ValueType.LIST: LISTS,
}
ANYTHING = st.one_of(SCALARS, LISTS, st.just({}), st.just({"kind": "a"}))


def fitting(kind: ValueType) -> st.SearchStrategy[Any]:
    return st.one_of(FITTING[kind], FITTING[kind], FITTING[kind], ANYTHING)


ATTRIBUTES = st.fixed_dictionaries({}, optional={name: fitting(kind) for name, kind in PLAN.attributes.items()})
PAST = st.one_of(
    st.sampled_from(
        [timedelta(), timedelta(days=1), timedelta(days=30), timedelta(microseconds=1), -timedelta(hours=1)]
    ),
    st.timedeltas(timedelta(days=-2), timedelta(days=60)),
).map(lambda ago: NOW - ago)


@dataclass(frozen=True)
class Someone:
    profile: Profile
    history: tuple[Event, ...]
    consents: dict[tuple[str, str], bool]

    @property
    def facts(self) -> Person:
        granted = frozenset(pair for pair, yes in self.consents.items() if yes)
        return Person(NOW, self.profile.fields(), history=self.history, consents=granted)


@st.composite
def someone(draw: st.DrawFn) -> Someone:
    optional = st.one_of(st.none(), st.sampled_from(["", "ko", "KR", "a", "B"]))
    profile = Profile(
        "",
        "",
        draw(optional),
        draw(optional),
        draw(optional),
        draw(optional),
        draw(optional),
        draw(ATTRIBUTES),
        draw(PAST),
    )
    properties = st.fixed_dictionaries({}, optional={"value": fitting(ValueType.NUMBER), "sku": STRINGS})
    happened = st.builds(Event, st.just(""), st.just(""), st.sampled_from(EVENT_NAMES), properties, PAST)
    consents = st.dictionaries(st.tuples(st.sampled_from(list(Channel)), st.sampled_from(list(Purpose))), st.booleans())
    return Someone(profile, tuple(draw(st.lists(happened, max_size=4))), draw(consents))


# Well-typed expressions, as text.


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'


def field(kind: str) -> st.SearchStrategy[str]:
    return st.sampled_from([f"profile.{kind}1", f'profile["{kind}2"]'])


EVENT = st.sampled_from([quoted(name) for name in EVENT_NAMES])
WITHIN = st.sampled_from(["", ', "1 day"', ', within="30 days"', ', "1 second"'])
STRING = st.one_of(field("s"), st.sampled_from(["profile.id", "profile.email", "profile.country", "profile.locale"]))
STRING_LITERAL = STRINGS.map(quoted)
BOOLEAN = field("b")
DATE = field("d")
DATE_LITERAL = st.one_of(
    st.sampled_from(['"2026-03-02"', '"2024-02-29"', '"1000-01-01"', '"9999-12-31"']),
    st.dates(date(1000, 1, 1)).map(lambda day: f'"{day}"'),
)
MOMENT = st.one_of(
    field("t"), st.just("profile.created_at"), EVENT.map("last({})".format), EVENT.map("first({})".format)
)
MOMENT_LITERAL = st.sampled_from(
    ['"2026-03-02T10:00:00+09:00"', '"2026-03-01"', '"2026-01-31T01:00:00Z"', '"2026-03-02T01:00:00.000001Z"']
)
NUMBER_LITERAL = st.one_of(
    st.sampled_from(["0", "1", "-1", "2", "0.1", "0.3", "1e15", "-1e15", "1e-15", "30000", "123456.789", "3"]),
    st.decimals(-1000, 1000, places=2).map(str),
)
SIMPLE_NUMBER = st.one_of(
    field("n"),
    st.just(f'profile["{ODD_NAME}"]'),
    st.builds("count({}{})".format, EVENT, WITHIN),
    st.builds('sum({}, "value"{})'.format, EVENT, WITHIN),
    st.one_of(DATE, MOMENT).map("days_since({})".format),
)
NUMBER = st.recursive(
    st.one_of(SIMPLE_NUMBER, SIMPLE_NUMBER, NUMBER_LITERAL),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner), inner.map("-({})".format)
    ),
    max_leaves=4,
)
ORDER = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
EQUALITY = st.sampled_from(["==", "!="])
IN = st.sampled_from(["in", "not in"])


def listed(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(items, max_size=3).map(lambda found: f"[{', '.join(found)}]")


def compared(
    value: st.SearchStrategy[str], constant: st.SearchStrategy[str], simple: st.SearchStrategy[str] | None = None
) -> list[st.SearchStrategy[str]]:
    anything = st.one_of(value, constant)
    return [
        st.builds("{} {} {}".format, value, ORDER, anything),
        st.builds("{} {} {} {} {}".format, anything, ORDER, value, ORDER, anything),
        st.builds("{} {} {}".format, value, IN, listed(constant)),
        st.builds("{} {} none".format, value if simple is None else simple, EQUALITY),
    ]


ATOM = st.one_of(
    *compared(NUMBER, NUMBER_LITERAL, SIMPLE_NUMBER),
    *compared(STRING, STRING_LITERAL),
    *compared(DATE, DATE_LITERAL),
    *compared(MOMENT, MOMENT_LITERAL),
    BOOLEAN,
    st.builds("{} {} {}".format, BOOLEAN, EQUALITY, st.one_of(BOOLEAN, st.sampled_from(["true", "false", "none"]))),
    st.builds("{} {} {}".format, st.one_of(NUMBER, STRING, STRING_LITERAL, NUMBER_LITERAL, BOOLEAN), IN, field("l")),
    st.builds("{} {} none".format, field("l"), EQUALITY),
    st.builds('has_consent("{}", "{}")'.format, st.sampled_from(list(Channel)), st.sampled_from(list(Purpose))),
    st.sampled_from(["true", "false", 'in_segment("big")', 'in_segment("seen")']),
)
CONDITION = st.recursive(
    ATOM,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner),
        inner.map("not ({})".format),
        st.builds("({}) {} ({})".format, inner, EQUALITY, inner),
    ),
    max_leaves=4,
)


def shallow(text: str) -> bool:
    return not any("too deeply" in str(problem) for problem in problems(text, SCOPE))


def store(database: Database, people: list[Someone]) -> list[Someone]:
    """Replace everybody in the database by ``people``, with ids; return them as stored."""
    ids: Iterator[int] = itertools.count()
    named = [
        Someone(
            Profile(f"P{i:025}", f"c{i}", *_columns(person.profile)),
            tuple(Event(f"E{next(ids):025}", f"P{i:025}", e.name, e.properties, e.occurred_at) for e in person.history),
            person.consents,
        )
        for i, person in enumerate(people)
    ]
    with database.write() as connection:
        for table in (consent_states, events, profiles):
            connection.execute(delete(table))
        insert_many(connection, profiles, [_profile_row(person.profile) for person in named])
        insert_many(connection, events, [_event_row(event) for person in named for event in person.history])
        insert_many(connection, consent_states, [row for person in named for row in _consent_rows(person)])
    return named


def _columns(p: Profile) -> tuple[Any, ...]:
    return p.email, p.phone, p.locale, p.timezone, p.country, p.attributes, p.created_at


def _profile_row(p: Profile) -> dict[str, Any]:
    names = ("id", "external_id", "email", "phone", "locale", "timezone", "country", "attributes", "created_at")
    return {**{name: getattr(p, name) for name in names}, "updated_at": NOW}


def _event_row(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "message_id": event.id,
        "profile_id": event.profile_id,
        "name": event.name,
        "properties": event.properties,
        "source": "test",
        "occurred_at": event.occurred_at,
        "received_at": NOW,
    }


def _consent_rows(person: Someone) -> Iterator[dict[str, Any]]:
    for (channel, purpose), granted in person.consents.items():
        yield {
            "profile_id": person.profile.id,
            "channel": channel,
            "purpose": purpose,
            "granted": granted,
            "consent_id": "C",
            "occurred_at": NOW,
        }


def chosen_in_memory(people: list[Someone], text: str) -> set[str]:
    expression = parse(text, SCOPE)
    return {person.profile.id for person in people if evaluate(expression, person.facts)}


def chosen_in_sql(database: Database, text: str) -> set[str]:
    with database.read() as connection:
        where = to_sql(parse(text, SCOPE), NOW, connection.dialect.name)
        return set(connection.execute(select(profiles.c.id).where(where)).scalars())


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    people=st.lists(someone(), min_size=10, max_size=15),
    texts=st.lists(CONDITION.filter(shallow), min_size=8, max_size=12),
)
def test_memory_and_sql_choose_the_same_people(database: Database, people: list[Someone], texts: list[str]) -> None:
    stored = store(database, people)
    for text in texts:
        assert chosen_in_sql(database, text) == chosen_in_memory(stored, text), text


AWKWARD: list[Any] = [
    *AWKWARD_NUMBERS,
    *AWKWARD_TEXTS,
    *AWKWARD_DATES,
    *AWKWARD_DATETIMES,
    True,
    False,
    None,
    [],
    [1],
    {},
]
DEEPEST = "true == (" * 5 + "not (days_since(profile.t1) not in profile.l1)" + ")" * 5


@pytest.mark.parametrize(
    "text",
    [
        *(f"profile.{kind}1 == none" for kind in TYPES),
        *(f"profile.n1 {order} 0" for order in ("==", "<", ">")),
        "profile.n1 == profile.n2",
        "profile.n1 / 3 * profile.n1 - profile.n1 > 0.1",
        "profile.b1",
        "not profile.b1",
        'profile.s1 < "a"',
        'profile.s1 > "\\uffff"',
        'profile.s1 in ["1", "", "é", "\'"]',
        '"1" in profile.l1 or 1 in profile.l1 or true in profile.l1',
        "profile.n1 not in profile.l1",
        "profile.s1 in profile.l1",
        'profile.d1 > "2026-03-01"',
        "days_since(profile.d1) == 0",
        "days_since(profile.t1) == 0",
        "days_since(profile.t1) < 0",
        'profile.t1 == "2026-03-02T01:00:00Z"',
        'profile.t1 == "2026-03-02T01:30:00.500000Z"',
        "profile.t1 < profile.created_at",
        'sum("Order Completed", "value") == 0.1',
        'sum("Order Completed", "value") > profile.n1',
        DEEPEST,
    ],
)
def test_every_awkward_value_is_read_alike(database: Database, text: str) -> None:
    bought = [Event("", "", "Order Completed", {"value": value}, NOW) for value in AWKWARD]
    people = [
        Someone(
            Profile(
                "", "", None, None, None, None, None, {**dict.fromkeys(PLAN.attributes, value), "l1": [value, 1]}, NOW
            ),
            (bought[i], bought[i - 1]),
            {},
        )
        for i, value in enumerate(AWKWARD)
    ]
    people += [
        Someone(Profile("", "", None, None, None, None, None, {"l1": value, "n1": 1}, NOW), (), {}) for value in AWKWARD
    ]
    stored = store(database, people)
    assert chosen_in_sql(database, text) == chosen_in_memory(stored, text)


def test_an_expression_about_an_event_is_no_audience() -> None:
    scope = Scope(PLAN, frozenset({"event"}), event="Order Completed")
    with pytest.raises(ValueError, match="an audience has no `event`"):
        to_sql(parse("event.value > 3", scope), NOW, "sqlite")
