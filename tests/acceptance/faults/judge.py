"""Reads what the carrier truly took, and then the database, and says where the two break a promise.

It uses nothing of dangol: the carrier's record is JSON lines, the database is asked in SQL.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

_OPEN = ("planned", "due", "sending", "held")
_THAT_OPENED_SOMETHING = "SELECT e.message_id FROM events e JOIN journeys j ON j.entry_event_id = e.id"
_ARRIVED = ("accepted", "delivered", "bounced")


@dataclass
class Verdict:
    """What was found; the lists are breaches and have to be empty."""

    taken: int = 0
    states: dict[str, int] = field(default_factory=dict)
    lost_events: list[str] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    believed: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    over_cap: list[str] = field(default_factory=list)
    against_their_will: list[str] = field(default_factory=list)

    @property
    def breaches(self) -> dict[str, list[str]]:
        return {name: found for name, found in vars(self).items() if isinstance(found, list) and found}


def judge(url: str, record: Path, *, accepted: set[str], unwilling: set[str], cap: int) -> Verdict:
    """``accepted`` are the ids of events that the API took, ``unwilling`` the addresses of those who had withdrawn
    before they did anything; of marketing nobody may get more than ``cap``."""
    taken = [json.loads(line) for line in record.read_text().splitlines() if line.strip()]
    by_id = Counter(entry["message_id"] for entry in taken)
    with psycopg.connect(url) as connection:
        messages = _rows(connection, "SELECT id, state, purpose FROM messages")
        events = {row["message_id"] for row in _rows(connection, "SELECT message_id FROM events")}
        decided = {row["message_id"] for row in _rows(connection, _THAT_OPENED_SOMETHING)}
    state = {row["id"]: row["state"] for row in messages}
    marketing = {row["id"] for row in messages if row["purpose"] == "marketing"}
    to_whom = Counter(entry["to"] for entry in taken if entry["message_id"] in marketing)
    return Verdict(
        taken=len(taken),
        states=dict(Counter(state.values())),
        lost_events=sorted(accepted - (events & decided)),
        undecided=sorted(one for one, is_now in state.items() if is_now in _OPEN),
        doubled=sorted(one for one, times in by_id.items() if times > 1),
        believed=sorted(one for one, is_now in state.items() if is_now in _ARRIVED and one not in by_id),
        forgotten=sorted(one for one in by_id if one not in state),
        unsettled=sorted(one for one in by_id if state.get(one) not in _ARRIVED),
        over_cap=sorted(to for to, times in to_whom.items() if times > cap),
        against_their_will=sorted(to for to in to_whom if to in unwilling),
    )


def _rows(connection: psycopg.Connection[Any], statement: str) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        return cursor.execute(statement).fetchall()
