"""How many messages a new sender has sent on a day, as all workers know it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from sqlalchemy import Connection, and_, bindparam, select, update

from dangol.store.bulk import insert_new
from dangol.store.tables import warm_ups

Key = tuple[str, str, date]
"""Channel, sender and day."""

_THIS = and_(
    warm_ups.c.channel == bindparam("of_channel"),
    warm_ups.c.sender == bindparam("of_sender"),
    warm_ups.c.day == bindparam("of_day"),
)
_LOCKED = select(warm_ups.c.taken).where(_THIS).with_for_update()
_MORE = update(warm_ups).where(_THIS).values(taken=warm_ups.c.taken + bindparam("more"))


def lock(connection: Connection, keys: Iterable[Key]) -> dict[Key, int]:
    """How many places are taken of each, nobody else counting until the transaction ends.

    They are locked in one order everywhere, and after the people and messages of a batch.
    """
    found = {}
    for key in sorted(set(keys)):
        taken = connection.execute(_LOCKED, _named(key)).scalar_one_or_none()
        if taken is None:
            channel, sender, day = key
            row = {"channel": channel, "sender": sender, "day": day, "taken": 0}
            insert_new(connection, warm_ups, [row], conflict=["channel", "sender", "day"])
            taken = connection.execute(_LOCKED, _named(key)).scalar_one()
        found[key] = taken
    return found


def count(connection: Connection, more: Mapping[Key, int]) -> None:
    """So many places more are taken of each; a number below zero gives places back."""
    for key in sorted(more):
        if more[key]:
            connection.execute(_MORE, {**_named(key), "more": more[key]})


def _named(key: Key) -> dict[str, object]:
    channel, sender, day = key
    return {"of_channel": channel, "of_sender": sender, "of_day": day}
