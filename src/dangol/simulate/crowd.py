"""The people of a simulation: made up, from a file, or copied from an installation's database, which is only read.

A crowd is divided into parts of a fixed size. People do not depend on one another, so each part is simulated alone,
in a temporary database of its own, and the division does not depend on how many processes there are.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, inspect, select
from sqlalchemy.engine import make_url

from dangol import ids
from dangol.consent.suppressions import AddressHasher
from dangol.errors import DangolError
from dangol.ids import SeededEntropy
from dangol.model.people import ConsentChange, ProfileChange
from dangol.model.vocabulary import OPEN_STATES, Channel, ConsentAction, JourneyStatus, MessageState
from dangol.model.workspace import TrackingPlan
from dangol.policy.zones import zone
from dangol.profiles import people
from dangol.simulate.behaviour import Behaviour
from dangol.simulate.draws import Draws
from dangol.simulate.happenings import SOURCE, Someone, value_of
from dangol.simulate.people import SYNTHETIC, made_up
from dangol.store.bulk import among, insert_many, insert_new
from dangol.store.database import Database
from dangol.store.tables import (
    arms,
    blobs,
    consent_states,
    consents,
    devices,
    events,
    instance,
    journeys,
    members,
    messages,
    metadata,
    profile_keys,
    profiles,
    slots,
    suppressions,
    versions,
)

CHUNK = 2_000
_LONG_AGO = timedelta(days=400)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a crowd: ``first`` to ``last``, which are numbers or profile ids, and how many people these are."""

    number: int
    people: int
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Setting:
    """What a crowd needs to know to move in: when it begins, and what is assumed."""

    start: datetime
    behaviour: Behaviour
    tracking_plan: TrackingPlan
    seed: int


class Crowd(Protocol):
    """Where people come from."""

    @property
    def made_up(self) -> bool:
        """Have they no past of their own?"""
        ...

    def parts(self, size: int) -> list[Part]: ...

    def move_in(self, database: Database, part: Part, setting: Setting) -> None:
        """Put the part's people into an empty database."""
        ...


@dataclass(frozen=True, slots=True)
class MadeUp:
    """People who do not exist, the same for the same seed."""

    count: int
    made_up: bool = True

    def parts(self, size: int) -> list[Part]:
        return [
            Part(number, min(size, self.count - first), str(first), str(min(first + size, self.count)))
            for number, first in enumerate(range(0, self.count, size))
        ]

    def move_in(self, database: Database, part: Part, setting: Setting) -> None:
        width = len(str(self.count))
        names = (f"p{number + 1:0{width}}" for number in range(int(part.first), int(part.last)))
        invent(database, names, setting)


@dataclass(frozen=True, slots=True)
class Named:
    """Made-up people with these ids: those whom a file of events is about. ``path`` has one id a line."""

    path: Path
    made_up: bool = True

    def parts(self, size: int) -> list[Part]:
        with self.path.open(encoding="utf-8") as lines:
            count = sum(1 for _ in lines)
        return MadeUp(count).parts(size)

    def move_in(self, database: Database, part: Part, setting: Setting) -> None:
        with self.path.open(encoding="utf-8") as lines:
            names = [line.rstrip("\n") for line in islice(lines, int(part.first), int(part.last))]
        invent(database, names, setting)


