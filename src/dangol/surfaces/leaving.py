"""Where people leave: how the latest journeys ended, by the stage in which they stood. Counts only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, select

from dangol.errors import UnknownVersion
from dangol.model.vocabulary import Decision, Reason
from dangol.store.tables import journeys
from dangol.surfaces.standing import AT_A_TIME, Standing, latest_entries

_FINISHED = frozenset({Reason.COMPLETED.value, Reason.CAMPAIGN_OVER.value})


@dataclass(slots=True)
class Passage:
    """What happened in one stage: messages sent, and journeys that ended there.

    ``reached`` ended with the campaign's goal, ``finished`` with its last step or day; ``left`` maps every other
    reason to how many went for it.
    """

    sent: int = 0
    reached: int = 0
    finished: int = 0
    left: Counter[str] = field(default_factory=Counter)

    @property
    def ended(self) -> int:
        return self.reached + self.finished + self.left.total()

    def end(self, reason: str, number: int) -> None:
        if reason == Reason.GOAL_REACHED:
            self.reached += number
        elif reason in _FINISHED:
            self.finished += number
        else:
            self.left[reason] += number


def passages(tx: Connection, standing: Standing, keys: Sequence[str]) -> dict[str, Passage]:
    """Stage → what happened in it, out of the latest log entries of these campaigns."""
    found: dict[str, Passage] = {}
    for first in range(0, len(keys), AT_A_TIME):
        latest = latest_entries(keys[first : first + AT_A_TIME])
        for row in tx.execute(_sent(latest)):
            found.setdefault(row.stage, Passage()).sent += row.number
        for row in tx.execute(_ended(latest)):
            stage = _stage(tx, standing, row.version_id, row.position)
            if stage is not None:
                found.setdefault(stage, Passage()).end(row.end_reason, row.number)
    return found


def _sent(latest: Any) -> Any:
    return (
        select(latest.c.stage, func.count().label("number"))
        .where(latest.c.decision == Decision.MESSAGE_ACCEPTED.value)
        .group_by(latest.c.stage)
    )


def _ended(latest: Any) -> Any:
    columns = [journeys.c.version_id, journeys.c.position, journeys.c.end_reason]
    return (
        select(*columns, func.count().label("number"))
        .select_from(latest.join(journeys, journeys.c.id == latest.c.journey_id))
        .where(latest.c.decision == Decision.JOURNEY_ENDED.value)
        .group_by(*columns)
    )


def _stage(tx: Connection, standing: Standing, version_id: str, position: str) -> str | None:
    """The stage of this position; after the last step that of the last stage. None if the version is unreadable."""
    with suppress(UnknownVersion):
        placed = standing.version(tx, version_id).campaign.placed
        stages = {one.position: one.stage for one in placed}
        return stages.get(position, placed[-1].stage)
    return None
