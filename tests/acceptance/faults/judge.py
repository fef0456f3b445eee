"""Reads what the carriers truly took, and then the database, and says where the two break a promise.

It uses nothing of dangol: the carriers' record is JSON lines, the mailbox and the database are asked in SQL. Caps,
nights and withdrawals are judged by the judge of the load (docs/proof.md).
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from tests.acceptance.load.judge import Night, Rule, against_their_will, at_night, doubled, over
from tests.acceptance.load.shared import Taken

_OPEN = ("planned", "due", "sending", "held")
_HAD = ("accepted", "delivered", "bounced")
_CHANNELS = {"sendgrid": "email", "twilio": "sms"}
_TOLD_AGAIN = "email"
"""Reports about these are told again for a day; of the others one may be lost for good, with the process it came to."""
_THAT_OPENED_SOMETHING = "SELECT e.message_id FROM events e JOIN journeys j ON j.entry_event_id = e.id"


@dataclass
class Story:
    """What happened outside dangol, as those know who did it.

    ``accepted`` are the ids of events that the API took; ``owners`` and ``zones`` are by address; ``without`` has by
    person and channel the spans without a consent, in nanoseconds since 1970; ``skewed`` are spans in which a clock of
    a process was wrong, by ``skew`` at most, and ``late`` is how long after its claim a message may reach a carrier.
    """

    accepted: set[str] = field(default_factory=set)
    owners: dict[str, str] = field(default_factory=dict)
    zones: dict[str, str] = field(default_factory=dict)
    nights: Sequence[Night] = ()
    rules: Sequence[Rule] = ()
    without: dict[tuple[str, str], list[tuple[int, int]]] = field(default_factory=dict)
    skewed: list[tuple[datetime, datetime]] = field(default_factory=list)
    skew: timedelta = timedelta()
    late: timedelta = timedelta()


@dataclass
class Evidence:
    """What is to be judged: ``taken`` by the carriers; ``messages`` by id, with state and purpose; the ids of the
    ``events`` stored and of those that ``opened`` a journey; the messages that ``dangol log unknown`` ``listed``."""

    taken: list[Taken] = field(default_factory=list)
    messages: dict[str, tuple[str, str]] = field(default_factory=dict)
    events: set[str] = field(default_factory=set)
    opened: set[str] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)


@dataclass
class Verdict:
    """What was found; the lists are breaches and have to be empty."""

    taken: dict[str, int] = field(default_factory=dict)
    states: dict[str, int] = field(default_factory=dict)
    lost_events: list[str] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    believed: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)
    over_cap: list[str] = field(default_factory=list)
    at_night: list[str] = field(default_factory=list)
    against_their_will: list[str] = field(default_factory=list)

    @property
    def breaches(self) -> dict[str, list[str]]:
        return {name: found for name, found in vars(self).items() if isinstance(found, list) and found}


def judge(seen: Evidence, story: Story) -> Verdict:
    """Pure: whatever breaks a promise, by the ids of messages and events, or the rule and the person."""
    had = {one.message_id: one for one in seen.taken}
    state = {id_: is_now for id_, (is_now, _) in seen.messages.items()}
    unknown = {id_ for id_, is_now in state.items() if is_now == "unknown"}
    marketing = [one for one in seen.taken if seen.messages.get(one.message_id, ("", ""))[1] == "marketing"]
    ids = {
        "lost_events": story.accepted - (seen.events & seen.opened),
        "undecided": {id_ for id_, is_now in state.items() if is_now in _OPEN},
        "doubled": set(doubled(seen.taken)),
        "believed": {id_ for id_, is_now in state.items() if is_now in _HAD and id_ not in had},
        "forgotten": had.keys() - state.keys(),
        "unsettled": {id_ for id_, one in had.items() if id_ in state and not _settled(one, state[id_])},
        "unlisted": unknown - seen.listed,
        "over_cap": {f"{rule} {who}" for rule, who, _ in over(marketing, story.owners, story.rules, late=_late(story))},
        "at_night": {one.message_id for one in _at_night(marketing, story)},
        "against_their_will": {one.message_id for one in against_their_will(marketing, story.owners, story.without)},
    }
    lists: dict[str, Any] = {name: sorted(found) for name, found in ids.items()}
    taken, states = Counter(one.channel for one in seen.taken), Counter(state.values())
    return replace(Verdict(dict(taken), dict(states)), **lists)


def _settled(one: Taken, state: str) -> bool:
    """The log knows that the carrier had it, or at least (it is listed, then) that it may have."""
    return state in _HAD or (state == "unknown" and one.channel != _TOLD_AGAIN)


def _late(story: Story) -> timedelta:
    """How far apart two instants by two clocks may be from what the carriers wrote down."""
    return story.late + (2 * story.skew if story.skewed else timedelta())


def _at_night(taken: Sequence[Taken], story: Story) -> list[Taken]:
    around = story.late + story.skew
    spans = [(since - around, until + around) for since, until in story.skewed]

    def doubt(one: Taken) -> tuple[timedelta, timedelta]:
        off = story.skew if any(since <= one.at <= until for since, until in spans) else timedelta()
        return story.late + off, off

    zones = {name: ZoneInfo(name) for name in set(story.zones.values())}
    return at_night(taken, nights=story.nights, zone_of=lambda one: zones[story.zones[one.to]], doubt=doubt)


def read(url: str, record: Path, mailbox: Path, story: Story, listed: set[str]) -> Evidence:
    """From the database at ``url``, the ``record`` of the simulated carriers and the file of the ``mailbox``."""
    with psycopg.connect(url) as connection:
        messages = connection.execute("SELECT id, state, purpose FROM messages").fetchall()
        events = {row[0] for row in connection.execute("SELECT message_id FROM events")}
        opened = {row[0] for row in connection.execute(_THAT_OPENED_SOMETHING)}
    taken = [*_recorded(record, story), *_kept(mailbox, story)]
    return Evidence(taken, {row[0]: (row[1], row[2]) for row in messages}, events, opened, listed)


def _recorded(record: Path, story: Story) -> Iterator[Taken]:
    for line in record.read_text().splitlines():
        entry: Mapping[str, Any] = json.loads(line)
        at = datetime.fromtimestamp(entry["at"], UTC)
        yield _taken(entry["message_id"], _CHANNELS[entry["provider"]], entry["to"], at, story.late)


def _kept(mailbox: Path, story: Story) -> Iterator[Taken]:
    """The mailbox tells the time by the clock of whoever hands over, which may be wrong."""
    if not mailbox.exists():
        return
    with closing(sqlite3.connect(mailbox)) as connection:
        for id_, channel, to, at in connection.execute("SELECT message_id, channel, recipient, received_at FROM mail"):
            yield _taken(id_, channel, to, datetime.fromisoformat(at), story.late + story.skew)


def _taken(id_: str, channel: str, to: str, at: datetime, before: timedelta) -> Taken:
    """Claimed at the earliest so long ``before``: a withdrawal must be older than that to be held against it."""
    return Taken(id_, channel, to, at, int((at - before).timestamp() * 1e9))
