"""One part of the people, one variant of the campaigns: the real pipeline on a clock that jumps to whatever is next."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from heapq import nsmallest
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import SecretStr
from sqlalchemy import Connection, select

from dangol import ids
from dangol.batch.warming import WHOLE
from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.definitions import versions
from dangol.definitions.workspace import Sources, Workspace, build_workspace
from dangol.delivery.webhooks import NoCalls
from dangol.ids import SeededEntropy
from dangol.model.people import IncomingEvent
from dangol.model.vocabulary import Channel, Decision
from dangol.policy.caps import longest_window
from dangol.profiles import events as happened
from dangol.release import Releases
from dangol.settings import NOWHERE, Settings
from dangol.simulate.afterwards import count_emitted, count_texts, still_waiting
from dangol.simulate.behaviour import Behaviour
from dangol.simulate.breaches import Held, count_breaches
from dangol.simulate.carrier import Carrier
from dangol.simulate.compare import Comparison
from dangol.simulate.crowd import CHUNK, Crowd, Part, Setting, Stored, chunks, everyone
from dangol.simulate.draws import Draws, waiting_time
from dangol.simulate.goals import count_goals
from dangol.simulate.happenings import Happenings, Someone
from dangol.simulate.listing import write_changed
from dangol.simulate.never import Rule
from dangol.simulate.outcomes import compare, differing
from dangol.simulate.reported import Reported
from dangol.simulate.runner import Runner
from dangol.simulate.tally import Cap, Ledger, LogEntry, Sent, Tally
from dangol.store.bulk import among, insert_many
from dangol.store.database import Database
from dangol.store.tables import events, journeys, slots

_BATCH = 2_500
_PARTS, _SMALLEST_PART, _LARGEST_PART = 4, 5_000, 25_000
"""Every step of time costs something for each part, and the memory of a process grows with the part it works on."""
_ANSWER_AFTER = timedelta(hours=6)
_DAY = timedelta(days=1)
_CANDIDATES = 25
"""So many people are watched for every timeline that is kept, because many get nothing."""
_WITH_EVIDENCE = frozenset(
    {
        Decision.MESSAGE_DEFERRED.value,
        Decision.MESSAGE_REROUTED.value,
        Decision.MESSAGE_SUPPRESSED.value,
    }
)
Progress = Callable[[float], None]
"""Told how many person-days were simulated since it was told last."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Campaigns to simulate: the files of a workspace, under a name for people."""

    name: str
    sources: Sources


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides what a simulation finds.

    ``campaigns`` narrows what runs; None means all. ``limit`` is how many changed people are listed, ``samples`` of
    how many people a timeline is kept. ``never`` are the rules that everybody is held to. ``listing`` is a folder for
    the list of everybody who changes.
    """

    variants: tuple[Variant, ...]
    crowd: Crowd
    behaviour: Behaviour
    start: datetime
    days: int
    seed: int = 0
    grain: timedelta = timedelta(minutes=30)
    campaigns: tuple[str, ...] | None = None
    events: Path | None = None
    samples: int = 8
    limit: int = 50
    never: tuple[Rule, ...] = ()
    listing: Path | None = None

    @property
    def end(self) -> datetime:
        return self.start + timedelta(days=self.days)

    def parts(self) -> list[Part]:
        """The people in parts of one size, which depends on how many there are and on nothing else."""
        people = sum(part.people for part in self.crowd.parts(_LARGEST_PART))
        return self.crowd.parts(max(_SMALLEST_PART, min(_LARGEST_PART, -(-people // _PARTS))))

    def slice_of(self, part: Part) -> tuple[float, float]:
        """From where to where of all people this part reaches: it may take so much of what all of them share."""
        parts = self.parts()
        before, everybody = sum(one.people for one in parts[: part.number]), sum(one.people for one in parts)
        return (before / everybody, (before + part.people) / everybody) if everybody else WHOLE


@dataclass(slots=True)
class Found:
    """What one part, or all of them, found: a tally for each variant, and a comparison if there are two."""

    tallies: list[Tally]
    comparison: Comparison

    def add(self, other: Found, plan: Plan) -> None:
        for mine, theirs in zip(self.tallies, other.tallies, strict=True):
            mine.add(theirs, samples=plan.samples)
        self.comparison.add(other.comparison, plan.limit)


def nothing_found(plan: Plan) -> Found:
    return Found([Tally() for _ in plan.variants], Comparison())


def workspace_of(variant: Variant, campaigns: Sequence[str] | None) -> Workspace:
    """The variant's workspace, with these campaigns alone; the variant was checked before."""
    return _workspace(tuple(variant.sources.items()), tuple(campaigns) if campaigns is not None else None)


