"""A new sender is made known slowly: so many messages a day, and what is over a day's number waits for the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from dangol.model.facts import Candidate, Defer, Suppress
from dangol.model.restraint import WarmUp
from dangol.model.vocabulary import Channel, Reason
from dangol.policy.spread import place_in

_DAY = timedelta(days=1)


@dataclass(frozen=True, order=True, slots=True)
class Place:
    """What a message is counted under: a plan's channel and sender, "" for all of the channel, and its day."""

    channel: Channel
    sender: str
    day: date


def running(
    plans: Sequence[WarmUp], channel: Channel, sender: str, now: datetime, zone: tzinfo
) -> Iterator[tuple[Place, int]]:
    """The plans that count a message from this sender today, each with its number for the day in ``zone``."""
    today = now.astimezone(zone).date()
    for plan in plans:
        limit = plan.limit(today) if plan.counts(channel, sender) else None
        if limit is not None:
            yield Place(plan.channel, plan.known_sender, today), limit


def until_tomorrow(message: Candidate, place: Place, taken: int, limit: int, zone: tzinfo) -> Defer | Suppress:
    """What becomes of a message for which the day has no place left: the next day, at an instant of its own.

    All messages of one journey get the same share of that day, so their order stays; it is drawn anew for each day, so
    that nobody is the last one every time. What has expired by the next day is refused at once.
    """
    begins, ends = _midnight(place.day + _DAY, zone), _midnight(place.day + 2 * _DAY, zone)
    evidence = {
        "sender": place.sender or place.channel.value,
        "day": place.day.isoformat(),
        "taken": f"{taken}/{limit}",
    }
    if message.expires_at is not None:
        if message.expires_at <= begins:
            too_late = {**evidence, "too_late": begins.isoformat()}
            return Suppress(Reason.WARM_UP_OUTLASTS_EXPIRY, too_late, final=True)
        ends = min(ends, message.expires_at)
    until = begins + place_in(ends - begins, f"{message.journey_id or message.id}\x1f{place.day}")
    return Defer(until, Reason.WARMING_UP, {**evidence, "until": until.isoformat()})


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
