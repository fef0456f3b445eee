"""People in the middle of a journey, written in bulk: who they are, what let them in, where they stand."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from bench.letter import FIRES_AT, write_workspace
from bench.population import settle
from dangol import ids
from dangol.ids import SeededEntropy
from dangol.model.people import IncomingEvent
from dangol.model.steps import Wait, WaitFor
from dangol.model.vocabulary import JourneyStatus
from dangol.release import Release
from dangol.store.bulk import insert_many
from dangol.store.database import Database
from dangol.store.tables import events, journeys, profile_keys, profiles

CAMPAIGN, STARTED, RESUMED = "cart", "Checkout Started", "Checkout Resumed"
NOW = FIRES_AT
"""Nothing is due yet. Events come in now."""
SPREAD = timedelta(days=2)
"""Timers come due one after the other from now on, the last of them at the end of this."""
RIGHT_CARTS = 0.9
"""So many of the events that come in name the cart that their person's journey is about."""
_SLEEPS, _LISTENS = timedelta(days=3), timedelta(days=7)
_SIGNED_UP = NOW - timedelta(days=800)
_CARTS = Path(__file__).parent / "carts"
_STEP, _LEAP = 7_919, 15_485_863
"""Primes: what is taken in steps of them, round and round, comes from all over, and nothing comes twice."""
_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many waiting journeys, of as many people: the first half listens for an event, the second half sleeps.

    ``bystanders`` are known, too, and in no journey. A person's number says nothing about their journey's, so that
    what a batch of events looks up lies scattered.
    """

    journeys: int
    bystanders: int

    @property
    def listening(self) -> int:
        return self.journeys // 2

    @property
    def sleeping(self) -> int:
        return self.journeys - self.listening

    def wakes_at(self, sleeper: int) -> datetime:
        """When the timer of this sleeper, counted from 1, is due."""
        return NOW + SPREAD * sleeper / self.sleeping

    def owner(self, journey: int) -> int:
        """Whose journey this is."""
        return journey * _STEP % self.journeys

    def entered_at(self, journey: int) -> datetime:
        """In the order of their numbers, the sleepers last."""
        if journey < self.listening:
            return NOW - timedelta(days=7) + timedelta(days=3) * journey / self.listening
        return self.wakes_at(journey - self.listening + 1) - _SLEEPS

    def draw(self, turn: int, count: int) -> list[int]:
        """Journeys that listen, from all over the crowd; other ones each turn, because what was heard stays heard."""
        return [place * _LEAP % self.listening for place in range(turn * count, (turn + 1) * count)]

    def resumptions(self, chosen: Sequence[int], kind: str) -> list[IncomingEvent]:
        """What their people do now: go on with a cart, nine in ten with the one that the journey waits for."""
        wrong = len(chosen) - round(len(chosen) * RIGHT_CARTS)
        return [
            _resumed(self.owner(journey), f"{kind} {journey}", cart(journey) if place >= wrong else "another")
            for place, journey in enumerate(chosen)
        ]

    def unheard(self, first: int, count: int) -> list[IncomingEvent]:
        """The same of bystanders."""
        numbers = range(self.journeys + first, self.journeys + first + count)
        return [_resumed(number, f"unheard {number}", cart(number)) for number in numbers]


def cart(journey: int) -> str:
    return f"c{journey:07d}"


def profile_id(number: int) -> str:
    return ids.derive(_SIGNED_UP + timedelta(seconds=number), "bench profile", str(number))


def external_id(number: int) -> str:
    return f"w{number:07d}"


def write_carts(folder: Path) -> Path:
    """Lay the workspace out in ``folder``: the letter's texts, with the campaign that people wait in."""
    write_workspace(folder)
    (folder / "campaigns" / "letter.yaml").unlink()
    shutil.copytree(_CARTS, folder, dirs_exist_ok=True)
    return folder


def stands(release: Release) -> tuple[str, str, str]:
    """The positions of those who sleep, of those who listen, and of those who were heard."""
    steps = [placed for placed in release.campaign.placed if isinstance(placed.step, Wait | WaitFor)]
    nap, listen, rest = steps
    return nap.following, listen.position, rest.following


def fill(database: Database, crowd: Crowd, release: Release) -> None:
    """Write everybody, and let the database take note."""
    entropy = SeededEntropy("bench")
    numbers = iter(range(crowd.journeys + crowd.bystanders))
    while chunk := list(islice(numbers, _CHUNK)):
        with database.write() as tx:
            insert_many(tx, profiles, [_profile(number) for number in chunk])
            keys = [{"profile_id": profile_id(number), "key": entropy.bytes(64)} for number in chunk]
            insert_many(tx, profile_keys, keys)
    for rows in _chunks(crowd, release):
        with database.write() as tx:
            insert_many(tx, events, [started for started, _ in rows])
            insert_many(tx, journeys, [journey for _, journey in rows])
    settle(database)


def _chunks(crowd: Crowd, release: Release) -> Iterator[list[tuple[dict[str, Any], dict[str, Any]]]]:
    nap, listen, _ = stands(release)
    numbers = iter(range(crowd.journeys))
    while chunk := list(islice(numbers, _CHUNK)):
        yield [_journey(number, crowd, release, listen if number < crowd.listening else nap) for number in chunk]


def _profile(number: int) -> dict[str, Any]:
    signed_up = _SIGNED_UP + timedelta(seconds=number)
    return {
        "id": profile_id(number),
        "external_id": external_id(number),
        "email": f"{external_id(number)}@example.com",
        "phone": None,
        "locale": "ko",
        "timezone": "Asia/Seoul",
        "country": None,
        "attributes": {"name": "김서연", "given_name": "서연", "city": "서울", "vip": False, "points": number % 90_000},
        "created_at": signed_up,
        "updated_at": signed_up,
    }


def _journey(number: int, crowd: Crowd, release: Release, position: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The event that let somebody in, and their journey since, as the pipeline would have left it."""
    owner, entered_at = profile_id(crowd.owner(number)), crowd.entered_at(number)
    listens, woke_at = number < crowd.listening, entered_at + _SLEEPS
    event_id = ids.derive(entered_at, "event", f"started {number}")
    started = {
        "id": event_id,
        "message_id": f"started {number}",
        "profile_id": owner,
        "name": STARTED,
        "properties": {"cart_id": cart(number)},
        "source": "bench",
        "occurred_at": entered_at,
        "received_at": entered_at,
        "hops": 0,
    }
    journey = {
        "id": ids.derive(entered_at, "journey", CAMPAIGN, owner, event_id),
        "campaign_key": CAMPAIGN,
        "version_id": release.version_id,
        "profile_id": owner,
        "entry_key": event_id,
        "entry_event_id": event_id,
        "status": JourneyStatus.WAITING.value,
        "position": position,
        "wake_at": woke_at + _LISTENS if listens else woke_at,
        "queued_until": None,
        "entered_at": entered_at,
        "ended_at": None,
        "end_reason": None,
        "correlation": cart(number),
        "awaits": RESUMED if listens else None,
        "awaits_since": woke_at if listens else None,
        "hops": 0,
    }
    return started, journey


def _resumed(owner: int, name: str, cart_id: str) -> IncomingEvent:
    return IncomingEvent(
        message_id=name,
        external_id=external_id(owner),
        name=RESUMED,
        properties={"cart_id": cart_id},
        occurred_at=NOW,
        source="bench",
    )
