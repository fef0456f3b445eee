"""Taking people under way along to another version of their campaign: what would become of them, and doing it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import ClassVar

from sqlalchemy import ColumnElement, Connection, case, false, func, literal, null, select, text, update

from dangol.definitions import versions
from dangol.definitions.history import OPEN
from dangol.definitions.step_diff import says
from dangol.definitions.transfer import Transfer, ahead, still_to_come, transfer
from dangol.definitions.versions import Version
from dangol.errors import DangolError, UnknownVersion
from dangol.ledger.entries import Journal, Subject
from dangol.model.campaign import Campaign
from dangol.model.steps import END, START, PlacedStep, Send
from dangol.model.vocabulary import Decision, Reason
from dangol.planner.standing import Place, had_already, places, templates_had
from dangol.release import over_at
from dangol.store.tables import deployments, journeys

_PART = 5_000
"""Log entries that are in memory at a time."""
_NAMES = {START: "the beginning", END: "the end"}


class MigrationRefused(DangolError):
    """Not everybody under way can be taken along; nothing was changed."""

    exit_code: ClassVar[int] = 1

    def __init__(self, refused: Sequence[Fate]) -> None:
        self.refused = tuple(refused)
        lines = [f"{_where(fate)}: {fate.obstacle}" for fate in refused]
        super().__init__("\n".join(["not everybody under way can be taken along; nothing was changed", *lines]))


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of the people at one place.

    With ``--migrate`` they go on at the position ``to``, step ``goes_to``; if there is an ``obstacle``, the migration
    is refused. Without, and where ``to`` and ``obstacle`` are both empty, they finish on the version they are on.
    """

    campaign_key: str
    version_id: str
    position: str
    listening: bool
    step: str
    says: str
    people: int
    journeys: int
    to: str | None = None
    goes_to: str = ""
    obstacle: str = ""


def _where(fate: Fate) -> str:
    people = "1 person" if fate.people == 1 else f"{fate.people:,} people"
    what = f" ({fate.says})" if fate.says else ""
    return f"{fate.campaign_key} {fate.version_id[:12]}, {people} at `{fate.step}`{what}"


def fates(connection: Connection, found: Sequence[Place], new: Version | None) -> list[Fate]:
    """What becomes of the people at these places of one campaign if ``new`` replaces what they are on."""
    told = []
    for version_id, here in groupby(found, key=lambda place: place.version_id):
        if new is not None and version_id == new.id:
            continue
        old, unreadable = _load(connection, version_id)
        told += [_fate(connection, place, old, new, unreadable) for place in here]
    return told


def _load(connection: Connection, version_id: str) -> tuple[Campaign | None, str]:
    try:
        return versions.load(connection, version_id).campaign, ""
    except UnknownVersion as error:
        return None, str(error)


def _fate(connection: Connection, place: Place, old: Campaign | None, new: Version | None, unreadable: str) -> Fate:
    placed = step_at(old, place.position) if old is not None else None
    name = placed.name if placed is not None else _NAMES.get(place.position, place.position)
    what = says(placed.step) if placed is not None else ""
    going = Transfer(None, unreadable)
    if new is None:
        going = Transfer(None)
    elif old is not None:
        going = _without_repeats(connection, place, old, new.campaign)
    target = step_at(new.campaign, going.to) if new is not None and going.to is not None else None
    return Fate(
        place.campaign_key,
        place.version_id,
        place.position,
        place.listening,
        name,
        what,
        place.people,
        place.journeys,
        going.to,
        target.name if target is not None else _NAMES.get(going.to or "", "") if going.to is not None else "",
        going.obstacle,
    )


def _without_repeats(connection: Connection, place: Place, old: Campaign, new: Campaign) -> Transfer:
    """The transfer, refused where people would come to a step that they have had: nobody gets a message twice."""
    going = transfer(old, new, place.position, listening=place.listening)
    if going.to is None:
        return going
    if place.position == START:
        return going
    anew = still_to_come(new, going.to) - still_to_come(old, place.position)
    if had := had_already(connection, place, anew):
        names = ", ".join(f"`{name}`" for name in had)
        obstacle = f"they have had {names}, which comes after it now; give it another `ref`, or do not migrate"
        return Transfer(None, obstacle)
    texts = _texts_anew(old, place.position, new, going.to)
    if had := templates_had(connection, place, texts):
        names = ", ".join(f"`{name}`" for name in had)
        obstacle = f"they have had the message {names}, which is to come again now; give the step that sends it another"
        return Transfer(None, f"{obstacle} `ref`, or do not migrate")
    return going