@dataclass(frozen=True, slots=True)
class Stored:
    """People in a database of dangol's, with their consents, devices, recent events and slots, and their journeys.

    It is only ever read, by connections that cannot write. ``campaigns`` narrows whose journeys are taken along.
    """

    url: str
    secret: str | None = None
    campaigns: tuple[str, ...] | None = None
    made_up: bool = False

    def __repr__(self) -> str:
        return f"Stored({make_url(self.url)!r})"  # SQLAlchemy hides the password

    def parts(self, size: int) -> list[Part]:
        with reading(self.url) as tx:
            statement = select(profiles.c.id).where(profiles.c.erased_at.is_(None)).order_by(profiles.c.id)
            found: list[Part] = []
            first, last, count = "", "", 0
            for row in tx.execution_options(yield_per=CHUNK).execute(statement):
                first, last, count = first or row.id, row.id, count + 1
                if count == size:
                    found.append(Part(len(found), count, first, last))
                    first, count = "", 0
        return [*found, Part(len(found), count, first, last)] if count else found

    def move_in(self, database: Database, part: Part, setting: Setting) -> None:
        with reading(self.url) as source:
            for table, wanted in self._wanted(part, setting.start):
                _copy(source, database, table, wanted)
            self._copy_suppressions(source, database, part)

    def address_secret(self) -> str:
        """The secret that keys this installation's suppressed addresses."""
        if self.secret is not None:
            return self.secret
        with reading(self.url) as tx:
            kept = tx.execute(select(instance.c.value).where(instance.c.name == "secret_key")).scalar_one_or_none()
        return kept or "none is kept"

    def _wanted(self, part: Part, start: datetime) -> list[tuple[Table, list[ColumnElement[bool]]]]:
        def of(table: Table) -> ColumnElement[bool]:
            if table is profiles:
                return profiles.c.id.between(part.first, part.last)
            return table.c.profile_id.between(part.first, part.last) & table.c.profile_id.not_in(_GONE)

        recent, open_states = start - _LONG_AGO, sorted(OPEN_STATES | {MessageState.HELD})
        run = [journeys.c.campaign_key.in_(self.campaigns)] if self.campaigns is not None else []
        sent = [messages.c.campaign_key.in_(self.campaigns)] if self.campaigns is not None else []
        return [
            (profiles, [of(profiles), profiles.c.erased_at.is_(None)]),
            (profile_keys, [of(profile_keys)]),
            (devices, [of(devices)]),
            (events, [of(events), events.c.occurred_at < start, events.c.occurred_at >= recent]),
            (consent_states, [of(consent_states)]),
            (consents, [of(consents)]),
            (slots, [of(slots), slots.c.reserved_at < start, slots.c.reserved_at >= recent]),
            (arms, [of(arms)]),
            (members, [of(members)]),
            (blobs, []),
            (versions, []),
            (journeys, [of(journeys), _taken_in_before(start), *run]),
            (messages, [of(messages), messages.c.state.in_(open_states), messages.c.planned_at < start, *sent]),
        ]

    def _copy_suppressions(self, source: Connection, database: Database, part: Part) -> None:
        """Those of the part's own addresses; only their keyed hashes are stored."""
        hasher = AddressHasher(self.address_secret().encode())
        with database.read() as tx:
            statement = select(profiles.c.email, profiles.c.phone)
            addresses = [(Channel.EMAIL, row.email) for row in tx.execute(statement) if row.email]
            addresses += [(Channel.SMS, row.phone) for row in tx.execute(statement) if row.phone]
            addresses += [(Channel.PUSH, token) for token in tx.execute(select(devices.c.token)).scalars()]
        for some in chunks(addresses, CHUNK):
            hashes = [hasher.hash(channel, address) for channel, address in some]
            active = select(suppressions).where(
                among(suppressions.c.address_hash, "hashes"), suppressions.c.lifted_at.is_(None)
            )
            rows = [dict(row._mapping) for row in source.execute(active, {"hashes": hashes})]
            with database.write() as into:
                insert_new(into, suppressions, rows, conflict=["id"])


def _taken_in_before(start: datetime) -> ColumnElement[bool]:
    """A journey by the recipient's clock is there from the firing on, though it begins later."""
    fired = journeys.c.entry_event_id.is_(None) & (journeys.c.entry_key < start.isoformat())
    return (journeys.c.entered_at < start) | fired


_GONE = select(profiles.c.id).where(profiles.c.erased_at.is_not(None))
"""Of people who were erased nothing is taken along, whatever rows they left."""


