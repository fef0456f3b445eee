"""Nobody is disturbed at night: quiet hours in the recipient's own time (G5).

The start of a window is quiet, its end is not. Whether it is quiet is asked of the wall clock where the person
is, so a daylight-saving change needs no rule of its own: an hour that happens twice is quiet twice, a window that
ends in a skipped hour ends where the clock jumps. A window that is kept on some days only belongs to the day on which
it begins: one from Saturday 21:00 to 08:00 ends on Sunday. Some laws mean the clock of their own country.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from dangol.model.facts import Allow, Defer, Evidence, Facts, Suppress, Verdict
from dangol.model.jurisdiction import RECIPIENT, Hours, QuietRule
from dangol.model.vocabulary import NIGHT, Channel, Purpose, Reason
from dangol.model.workspace import QuietHours
from dangol.policy.consent import may_be_woken, sooner
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
    purpose, expires_at = facts.message.purpose, facts.message.expires_at
    applied = rulebook.law.applied(facts.profile, channel, purpose)
    awake = may_be_woken(facts, channel, rulebook)
    zones = plausible_zones(facts.profile, rulebook.policies.unknown_timezone)
    found = _outlook(facts.now, zones, purpose, channel, applied, rulebook, awake=awake is not None)
    if isinstance(found, Suppress):
        return found
    if found.opens == facts.now:
        return Allow(found.evidence, until=sooner(found.closes, awake.until if awake is not None else None))
    if found.opens is None:
        unknown = len(zones) > 1
        return Suppress(Reason.TIMEZONE_UNKNOWN if unknown else Reason.QUIET_HOURS_OUTLAST_EXPIRY, found.evidence)
    evidence = {**found.evidence, "until": found.opens.isoformat()}
    if expires_at is not None and found.opens >= expires_at:
        return Suppress(Reason.QUIET_HOURS_OUTLAST_EXPIRY, evidence)
    return Defer(found.opens, Reason.QUIET_HOURS, evidence)


@dataclass(frozen=True, slots=True)
class _Outlook:
    """When it is next not quiet, None for never; if that is now, when it becomes quiet, None for never."""

    evidence: Evidence
    opens: datetime | None
    closes: datetime | None = None


@lru_cache(maxsize=512)  # a batch asks at one instant, about a few zones
def _outlook(
    now: datetime,
    zones: tuple[ZoneInfo, ...],
    purpose: Purpose,
    channel: Channel,
    applied: Applied,
    rulebook: Rulebook,
    *,
    awake: bool,
) -> _Outlook | Suppress:
    """What the clocks in these zones say to everybody to whom the same rules apply."""
    own, law = _own_windows(purpose, channel, rulebook, awake=awake), _windows_of_law(applied, awake=awake)
    if not own and not law:
        return _Outlook({}, opens=now)
    if not zones and (own or any(rule.clock == RECIPIENT for rule in law)):
        return Suppress(Reason.TIMEZONE_UNKNOWN, applied.told([rule.id for rule in law]))
    kept = (*((window, zones) for window in own), *_kept(law, zones))
    shown = zones or kept[0][1]
    evidence: Evidence = {"zone": _name(shown), "local": _local_text(now, shown)}
    opens = _opening(now, kept)
    if opens == now:
        return _Outlook(evidence, opens, _closing(now, kept))
    return _Outlook(
        evidence | applied.told([rule.id for rule in law if _opening(now, _kept((rule,), zones)) != now]), opens
    )


def _own_windows(purpose: Purpose, channel: Channel, rulebook: Rulebook, *, awake: bool) -> tuple[QuietHours, ...]:
    return tuple(
        window
        for window in rulebook.policies.quiet_hours
        if purpose in window.purposes and channel in window.channels and not (window.unless_consent == NIGHT and awake)
    )


def _windows_of_law(applied: Applied, *, awake: bool) -> tuple[QuietRule, ...]:
    return tuple(rule for rule in applied.quiet if not awake or rule.unless_consent != NIGHT)


def _kept(law: tuple[QuietRule, ...], zones: tuple[ZoneInfo, ...]) -> tuple[Kept, ...]:
    """The windows of rules, each with the zones whose clock the law means."""
    return tuple(
        (hours, zones if rule.clock == RECIPIENT else (ZoneInfo(rule.clock),)) for rule in law for hours in rule.hours
    )


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