def _texts_anew(old: Campaign, stands: str, new: Campaign, goes_on: str) -> set[str]:
    """Texts that are still to come more often than before, by a step that had another text or has no ``ref``.

    A step without ``ref`` goes by its place, which a new version changes; one with a new ``ref`` is meant to send.
    """
    meant = {one.step.ref: one.step.send for one in old.placed if isinstance(one.step, Send) and one.step.ref}
    before = [one.step for one in ahead(old, stands) if isinstance(one.step, Send)]
    after = [one.step for one in ahead(new, goes_on) if isinstance(one.step, Send)]
    more = Counter(send.send for send in after) - Counter(send.send for send in before)
    changed = {send.send for send in after if send.ref is None or meant.get(send.ref, send.send) != send.send}
    return changed & more.keys()


def step_at(campaign: Campaign, position: str) -> PlacedStep | None:
    """The step at this position; None at the beginning, the end, and where there is none."""
    return next((placed for placed in campaign.placed if placed.position == position), None)


def migrate(connection: Connection, wanted: Sequence[Version], *, at: datetime) -> dict[str, int]:
    """Move everybody under way in these campaigns to these versions, each with a log entry; campaign key → journeys.

    Raises MigrationRefused with all who cannot be moved. On PostgreSQL no journey moves meanwhile: what is decided
    here about where people stand must hold until it is written.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE journeys IN EXCLUSIVE MODE"))
    found = places(connection, [version.campaign.key for version in wanted])
    planned = [
        (version, fates(connection, [place for place in found if place.campaign_key == version.campaign.key], version))
        for version in wanted
    ]
    if refused := [fate for _, told in planned for fate in told if fate.obstacle]:
        raise MigrationRefused(refused)
    # Between two deployments nobody goes back, so this tells moves of one journey at one instant apart.
    occasion = str(connection.execute(select(func.max(deployments.c.seq))).scalar_one())
    for version, told in planned:
        for fate in told:
            _record(connection, fate, version, at, occasion)
            _move(connection, fate, version, over_at(version))
    return {version.campaign.key: sum(fate.journeys for fate in told) for version, told in planned}


def _record(connection: Connection, fate: Fate, version: Version, at: datetime, occasion: str) -> None:
    there = step_at(version.campaign, fate.to or START)
    evidence = {"from": fate.version_id, "from_step": fate.step, "to_step": fate.goes_to}
    for part in _parts(connection, fate):
        journal = Journal(at)
        for journey_id, profile_id in part:
            subject = Subject(
                fate.campaign_key,
                version.id,
                profile_id=profile_id,
                journey_id=journey_id,
                stage=there.stage if there is not None else None,
                step=there.name if there is not None else None,
                occasion=occasion,
            )
            journal.add(Decision.JOURNEY_MIGRATED, Reason.VERSION_CHANGED, subject, evidence=evidence)
        journal.write(connection)


def _parts(connection: Connection, fate: Fate) -> Iterator[list[tuple[str, str]]]:
    """Journeys at a place and whose they are, in order of journey, a part at a time."""
    statement = select(journeys.c.id, journeys.c.profile_id).where(*_at(fate)).order_by(journeys.c.id).limit(_PART)
    part = [(row[0], row[1]) for row in connection.execute(statement)]
    while part:
        yield part
        part = [(row[0], row[1]) for row in connection.execute(statement.where(journeys.c.id > part[-1][0]))]


def _move(connection: Connection, fate: Fate, version: Version, over_at: datetime | None) -> None:
    """Waits stay as long as they were; the end of the new version wakes whom that of the old one would have."""
    whole = func.coalesce(journeys.c.waits_until, journeys.c.wake_at, type_=journeys.c.wake_at.type)
    beyond = whole > over_at if over_at is not None else false()
    moved = (
        update(journeys)
        .where(*_at(fate))
        .values(
            version_id=version.id,
            position=fate.to,
            wake_at=case((beyond, literal(over_at, journeys.c.wake_at.type)), else_=whole),
            waits_until=case((beyond, whole), else_=null()),
        )
    )
    connection.execute(moved)


def _at(fate: Fate) -> tuple[ColumnElement[bool], ...]:
    return (
        journeys.c.campaign_key == fate.campaign_key,
        journeys.c.status.in_(OPEN),
        journeys.c.version_id == fate.version_id,
        journeys.c.position == fate.position,
        journeys.c.awaits.is_not(None) if fate.listening else journeys.c.awaits.is_(None),
    )