def _copy(source: Connection, database: Database, table: Table, wanted: list[ColumnElement[bool]]) -> None:
    rows = source.execution_options(yield_per=CHUNK).execute(select(table).where(*wanted))
    for some in chunks((_settled(table, dict(row._mapping)) for row in rows), CHUNK):
        with database.write() as into:
            insert_many(into, table, some)


def _settled(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """A row without marks of workers and pauses: in the simulation nobody was told yet, and nothing is on hold."""
    if table is journeys:
        row["queued_until"] = None
        row["status"] = JourneyStatus.WAITING.value if row["status"] == JourneyStatus.HELD else row["status"]
    if table is messages:
        row["state"], row["lease_until"] = MessageState.PLANNED.value, None
    return row


@contextmanager
def reading(url: str) -> Iterator[Connection]:
    """A transaction on a dangol database that cannot write.

    Raises StoreUnavailable if it cannot be reached, DangolError if its tables are not those of this release.
    """
    database = Database(_read_only(url), pool_size=1)
    try:
        with database.read() as connection:
            if database.is_postgresql:
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            _check_tables(connection, database.label)
            yield connection
    finally:
        database.close()


def _check_tables(connection: Connection, label: str) -> None:
    found = inspect(connection)
    tables = set(found.get_table_names())
    for name, table in metadata.tables.items():
        held = {column["name"] for column in found.get_columns(name)} if name in tables else set()
        if not {column.name for column in table.columns} <= held:
            raise DangolError(
                f"database {label}: its tables are not those of this release; it is only read, so bring it up to date "
                "with `dangol migrate` first, or take a copy of it"
            )


def _read_only(url: str) -> str:
    """The URL of a SQLite file in its read-only mode; others as they are, and read in read-only transactions."""
    if not url.startswith("sqlite"):
        return url
    path = make_url(url).database or ""
    if not Path(path).is_file():
        raise DangolError(f"--from-database: there is no file {path or '(in memory)'}")
    return f"sqlite:///file:{Path(path).resolve()}?mode=ro&uri=true"


def invent(database: Database, names: Iterable[str], setting: Setting) -> None:
    """Put made-up people with these ids, each named once, into an empty database."""
    draws, at = Draws(setting.seed), _birth(setting)
    for some in chunks(names, CHUNK):
        changes = [_invented(name, setting, draws) for name in some]
        owners = {change.external_id: ids.derive(at, "profile", change.external_id) for change in changes}
        agreed = assumed_consents(changes, setting, draws, at)
        with database.write() as tx:
            insert_many(tx, profiles, [_profile(change, owners, at) for change in changes])
            insert_many(tx, profile_keys, [_key(name, profile_id, draws) for name, profile_id in owners.items()])
            insert_many(tx, devices, [_device(change, owners, at) for change in changes if change.device_token])
            insert_many(tx, consents, [_consent(change, owners) for change in agreed])
            insert_many(tx, consent_states, [_consent_state(change, owners) for change in agreed])


def _profile(change: ProfileChange, owners: Mapping[str, str], at: datetime) -> dict[str, Any]:
    fields = ("external_id", "email", "phone", "locale", "timezone", "country", "attributes")
    told = {name: getattr(change, name) for name in fields}
    return {"id": owners[change.external_id], **told, "created_at": at, "updated_at": at}


def _key(name: str, profile_id: str, draws: Draws) -> dict[str, Any]:
    return {"profile_id": profile_id, "key": draws.key("key", name)}


def _device(change: ProfileChange, owners: Mapping[str, str], at: datetime) -> dict[str, Any]:
    return {
        "id": ids.derive(at, "device", change.device_token or ""),
        "profile_id": owners[change.external_id],
        "token": change.device_token,
        "platform": change.device_platform,
        "last_seen_at": at,
    }


def _consent_id(change: ConsentChange) -> str:
    return ids.derive(change.occurred_at, "consent", change.external_id, change.channel, change.purpose)


def _consent(change: ConsentChange, owners: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": _consent_id(change),
        "profile_id": owners[change.external_id],
        "channel": change.channel.value,
        "purpose": change.purpose.value,
        "action": change.action.value,
        "basis": change.basis,
        "source": change.source,
        "wording": change.wording,
        "occurred_at": change.occurred_at,
        "recorded_at": change.occurred_at,
    }


def _consent_state(change: ConsentChange, owners: Mapping[str, str]) -> dict[str, Any]:
    return {
        "profile_id": owners[change.external_id],
        "channel": change.channel.value,
        "purpose": change.purpose.value,
        "granted": True,
        "confirmed": True,  # where a rule asks for a double opt-in, invented people have been through it
        "consent_id": _consent_id(change),
        "occurred_at": change.occurred_at,
    }


def admit(tx: Connection, changes: Sequence[ProfileChange], *, at: datetime, draws: Draws) -> dict[str, str]:
    """Create or update people; external id → profile id, which is a function of the external id alone.

    Hold-outs and arms are drawn by profile id, so the same customer must have the same one in every run.
    """
    known = people.find(tx, [change.external_id for change in changes])
    new = sorted({change.external_id for change in changes} - known.keys())
    made = {name: ids.derive(at, "profile", name) for name in new}
    rows = [
        {"id": id_, "external_id": name, "attributes": {}, "created_at": at, "updated_at": at}
        for name, id_ in made.items()
    ]
    insert_many(tx, profiles, rows)
    insert_many(tx, profile_keys, [_key(name, id_, draws) for name, id_ in made.items()])
    return people.identify(tx, changes, now=at, entropy=SeededEntropy("nobody is new to it"))


def assumed_consents(
    changes: Iterable[ProfileChange], setting: Setting, draws: Draws, at: datetime
) -> list[ConsentChange]:
    """Consents as the behaviour assumes them, for the channels on which these people have an address."""
    return [
        ConsentChange(change.external_id, channel, purpose, ConsentAction.GRANTED, at, SOURCE)
        for change in changes
        for purpose, shares in setting.behaviour.people.consents.items()
        for channel, share in shares.items()
        if _reachable(change, channel)
        and draws.one("consent", change.external_id, purpose.value, channel.value) < share
    ]


def with_device(change: ProfileChange, setting: Setting, draws: Draws) -> ProfileChange:
    """The person, with a device for the share of people who have the app."""
    has = draws.one("device", change.external_id) < setting.behaviour.people.devices
    return replace(change, device_token=f"sim-{change.external_id}" if has else None, device_platform="ios")


def everyone(tx: Connection, default_zone: str) -> list[Someone]:
    """The people of a database in the order of their ids; who has no zone lives in the default one."""
    rows = tx.execute(select(profiles.c.id, profiles.c.external_id, profiles.c.timezone).order_by(profiles.c.id))
    return [Someone(id_, name, known if known and zone(known) else default_zone) for id_, name, known in rows]


def _invented(name: str, setting: Setting, draws: Draws) -> ProfileChange:
    change = made_up(name, random.Random(draws.key("person", name)))  # noqa: S311 - repeatable on purpose
    attributes = dict(change.attributes)
    for index, (attribute, given) in enumerate(sorted(setting.behaviour.people.attributes.items())):
        kind = setting.tracking_plan.attributes.get(attribute)
        if kind is not None:
            uniform = draws.one("attribute", name, str(index))
            attributes[attribute] = value_of(given, attribute, kind, setting.start, uniform)
    return with_device(replace(change, attributes={**attributes, **SYNTHETIC}), setting, draws)


def _birth(setting: Setting) -> datetime:
    """When made-up people signed up: before anything they did."""
    return setting.start - timedelta(days=setting.behaviour.people.past_days + 1)


def _reachable(change: ProfileChange, channel: Channel) -> bool:
    return bool({Channel.EMAIL: change.email, Channel.SMS: change.phone, Channel.PUSH: change.device_token}[channel])


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most ``size``."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
