"""Nobody is disturbed at night: quiet hours in the recipient's own time (G5).

The start of a window is quiet, its end is not. Whether it is quiet is asked of the wall clock where the person
is, so a daylight-saving change needs no rule of its own: an hour that happens twice is quiet twice, a window that
ends in a skipped hour ends where the clock jumps. A window that is kept on some days only belongs to the day on which
it begins: one from Saturday 21:00 to 08:00 ends on Sunday. Some laws mean the clock of their own country.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from dangol.model.facts import Allow, Defer, Evidence, Facts, Suppress, Verdict
from dangol.model.jurisdiction import RECIPIENT, Hours, QuietRule
from dangol.model.vocabulary import NIGHT, Channel, Reason
from dangol.model.workspace import QuietHours
from dangol.policy.consent import Wakeful, may_be_woken, sooner
from dangol.policy.law import Applied
from dangol.policy.rules import Rulebook
from dangol.policy.zones import plausible_zones

_HORIZON = timedelta(days=16)
"""Quiet that chains for so long never ends; holidays in a row and a skipped hour can swallow many openings."""
_AHEAD = range(16)
_SECOND = timedelta(seconds=1)
_NAMED = 4
"""So many zones are told by name in the log."""

Kept = tuple[Hours, tuple[ZoneInfo, ...]]
"""A window, and the zones in all of which it is kept."""


def quiet_hours(facts: Facts, channel: Channel, rulebook: Rulebook) -> Verdict:
    """Put the message off until it is quiet nowhere the person may be; refuse if that is after its expiry.

    The workspace's windows and those of every pack that binds the person are kept together.
    """
    applied = rulebook.law.applied(facts.profile, channel, facts.message.purpose)
    awake = may_be_woken(facts, channel, rulebook)
    own, law = _own_windows(facts, channel, rulebook, awake), _windows_of_law(applied, awake)
    lifted_until = awake.until if awake is not None else None
    if not own and not law:
        return Allow(until=lifted_until)
    zones = plausible_zones(facts.profile, rulebook.policies.unknown_timezone)
    if not zones and (own or any(rule.clock == RECIPIENT for rule in law)):
        return Suppress(Reason.TIMEZONE_UNKNOWN, applied.told([rule.id for rule in law]))
    kept = (*((window, zones) for window in own), *_kept(law, zones))
    shown = zones or kept[0][1]
    evidence: Evidence = {"zone": _name(shown), "local": _local_text(facts.now, shown)}
    opens, closes = _outlook(facts.now, kept)
    if opens == facts.now:
        return Allow(evidence, until=sooner(closes, lifted_until))
    evidence |= applied.told([rule.id for rule in law if _opening(facts.now, _kept((rule,), zones)) != facts.now])
    if opens is None:
        return Suppress(Reason.TIMEZONE_UNKNOWN if len(zones) > 1 else Reason.QUIET_HOURS_OUTLAST_EXPIRY, evidence)
    evidence["until"] = opens.isoformat()
    expires_at = facts.message.expires_at
    if expires_at is not None and opens >= expires_at:
        return Suppress(Reason.QUIET_HOURS_OUTLAST_EXPIRY, evidence)
    return Defer(opens, Reason.QUIET_HOURS, evidence)


def _own_windows(facts: Facts, channel: Channel, rulebook: Rulebook, awake: Wakeful | None) -> tuple[QuietHours, ...]:
    purpose = facts.message.purpose
    return tuple(
        window
        for window in rulebook.policies.quiet_hours
        if purpose in window.purposes
        and channel in window.channels
        and not (window.unless_consent == NIGHT and awake is not None)
    )


def _windows_of_law(applied: Applied, awake: Wakeful | None) -> tuple[QuietRule, ...]:
    return tuple(rule for rule in applied.quiet if awake is None or rule.unless_consent != NIGHT)


def _kept(law: tuple[QuietRule, ...], zones: tuple[ZoneInfo, ...]) -> tuple[Kept, ...]:
    """The windows of rules, each with the zones whose clock the law means."""
    return tuple(
        (hours, zones if rule.clock == RECIPIENT else (ZoneInfo(rule.clock),)) for rule in law for hours in rule.hours
    )


@lru_cache(maxsize=512)
def _outlook(now: datetime, kept: tuple[Kept, ...]) -> tuple[datetime | None, datetime | None]:
    """When it is next not quiet and, if that is now, when it becomes quiet; a batch asks the same for most people."""
    opens = _opening(now, kept)
    return opens, _closing(now, kept) if opens == now else None


def next_opening(now: datetime, windows: Iterable[Hours], zones: Iterable[ZoneInfo]) -> datetime | None:
    """The first instant from ``now`` on that is quiet in none of the zones; None if there is none within days."""
    places = tuple(zones)
    return _opening(now, tuple((window, places) for window in windows))


def _opening(now: datetime, kept: tuple[Kept, ...]) -> datetime | None:
    pairs = [(window, zone) for window, zones in kept for zone in zones]
    instant = now
    while instant - now <= _HORIZON:
        ends = [end for window, zone in pairs if (end := _quiet_until(instant, window, zone)) is not None]
        if not ends:
            return instant
        instant = max(ends)
    return None


def _closing(now: datetime, kept: tuple[Kept, ...]) -> datetime | None:
    """The first instant after ``now``, which is not quiet, at which it may become quiet in one of the zones.

    None if no window begins within many days, as may be with holidays.
    """
    starts = [_next_start(now, window, zone) for window, zones in kept for zone in zones]
    return min((start for start in starts if start is not None), default=None)


def _next_start(now: datetime, window: Hours, zone: ZoneInfo) -> datetime | None:
    """When the window next begins there, or the clock is set into it."""
    today = now.astimezone(zone).date()
    # Where the clock is set at that time there are two readings; the earlier one is on the safe side.
    readings = (
        datetime.combine(today + timedelta(days=day), window.start.replace(fold=fold), zone).astimezone(UTC)
        for day in _AHEAD
        if window.begins_on(today + timedelta(days=day))
        for fold in (0, 1)
    )
    # In a skipped hour the second reading is the earlier one.
    first = next((reading for reading in readings if reading > now), None)
    second = next(readings, None)
    return first if first is None or second is None or second <= now else min(first, second)


def _quiet_until(instant: datetime, window: Hours, zone: ZoneInfo) -> datetime | None:
    """When the quiet around this instant ends, in UTC; None if it is not quiet."""
    local = instant.astimezone(zone)
    began = _began(window, local)
    if began is None:
        return None
    day = began if window.start < window.end else began + timedelta(days=1)
    end = datetime.combine(day, window.end, zone).astimezone(UTC)
    if end <= instant:  # the clock was set back since; the second time it shows the end is still to come
        end = datetime.combine(day, window.end.replace(fold=1), zone).astimezone(UTC)
    changed = _clock_change(instant, end, zone)
    return end if changed is None else _quiet_until(changed, window, zone) or changed


def _began(window: Hours, local: datetime) -> date | None:
    """The day on which the window that this moment is in began; None if it is in none."""
    clock, day = local.time(), local.date()
    if window.start < window.end:
        inside = window.start <= clock < window.end
    elif clock >= window.start:
        inside = True
    else:
        inside, day = clock < window.end, day - timedelta(days=1)
    return day if inside and window.begins_on(day) else None


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
    """The zones by name; of a wide country, how many."""
    if len(zones) > _NAMED:
        return f"any of {len(zones)}"
    return " · ".join(zone.key for zone in zones)


def _local_text(now: datetime, zones: tuple[ZoneInfo, ...]) -> str:
    return now.astimezone(zones[0]).isoformat(timespec="minutes")
