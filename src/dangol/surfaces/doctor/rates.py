"""Whether the rates of carriers and senders carry what waits and what is planned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta
from math import ceil
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from dangol.delivery.pacing import Rate, parse_pace
from dangol.errors import UnknownVersion
from dangol.model.vocabulary import OPEN_STATES, Channel, Reason
from dangol.release import Releases
from dangol.settings import Settings
from dangol.store.tables import messages
from dangol.surfaces.doctor.finding import Finding, fine, skipped, warning
from dangol.surfaces.doctor.visit import Visit

_AHEAD = timedelta(days=1)
_HOUR = timedelta(hours=1)
_MOST_TURNS = 999_999
"""More turns a unit cannot be written in DANGOL_PACE."""


def rates(visit: Visit) -> Iterator[Finding]:
    """What is due within a day can go out within a day."""
    chosen = visit.chosen
    pace = parse_pace(visit.settings.pace, {name for names in chosen.values() for name in names})
    if not pace:
        yield skipped("no carrier has a rate")
        return
    with visit.need_tables().read() as tx:
        waiting = _by_line(tx, _waiting(tx, visit), chosen, visit.settings)
    for line, rate in pace.items():
        yield _judged(line, rate, waiting[line])


def _waiting(tx: Connection, visit: Visit) -> Iterable[Row[Any]]:
    """How many messages are due by then, or would be if they had not been put off to a turn of their own."""
    due = or_(messages.c.due_at <= visit.clock.now() + _AHEAD, messages.c.reason == Reason.PACED.value)
    alike = (messages.c.version_id, messages.c.channels, messages.c.refused)
    found = select(*alike, func.count().label("number")).where(messages.c.state.in_(sorted(OPEN_STATES)), due)
    return tx.execute(found.group_by(*alike)).all()


def _by_line(
    tx: Connection, waiting: Iterable[Row[Any]], chosen: dict[Channel, list[str]], settings: Settings
) -> Counter[str]:
    """Messages by carrier and by sender, if each goes by the first of its channels and by the main carrier of that."""
    releases, counted = Releases(), Counter[str]()
    for row in waiting:
        refused = (row.refused or "").split(",")
        open_to = (Channel(name) for name in row.channels.split(",") if name not in refused)
        channel = next((one for one in open_to if one in chosen), None)
        if channel is not None:
            carrier = chosen[channel][0]
            counted[carrier] += row.number
            counted[f"{carrier}:{_sender(tx, releases, row.version_id, channel, carrier, settings)}"] += row.number
    return counted


def _sender(
    tx: Connection, releases: Releases, version_id: str, channel: Channel, carrier: str, settings: Settings
) -> str:
    if carrier == "twilio":
        return settings.twilio_messaging_service or settings.twilio_from
    try:
        return releases.get(tx, version_id).messages.from_address(channel)
    except UnknownVersion:
        return ""  # the check of campaigns in service tells


def _judged(line: str, rate: Rate, number: int) -> Finding:
    needed = number * rate.interval
    hours = f"{ceil(needed / _HOUR):,} h"
    if needed <= _AHEAD:
        return fine(f"{line}: {number:,} messages within 24 h take {hours} at {rate}")
    return warning(
        f"{line}: {number:,} messages wait or come due within 24 h, and take {hours} at {rate}",
        "they come up to that much later, and those that expire before their turn are not sent at all",
        f"if it may have more, set {line}={_enough(number)} in DANGOL_PACE and run `dangol carriers again "
        f"{line.partition(':')[0]}`; else give campaigns a longer `spread`, or write to fewer people",
    )


def _enough(number: int) -> str:
    """The lowest rate that carries so many in a day."""
    hourly = ceil(number / 24)
    return f"{hourly}/hour" if hourly <= _MOST_TURNS else f"{ceil(hourly / 3600)}/s"
