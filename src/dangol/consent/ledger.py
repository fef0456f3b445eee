"""The consent ledger: every grant and withdrawal as a row that is never changed, and the state that follows.

The state of a channel and purpose is that of the change with the newest ``occurred_at``; of changes at the same
instant a withdrawal wins over a grant, and of two alike the one with the greater id is named as the proof. The rule
does not look at the order of arrival, so late and repeated reports lead to the same state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from dangol import ids
from dangol.errors import InvalidEvent
from dangol.model.people import ConsentChange, ConsentState
from dangol.model.vocabulary import Channel, ConsentAction, Purpose
from dangol.store.bulk import among, insert_new, upsert
from dangol.store.tables import consent_states, consents
from dangol.store.types import to_text

States = dict[str, dict[tuple[Channel, Purpose], ConsentState]]
_CHANNELS = {channel.value: channel for channel in Channel}
_PURPOSES = {purpose.value: purpose for purpose in Purpose}


def record(
    connection: Connection,
    changes: Sequence[ConsentChange],
    profile_ids: Mapping[str, str],
    *,
    now: datetime,
) -> list[str]:
    """Write these changes and what now holds; the ids of their rows, in order. A row known already is passed over.

    The caller must hold ``people.lock`` on these people in the same transaction, so that a withdrawal is either
    seen by a send or waits for it (G3). Raises InvalidEvent, code ``consent_in_future``, before anything is written.
    """
    for change in changes:
        if change.occurred_at > now:
            raise InvalidEvent("consent_in_future", f"consent: {change.occurred_at.isoformat()} is later than now")
    rows = [_row(change, profile_ids[change.external_id], now) for change in changes]
    insert_new(connection, consents, rows, conflict=["id"])
    _settle(connection, rows)
    return [row["id"] for row in rows]


def states(connection: Connection, profile_ids: Sequence[str]) -> States:
    """What holds for these people, by channel and purpose; an entry, maybe empty, for every person.

    A pair that is missing was never asked for: that is no consent.
    """
    found: States = {profile_id: {} for profile_id in profile_ids}
    rows = connection.execute(_STATES, {"ids": profile_ids}).all()
    for profile_id, channel, purpose, granted, consent_id, at in rows:
        found[profile_id][_CHANNELS[channel], _PURPOSES[purpose]] = ConsentState(granted, consent_id, at)
    return found


_STATES = select(
    consent_states.c.profile_id,
    consent_states.c.channel,
    consent_states.c.purpose,
    consent_states.c.granted,
    consent_states.c.consent_id,
    consent_states.c.occurred_at,
).where(among(consent_states.c.profile_id, "ids"), consent_states.c.topic == "")


def _row(change: ConsentChange, profile_id: str, now: datetime) -> dict[str, Any]:
    """The ledger row; its id is a function of all that was said, so the same statement is the same row."""
    said = {
        "profile_id": profile_id,
        "channel": change.channel.value,
        "purpose": change.purpose.value,
        "action": change.action.value,
        "basis": change.basis,
        "source": change.source,
        "wording": change.wording,
    }
    consent_id = ids.derive(change.occurred_at, "consent", to_text(change.occurred_at), *said.values())
    return {"id": consent_id, **said, "occurred_at": change.occurred_at, "recorded_at": now}


def _settle(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Bring the states up to these rows; only states that change are written."""
    before = states(connection, sorted({row["profile_id"] for row in rows}))
    after: dict[tuple[str, Channel, Purpose], ConsentState] = {}
    for row in rows:
        profile_id, pair = row["profile_id"], (_CHANNELS[row["channel"]], _PURPOSES[row["purpose"]])
        told = ConsentState(row["action"] == ConsentAction.GRANTED, row["id"], row["occurred_at"])
        held = after.get((profile_id, *pair)) or before[profile_id].get(pair)
        if held is None or _rank(told) > _rank(held):
            after[profile_id, *pair] = told
    upsert(
        connection,
        consent_states,
        [
            {
                "profile_id": profile_id,
                "channel": channel.value,
                "purpose": purpose.value,
                "topic": "",
                "granted": state.granted,
                "consent_id": state.consent_id,
                "occurred_at": state.occurred_at,
            }
            for (profile_id, channel, purpose), state in sorted(after.items())
        ],
        key=["profile_id", "channel", "purpose", "topic"],
        update=["granted", "consent_id", "occurred_at"],
    )


def _rank(state: ConsentState) -> tuple[datetime, bool, str]:
    return state.occurred_at, not state.granted, state.consent_id