@lru_cache(maxsize=4)
def _workspace(sources: tuple[tuple[str, str], ...], campaigns: tuple[str, ...] | None) -> Workspace:
    """Read once a process: every part needs it."""
    if campaigns is None:
        return build_workspace(dict(sources))
    left_out = {f"campaigns/{key}.yaml" for key in build_workspace(dict(sources)).campaigns if key not in campaigns}
    return build_workspace({path: text for path, text in sources if path not in left_out})


@lru_cache(maxsize=1)
def _releases() -> Releases:
    """Compiled versions are named by their content, so the parts that a process works on share them."""
    return Releases()


def simulate_part(plan: Plan, part: Part, template: Path, folder: Path, progress: Progress) -> Found:
    """Simulate one part of the people under every variant, in ``folder``; ``template`` is an empty database."""
    base = folder / "people.sqlite3"
    shutil.copy(template, base)
    worlds = []
    with _opened(base) as database:
        workspace = workspace_of(plan.variants[0], plan.campaigns)
        setting = Setting(plan.start, plan.behaviour, workspace.tracking_plan, plan.seed)
        plan.crowd.move_in(database, part, setting)
        _remember(database, plan, workspace)
    found = nothing_found(plan)
    for number, variant in enumerate(plan.variants):
        home = folder / f"variant{number}"
        home.mkdir()
        shutil.copy(base, home / "dangol.sqlite3")
        with World(plan, variant, home) as world:
            found.tallies[number].add(world.run(part, progress), samples=plan.samples)
        worlds.append(home / "dangol.sqlite3")
    if len(worlds) == 2:
        old, new = (workspace_of(variant, plan.campaigns) for variant in plan.variants)
        changed = compare(
            worlds[0],
            worlds[1],
            found.comparison,
            variants=differing(old, new),
            start=plan.start,
            limit=plan.limit,
        )
        zone = ZoneInfo(new.policies.timezone)
        write_changed(plan.listing / str(part.number) if plan.listing is not None else None, changed, zone)
    return found


