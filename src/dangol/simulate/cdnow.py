"""The CDNOW sample as a timeline: real orders at made-up times of day, by made-up customers."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from importlib.resources import files
from itertools import groupby

from dangol.model.people import ConsentChange, IncomingEvent, ProfileChange
from dangol.simulate.people import Customer, customer

SOURCE = "cdnow"
ORDER = "Order Completed"


@dataclass(slots=True)
class Moment:
    """What happens up to one instant since the moment before."""

    at: datetime
    profiles: list[ProfileChange] = field(default_factory=list)
    consents: list[ConsentChange] = field(default_factory=list)
    orders: list[IncomingEvent] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)


def timeline(grain: timedelta) -> Iterator[Moment]:
    """The sample in order of time, gathered into moments of ``grain``.

    A customer signs up ten minutes before their first order; withdrawals come when they come.
    """
    orders = sorted(_orders(), key=lambda order: (order.occurred_at, order.message_id))
    happenings: list[tuple[datetime, int, object]] = [(order.occurred_at, 2, order) for order in orders]
    for person in _customers(orders):
        happenings.append((person.signed_up, 0, person))
        happenings += [(withdrawal.occurred_at, 1, withdrawal) for withdrawal in person.withdrawals]
    happenings.sort(key=lambda item: item[:2])
    for at, group in groupby(happenings, key=lambda item: _end_of(item[0], grain)):
        yield _gather(at, [thing for _, _, thing in group])


def _gather(at: datetime, things: list[object]) -> Moment:
    moment = Moment(at)
    for thing in things:
        match thing:
            case Customer(profile=profile, consents=consents, unreachable=unreachable):
                moment.profiles.append(profile)
                moment.consents += consents
                if unreachable and profile.email:
                    moment.unreachable.append(profile.email)
            case ConsentChange():
                moment.consents.append(thing)
            case IncomingEvent():
                moment.orders.append(thing)
    return moment


def _orders() -> Iterator[IncomingEvent]:
    text = (files("dangol.simulate") / "data" / "cdnow_sample.csv").read_text(encoding="utf-8")
    for number, row in enumerate(csv.DictReader(text.splitlines()), start=1):
        yield IncomingEvent(
            message_id=f"cdnow-{number:05d}",
            external_id=row["customer_id"],
            name=ORDER,
            properties={
                "order_id": f"CD-{number:05d}",
                "value": float(row["dollars"]),
                "currency": "USD",
                "quantity": int(row["cds"]),
            },
            occurred_at=_time_of_day(row["date"], number),
            source=SOURCE,
        )


def _time_of_day(date: str, number: int) -> datetime:
    """A minute from 00:00 to 09:00 UTC, which is 09:00 to 18:00 in Seoul."""
    minute = int.from_bytes(hashlib.blake2b(f"{date}:{number}".encode(), digest_size=4).digest(), "big") % (9 * 60)
    return datetime.combine(datetime.fromisoformat(date), time(), UTC) + timedelta(minutes=minute)


def _customers(orders: list[IncomingEvent]) -> Iterator[Customer]:
    first: dict[str, datetime] = {}
    for order in orders:
        first.setdefault(order.external_id, order.occurred_at)
    for external_id, at in sorted(first.items()):
        yield customer(external_id, at)


def _end_of(instant: datetime, grain: timedelta) -> datetime:
    epoch = datetime.fromtimestamp(0, UTC)
    return epoch - (epoch - instant) // grain * grain
