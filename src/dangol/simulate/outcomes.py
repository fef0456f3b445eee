"""Compare what became of people's messages in two finished simulations, and find out why it differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, select

from dangol.definitions.workspace import Workspace
from dangol.model.vocabulary import OPEN_STATES, Decision, JourneyStatus
from dangol.simulate.compare import Change, Changed, Comparison, How, Kind, changes
from dangol.simulate.tally import NEVER_ENTERED, Outcome
from dangol.store.bulk import among
from dangol.store.database import Database
from dangol.store.tables import journeys, log, messages, profiles

_PEOPLE_AT_ONCE = 1_000
IN_JOURNEY = "still_in_journey"
BEGAN_OTHERWISE, PLANNED_OTHERWISE, OTHER_CHANNELS = "began_otherwise", "planned_otherwise", "other_channels"
OTHER_MESSAGE, TEXT_CHANGED, BRAND_CHANGED = "other_message", "text_changed", "brand_changed"
DATA_CHANGED = "data_changed"
"""Why a message is another one, where the log gives no reason."""


class Variants(NamedTuple):
    """How two variants differ before anything runs: the files that are not the same, and what each sends, by campaign
    and message."""

    files: frozenset[str]
    before: frozenset[tuple[str, str]]
    after: frozenset[tuple[str, str]]


class Compared(NamedTuple):
    """Two finished simulations."""

    old: Connection
    new: Connection
    variants: Variants


def differing(before: Workspace, after: Workspace) -> Variants:
    """How two workspaces differ."""
    one, other = before.sources, after.sources
    files = frozenset(path for path in one.keys() | other.keys() if one.get(path) != other.get(path))
    return Variants(files, _sends(before), _sends(after))


def _sends(workspace: Workspace) -> frozenset[tuple[str, str]]:
    return frozenset((key, send.send) for key, one in workspace.campaigns.items() for send in one.sends)


def compare(
    before: Path, after: Path, found: Comparison, *, variants: Variants, start: datetime, limit: int
) -> Iterator[Changed]:
    """Add to ``found`` the people of two finished databases whose messages since ``start`` differ; yields all of
    them."""
    old, new = Database(f"sqlite:///{before}"), Database(f"sqlite:///{after}")
    try:
        with old.read() as one, new.read() as other:
            compared = Compared(one, other, variants)
            for some in _people(one):
                mine, theirs = _outcomes(one, list(some), start), _outcomes(other, list(some), start)
                for profile_id, name in some.items():
                    differ = changes(mine.get(profile_id, ()), theirs.get(profile_id, ()))
                    if differ:
                        changed = Changed(name, tuple(_explained(compared, profile_id, change) for change in differ))
                        found.note(changed, limit)
                        yield changed
    finally:
        old.close()
        new.close()


def _people(tx: Connection) -> Iterator[dict[str, str]]:
    """Profile id → external id, some at a time, in the order of external ids."""
    after = ""
    statement = select(profiles.c.id, profiles.c.external_id).order_by(profiles.c.external_id).limit(_PEOPLE_AT_ONCE)
    while rows := tx.execute(statement.where(profiles.c.external_id > after)).all():
        yield {row.id: row.external_id for row in rows}
        after = rows[-1].external_id


def _outcomes(tx: Connection, profile_ids: Sequence[str], start: datetime) -> dict[str, list[Outcome]]:
    statement = (
        select(messages)
        .where(among(messages.c.profile_id, "ids"), messages.c.updated_at >= start)
        .order_by(messages.c.profile_id, messages.c.updated_at, messages.c.id)
    )
    contents = _contents(tx, profile_ids)
    rows = tx.execute(statement, {"ids": list(profile_ids)})
    return {
        profile_id: [
            Outcome(
                row.campaign_key,
                row.step,
                row.state,
                row.reason or "",
                row.channel or row.channels.partition(",")[0],
                row.updated_at,
                row.journey_id,
                row.template,
                contents.get(row.id, ""),
                row.id,
                row.planned_at,
            )
            for row in of_one
        ]
        for profile_id, of_one in groupby(rows, key=lambda row: row.profile_id)
    }


def _contents(tx: Connection, profile_ids: Sequence[str]) -> dict[str, str]:
    """Message → hash of what was handed over, keyed with the person's key, which is the same in both variants."""
    statement = (
        select(log.c.message_id, log.c.content_hash)
        .where(among(log.c.profile_id, "ids"), log.c.content_hash.is_not(None))
        .order_by(log.c.seq)
    )
    return {row.message_id: row.content_hash for row in tx.execute(statement, {"ids": list(profile_ids)})}


