"""Nobody is disturbed at night: quiet hours in the recipient's own time (G5).

The start of a window is quiet, its end is not. Whether it is quiet is asked of the wall clock where the person
is, so a daylight-saving change needs no rule of its own: an hour that happens twice is quiet twice, a window that
ends in a skipped hour ends where the clock jumps.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from dangol.model.facts import Allow, Defer, Facts, Suppress, Verdict
from dangol.model.vocabulary import Channel, Reason
from dangol.model.workspace import QuietHours
from dangol.policy.rules import Rulebook
from dangol.policy.zones import plausible_zones

_HORIZON = timedelta(days=3)
"""Quiet that chains for so long never ends; a skipped hour can swallow the only opening of one day."""
_SECOND = timedelta(seconds=1)


def quiet_hours(facts: Facts, channel: Channel, rulebook: Rulebook) -> Verdict:
    """Put the message off until it is quiet nowhere the person may be; refuse if that is after its expiry."""
    policies = rulebook.policies
    windows = [
        window
        for window in policies.quiet_hours
        if facts.message.purpose in window.purposes and channel in window.channels
    ]
    if not windows:
        return Allow()
    zones = plausible_zones(facts.profile, policies.unknown_timezone)
    if not zones:
        return Suppress(Reason.TIMEZONE_UNKNOWN)
    evidence = {"zone": _name(zones), "local": _local_text(facts.now, zones)}
    opens, closes = _outlook(facts.now, tuple(windows), zones)
    if opens == facts.now:
        return Allow(evidence, until=closes)
    if opens is None:
        return Suppress(Reason.TIMEZONE_UNKNOWN if len(zones) > 1 else Reason.QUIET_HOURS_OUTLAST_EXPIRY, evidence)
    evidence["until"] = opens.isoformat()
    expires_at = facts.message.expires_at
    if expires_at is not None and opens >= expires_at:
        return Suppress(Reason.QUIET_HOURS_OUTLAST_EXPIRY, evidence)
    return Defer(opens, Reason.QUIET_HOURS, evidence)


@lru_cache(maxsize=512)
def _outlook(
    now: datetime, windows: tuple[QuietHours, ...], zones: tuple[ZoneInfo, ...]
) -> tuple[datetime | None, datetime | None]:
    """When it is next not quiet and, if that is now, when it becomes quiet; a batch asks the same for most people."""
    opens = next_opening(now, windows, zones)
    return opens, next_closing(now, windows, zones) if opens == now else None


def next_opening(now: datetime, windows: Iterable[QuietHours], zones: Iterable[ZoneInfo]) -> datetime | None:
    """The first instant from ``now`` on that is quiet in none of the zones; None if there is none within days."""
    pairs = [(window, zone) for window in windows for zone in zones]
    instant = now
    while instant - now <= _HORIZON:
        ends = [end for window, zone in pairs if (end := _quiet_until(instant, window, zone)) is not None]
        if not ends:
            return instant
        instant = max(ends)
    return None


def next_closing(now: datetime, windows: Iterable[QuietHours], zones: Iterable[ZoneInfo]) -> datetime:
    """The first instant after ``now``, which is not quiet, at which it may become quiet in one of the zones."""
    starts = []
    for zone in zones:
        today = now.astimezone(zone).date()
        for window in windows:
            # Where the clock is set at that time there are two readings; the earlier one is on the safe side.
            readings = (
                datetime.combine(today + timedelta(days=day), window.start.replace(fold=fold), zone).astimezone(UTC)
                for day in (0, 1, 2)
                for fold in (0, 1)
            )
            starts.append(min(reading for reading in readings if reading > now))
    return min(starts)


def _quiet_until(instant: datetime, window: QuietHours, zone: ZoneInfo) -> datetime | None:
    """When the quiet around this instant ends, in UTC; None if it is not quiet."""
    local = instant.astimezone(zone)
    if not _covers(window, local.time()):
        return None
    day = local.date() if local.time() < window.end else local.date() + timedelta(days=1)
    end = datetime.combine(day, window.end, zone).astimezone(UTC)
    if end <= instant:  # the clock was set back since; the second time it shows the end is still to come
        end = datetime.combine(day, window.end.replace(fold=1), zone).astimezone(UTC)
    changed = _clock_change(instant, end, zone)
    return end if changed is None else _quiet_until(changed, window, zone) or changed


def _covers(window: QuietHours, clock: time) -> bool:
    if window.start < window.end:
        return window.start <= clock < window.end
    return clock >= window.start or clock < window.end


def _clock_change(after: datetime, until: datetime, zone: ZoneInfo) -> datetime | None:
    """The whole second after ``after``, ``until`` at the latest, at which the zone sets its clock; None without one."""
    offset = after.astimezone(zone).utcoffset()
    if until.astimezone(zone).utcoffset() == offset:
        return None
    while until - after > _SECOND:
        middle = after + (until - after) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            until = middle
    return until.replace(microsecond=0)


def _name(zones: tuple[ZoneInfo, ...]) -> str:
    return zones[0].key if len(zones) == 1 else f"any of {len(zones)}"


def _local_text(now: datetime, zones: tuple[ZoneInfo, ...]) -> str:
    return now.astimezone(zones[0]).isoformat(timespec="minutes")
