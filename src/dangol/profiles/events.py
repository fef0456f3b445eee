"""What happened to customers: stored once each, however often it is reported."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from dangol import ids
from dangol.ids import Entropy
from dangol.model.people import Event, IncomingEvent
from dangol.store.bulk import among, insert_many
from dangol.store.tables import events as events_table
from dangol.store.tables import rejected_events

_MAX_PAYLOAD = 32 * 1024
_EVENT = select(
    events_table.c.id,
    events_table.c.profile_id,
    events_table.c.name,
    events_table.c.properties,
    events_table.c.occurred_at,
    events_table.c.hops,
)
_HISTORY = _EVENT.where(
    among(events_table.c.profile_id, "ids"),
    among(events_table.c.name, "names"),
    events_table.c.occurred_at >= bindparam("since"),
).order_by(events_table.c.occurred_at, events_table.c.hops, events_table.c.id)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_THESE = _EVENT.where(among(events_table.c.id, "ids"))


def record(
    connection: Connection,
    events: Sequence[IncomingEvent],
    profile_ids: Mapping[str, str],
    *,
    received_at: datetime,
) -> list[Event]:
    """Store these events and return the new ones in the given order.

    ``message_id`` tells whether an event is known, in the database and within the batch; the first report stands.
    ``profile_ids`` maps every event's external id (see ``people.resolve``).
    """
    first: dict[str, IncomingEvent] = {}
    for event in events:
        first.setdefault(event.message_id, event)
    if not first:
        return []
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(events_table).on_conflict_do_nothing(index_elements=["message_id"])
    stored = {event.message_id: _stored(event, profile_ids[event.external_id]) for event in first.values()}
    rows = [
        {
            "id": stored[message_id].id,
            "message_id": message_id,
            "profile_id": stored[message_id].profile_id,
            "name": event.name,
            "properties": dict(event.properties),
            "source": event.source,
            "occurred_at": event.occurred_at,
            "received_at": received_at,
            "hops": event.hops,
        }
        for message_id, event in sorted(first.items())
    ]
    new = set(connection.execute(statement.returning(events_table.c.message_id), rows).scalars())
    return [event for message_id, event in stored.items() if message_id in new]


def _stored(event: IncomingEvent, profile_id: str) -> Event:
    event_id = ids.derive(event.occurred_at, "event", event.message_id)
    return Event(event_id, profile_id, event.name, event.properties, event.occurred_at, event.hops)


def history(
    connection: Connection, profile_ids: Sequence[str], names: Collection[str], *, since: datetime = _BEGINNING
) -> dict[str, list[Event]]:
    """Events of these people with one of these names from ``since`` on, in their order.

    There is a list for every person.
    """
    found: dict[str, list[Event]] = {profile_id: [] for profile_id in profile_ids}
    if not names:
        return found
    for row in connection.execute(_HISTORY, {"ids": profile_ids, "names": sorted(names), "since": since}).all():
        found[row[1]].append(Event(*row))
    return found


def load_events(connection: Connection, event_ids: Sequence[str]) -> dict[str, Event]:
    """These events by id; unknown ids are left out."""
    if not event_ids:
        return {}
    rows = connection.execute(_THESE, {"ids": event_ids}).all()
    return {row[0]: Event(*row) for row in rows}


def reject(
    connection: Connection,
    *,
    source: str,
    code: str,
    message: str,
    payload: str,
    now: datetime,
    entropy: Entropy,
) -> None:
    """Keep a report that could not be understood, its payload cut at 32 KB, so that nothing vanishes (G1)."""
    storable = payload.replace("\0", "\ufffd").encode(errors="replace")[:_MAX_PAYLOAD]
    insert_many(
        connection,
        rejected_events,
        [
            {
                "id": ids.opaque(now, entropy),
                "source": source[:64],
                "received_at": now,
                "code": code[:64],
                "message": message.replace("\0", "\ufffd"),
                "payload": storable.decode(errors="ignore"),
            }
        ],
    )