@contextmanager
def _opened(path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{path}", durable=False)
    try:
        yield database
    finally:
        database.close()


def _remember(database: Database, plan: Plan, workspace: Workspace) -> None:
    """Give people their past: what is reported from before the start, and for made-up people what is assumed."""
    draws = Draws(plan.seed)
    with database.read() as tx:
        people = everyone(tx, workspace.policies.timezone)
    owners = {person.external_id: person.profile_id for person in people}
    if plan.events is not None:
        for some in chunks(Reported(plan.events).before(plan.start, owners), CHUNK):
            with database.write() as tx:
                happened.record(tx, some, owners, received_at=plan.start)
    elif plan.crowd.made_up:
        for some in chunks(_happenings(plan, workspace, draws).past(people), CHUNK):
            with database.write() as tx:
                insert_many(tx, events, [_row(event, owners[event.external_id], plan.start) for event in some])


def _row(event: IncomingEvent, profile_id: str, received_at: datetime) -> dict[str, Any]:
    """A made-up event, which cannot be there already."""
    return {
        "id": ids.derive(event.occurred_at, "event", event.message_id),
        "message_id": event.message_id,
        "profile_id": profile_id,
        "name": event.name,
        "properties": event.properties,
        "source": event.source,
        "occurred_at": event.occurred_at,
        "received_at": received_at,
    }


def _happenings(plan: Plan, workspace: Workspace, draws: Draws) -> Happenings:
    return Happenings(plan.behaviour, workspace.tracking_plan, draws, start=plan.start, end=plan.end, grain=plan.grain)


class World:
    """An installation in a temporary folder, its people, and what happens to them."""

    def __init__(self, plan: Plan, variant: Variant, home: Path) -> None:
        self._plan = plan
        self._clock = VirtualClock(plan.start)
        self._draws = Draws(plan.seed)
        texts = [rule.contains for rule in plan.never if rule.contains is not None]
        self._carrier = Carrier(texts, self._draws, plan.behaviour.dead)
        self._workspace = workspace_of(variant, plan.campaigns)
        self._dangol = Dangol(
            _settings(home, plan),
            clock=self._clock,
            entropy=SeededEntropy(plan.seed),
            providers=dict.fromkeys(Channel, self._carrier),
            caller=NoCalls(),
            durable=False,
        )
        self._dangol.releases = self._dangol.pipeline.releases = self._dangol.sweeper.releases = _releases()
        _in_a_hurry(self._dangol.database)
        self._runner = Runner(self._dangol.pipeline, self._dangol.sweeper, self._clock, grain=plan.grain)
        self._read_to = 0

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self._dangol.close()

    def run(self, part: Part, progress: Progress) -> Tally:
        """Let the plan's days go by; returns what was counted."""
        if self._workspace.policies.warm_up:
            self._dangol.pipeline.warm_up_slice = self._plan.slice_of(part)
        with self._dangol.database.write() as tx:
            versions.deploy(tx, self._workspace, at=self._plan.start, by="dangol simulate")
            people = everyone(tx, self._workspace.policies.timezone)
        self._names = {person.profile_id: person.external_id for person in people}
        self._zones = {person.profile_id: ZoneInfo(person.zone) for person in people}
        self._nth: dict[tuple[str, str, str], int] = {}
        self._ledger = self._new_ledger(people)
        self._happenings = self._new_happenings(people)
        self._opened_by_api = {
            campaign.entry.api: key for key, campaign in self._workspace.campaigns.items() if campaign.entry.api
        }
        day, busy = self._plan.start, True
        while (at := self._next(busy)) is not None:
            busy = self._step(at)
            if at - day >= _DAY:
                progress(part.people * ((at - day) / _DAY))
                day = at
        progress(part.people * ((self._plan.end - day) / _DAY))
        self._clock.move_to(self._plan.end)
        return self._close(people)

    def _new_ledger(self, people: Sequence[Someone]) -> Ledger:
        with self._dangol.database.read() as tx:
            releases = self._dangol.releases.active(tx)
            rulebooks = [release.rulebook for release in releases]
            caps = [Cap(rule.cap.key, rule.applies_to) for rule in rulebooks[0].caps] if rulebooks else []
            largest = max((cap.limit for rulebook in rulebooks for cap in rulebook.policies.caps), default=1)
            draw = {person.profile_id: self._draws.one("sample", person.external_id) for person in people}
            watched = nsmallest(
                _CANDIDATES * self._plan.samples, draw, key=lambda profile_id: (draw[profile_id], profile_id)
            )
            self._watched = {profile_id: (draw[profile_id], self._names[profile_id]) for profile_id in watched}
            # Among so many of the latest messages of a person are all that any cap may count.
            window = min(500, 4 * largest + 20)
            ledger = Ledger(
                self._plan.start, self._plan.end, self._workspace.campaigns, caps, window=window, watched=watched
            )
            since = self._plan.start - longest_window(rulebooks)
            held = select(slots).where(slots.c.reserved_at > since).order_by(slots.c.reserved_at, slots.c.message_id)
            for row in tx.execute(held):
                ledger.hold(row.profile_id, {**row._mapping, "campaign": row.campaign_key})
        return ledger

    def _new_happenings(self, people: Sequence[Someone]) -> Happenings:
        happenings = _happenings(self._plan, self._workspace, self._draws)
        if self._plan.events is None:
            happenings.live(people)
        else:
            names = dict.fromkeys(self._names.values(), "")
            happenings.report(Reported(self._plan.events).between(self._plan.start, self._plan.end, names))
        return happenings

    def _next(self, busy: bool) -> datetime | None:
        """The next instant of the grid with anything to do; None once the simulation is over.

        It is the present one as long as there is something left to do; what cannot be done is asked about later.
        """
        due, happens, now = self._dangol.sweeper.next_due(), self._happenings.next_at(), self._clock.now()
        instants = [happens] if happens is not None else []
        if due is not None:
            instants.append(max(self._grid(due), now if busy else now + self._plan.grain))
        at = min(instants, default=self._plan.end)
        return at if at < self._plan.end else None

    def _grid(self, instant: datetime) -> datetime:
        over = (instant - self._plan.start) % self._plan.grain
        return instant if not over else instant - over + self._plan.grain

    def _step(self, at: datetime) -> bool:
        """What happens at this instant comes first, then what is due: an exit wins over a send of the same instant.

        Returns whether anything was done.
        """
        self._clock.move_to(at)
        happening = self._happenings.until(at)
        for some in chunks(happening, _BATCH):
            self._ingest(some)
        busy = self._runner.run_due()
        with self._dangol.database.read() as tx:
            self._answer(tx, self._ledger.read(self._new_entries(tx)))
        return busy or bool(happening)

    def _ingest(self, some: Sequence[IncomingEvent]) -> None:
        for event in some:
            self._ledger.tally.events[event.name] += 1
            if event.name in self._opened_by_api:
                self._dangol.pipeline.start(self._opened_by_api[event.name], event)
        self._dangol.pipeline.ingest([event for event in some if event.name not in self._opened_by_api])

    def _new_entries(self, tx: Connection) -> Iterator[LogEntry]:
        """Log entries since the last time, read in plain SQL: there are many."""
        rows = tx.exec_driver_sql(_NEW_ENTRIES, (self._read_to,))
        while some := rows.fetchmany(5_000):
            for seq, at, decision, reason, profile, campaign, journey, message, stage, step, channel, evidence in some:
                self._read_to = seq
                yield LogEntry(
                    _instant(at),
                    decision,
                    reason,
                    profile or "",
                    campaign or "",
                    journey or "",
                    message or "",
                    stage or "",
                    step or "",
                    channel or "",
                    json.loads(evidence) if decision in _WITH_EVIDENCE else {},
                )

    def _answer(self, tx: Connection, sent: Sequence[Sent]) -> None:
        """Let people open, click and buy; what they buy, they buy later."""
        buying: list[tuple[Sent, str, timedelta]] = []
        for one in sent:
            if one.channel == Channel.SMS:
                self._ledger.billed(one, self._carrier.segments(one.message_id))
            who = self._names[one.profile_id]
            self._ledger.tally.own_hours[one.at.astimezone(self._zones[one.profile_id]).hour, one.channel] += 1
            key = one.profile_id, one.campaign, one.step
            nth = self._nth[key] = self._nth.get(key, 0) + 1
            occasion = f"message {one.campaign}.{one.step} {nth}"
            response = self._plan.behaviour.response(one.channel, one.stage)
            interest, purchase, delay, *_ = self._draws.eight(who, occasion, one.channel)
            if interest < response.open:
                self._ledger.answered(one, "opened")
            if interest < response.click:
                self._ledger.answered(one, "clicked")
            if purchase < response.purchase:
                self._ledger.answered(one, "bought")
                mean = (response.after or _ANSWER_AFTER).total_seconds()
                after = max(self._plan.grain, timedelta(seconds=waiting_time(mean, delay)))
                buying.append((one, occasion, after))
        about = _entry_properties(tx, [one.journey_id for one, _, _ in buying])
        for one, occasion, after in buying:
            self._happenings.buy(one.at + after, self._names[one.profile_id], occasion, about.get(one.journey_id, {}))

    def _close(self, people: Sequence[Someone]) -> Tally:
        with self._dangol.database.read() as tx:
            waiting = still_waiting(tx, self._ledger.tally)
            count_texts(tx, self._plan.start, self._ledger.tally)
            count_emitted(tx, self._plan.start, self._ledger.tally)
            tally = self._ledger.close([person.profile_id for person in people], self._watched, waiting)
            for release in self._dangol.releases.active(tx):
                count_goals(tx, release, (self._plan.start, self._plan.end), tally)
            anywhere = self._workspace.policies.unknown_timezone
            held = Held(self._plan.never, self._workspace, self._plan.start, anywhere)
            count_breaches(tx, held, people, self._carrier, tally)
        return tally


def _in_a_hurry(database: Database) -> None:
    """Let SQLite not wait for the disk: what a simulation writes is thrown away. One connection serves all of it."""
    raw = database.engine.raw_connection()
    try:
        for pragma in ("synchronous=OFF", "cache_size=-131072", "wal_autocheckpoint=20000"):
            raw.cursor().execute(f"PRAGMA {pragma}")
    finally:
        raw.close()


_NEW_ENTRIES = (
    "SELECT seq, at, decision, reason, profile_id, campaign_key, journey_id, message_id, stage, step, channel, evidence"
    " FROM log WHERE seq > ? ORDER BY seq"
)


@lru_cache(maxsize=64)
def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _settings(home: Path, plan: Plan) -> Settings:
    secret = plan.crowd.address_secret() if isinstance(plan.crowd, Stored) else f"simulation {plan.seed}"
    return Settings(
        home=home,
        database_url=f"sqlite:///{home / 'dangol.sqlite3'}",
        secret_key=SecretStr(secret),
        public_url=NOWHERE,
        write_key=SecretStr("nobody reports to a simulation"),
        batch_size=_BATCH,
    )


def _entry_properties(tx: Connection, journey_ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Journey → properties of the event that it began with."""
    if not journey_ids:
        return {}
    statement = (
        select(journeys.c.id, events.c.properties)
        .join(events, events.c.id == journeys.c.entry_event_id)
        .where(among(journeys.c.id, "ids"))
    )
    return {row.id: row.properties for row in tx.execute(statement, {"ids": journey_ids})}