def _explained(compared: Compared, profile_id: str, change: Change) -> Change:
    """The change, and why, by what the logs of both variants say about the person, the journey and the message."""
    old, new = change.before, change.after
    if old is None or new is None:
        without, with_it = (compared.old, compared.new) if old is None else (compared.new, compared.old)
        there = new or old
        assert there is not None
        why = _why_not(without, with_it, profile_id, there)
        return replace(change, kind=_window(compared.variants, change, goes_on=why == IN_JOURNEY), why=why)
    how: How = ""
    match change.kind:
        case "other_time":
            how, why = _why_then(compared, old, new)
        case "other_channel":
            how, why = _why_there(compared, old, new)
        case "other_text":
            why = _why_so(compared.variants.files, old, new)
        case "gained":
            why = old.reason
        case _:
            why = new.reason
    missing = old if change.kind == "gained" else new
    return replace(
        change, kind=_window(compared.variants, change, goes_on=missing.state in OPEN_STATES), how=how, why=why
    )


def _window(variants: Variants, change: Change, *, goes_on: bool) -> Kind:
    """A message that may still come after the last day is not lost, only later; nor gained the other way round."""
    shown = change.after if change.kind == "gained" else change.before
    if shown is None or not goes_on or change.kind not in ("gained", "lost"):
        return change.kind
    sends = variants.before if change.kind == "gained" else variants.after
    if (shown.campaign, shown.message) not in sends:
        return change.kind
    return "into_window" if change.kind == "gained" else "after_window"


def _why_not(without: Connection, with_it: Connection, profile_id: str, outcome: Outcome) -> str:
    """Why this person has no such message: how the journey ended there, why it was refused, or that none began."""
    there = select(journeys.c.status, journeys.c.end_reason).where(journeys.c.id == outcome.journey)
    journey = without.execute(there).first()
    if journey is not None:
        return str(journey.end_reason) if journey.status == JourneyStatus.ENDED else IN_JOURNEY
    entry = with_it.execute(select(journeys.c.entry_key).where(journeys.c.id == outcome.journey)).scalar_one()
    refused = (
        select(log.c.reason, log.c.evidence)
        .where(
            log.c.profile_id == profile_id,
            log.c.campaign_key == outcome.campaign,
            log.c.decision == Decision.JOURNEY_REFUSED.value,
        )
        .order_by(log.c.seq.desc())
    )
    return next(
        (row.reason for row in without.execute(refused) if row.evidence.get("occasion") == entry), NEVER_ENTERED
    )


def _why_then(compared: Compared, old: Outcome, new: Outcome) -> tuple[How, str]:
    """Why it goes at another time: it is put off or no longer so, or was planned for another time to begin with."""
    was, is_ = _noted(compared, (old, new), Decision.MESSAGE_DEFERRED)
    added = [reason for reason, _ in is_ if reason not in dict(was)]
    gone = [reason for reason, _ in was if reason not in dict(is_)]
    if added:
        return "put_off", added[-1]
    if gone:
        return "not_put_off", gone[-1]
    if old.planned_at == new.planned_at and is_:
        return "put_off", is_[-1][0]
    entered = [_entered(tx, outcome) for tx, outcome in ((compared.old, old), (compared.new, new))]
    return "", PLANNED_OTHERWISE if entered[0] == entered[1] else BEGAN_OTHERWISE


def _why_there(compared: Compared, old: Outcome, new: Outcome) -> tuple[How, str]:
    """Why it goes on another channel: the first is not possible now, or possible again, or others are named."""
    was, is_ = _noted(compared, (old, new), Decision.MESSAGE_REROUTED)
    for reason, channel in is_:
        if channel == old.channel and (reason, channel) not in was:
            return "rerouted", reason
    for reason, channel in was:
        if channel == new.channel and (reason, channel) not in is_:
            return "not_rerouted", reason
    return "", OTHER_CHANNELS


def _why_so(files: frozenset[str], old: Outcome, new: Outcome) -> str:
    """Why it says something else: which of its texts was edited, or that it tells other data."""
    if old.message != new.message:
        return OTHER_MESSAGE
    if any(path.startswith(f"templates/{new.message}/") for path in files):
        return TEXT_CHANGED
    return BRAND_CHANGED if any(path.startswith("templates/brand/") for path in files) else DATA_CHANGED


def _noted(compared: Compared, pair: tuple[Outcome, Outcome], decision: Decision) -> list[list[tuple[str, str]]]:
    """Reason and channel of each such decision about a message, in order, in both variants."""
    statement = select(log.c.reason, log.c.channel).where(log.c.decision == decision.value).order_by(log.c.seq)
    return [
        [(row.reason, row.channel or "") for row in tx.execute(statement.where(log.c.message_id == outcome.id))]
        for tx, outcome in zip((compared.old, compared.new), pair, strict=True)
    ]


def _entered(tx: Connection, outcome: Outcome) -> datetime | None:
    return tx.execute(select(journeys.c.entered_at).where(journeys.c.id == outcome.journey)).scalar_one_or_none()
