"""A simulation's findings as the answers that people asked for: plain values, ready for tables, JSON and the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from dangol.definitions.workspace import Workspace
from dangol.model.durations import format_duration
from dangol.model.vocabulary import Channel
from dangol.simulate.behaviour import Behaviour
from dangol.simulate.compare import Change, Comparison
from dangol.simulate.gaps import Answers, assumed_gaps, campaign_gaps
from dangol.simulate.goals import CAME, EVERYBODY, HELD_OUT
from dangol.simulate.never import Rule
from dangol.simulate.part import Found, Plan, workspace_of
from dangol.simulate.tally import HOUR, MANY, STILL_WAITING, Line, Outcome, Tally, whole_weeks

CHANNELS = tuple(channel.value for channel in Channel)
_SECONDS = 3_600
_SAID = ("message", "campaign", "channel", "contains", "after", "where", "more_than")
T = TypeVar("T", str, tuple[str, str, str])


@dataclass(frozen=True, slots=True)
class Origin:
    """What a simulation was made from: where people and events came from, and what should be known about it."""

    audience: Answers
    events: Answers
    notes: tuple[Answers, ...] = ()


def answers(plan: Plan, found: Found, origin: Origin) -> Answers:
    """Everything a report shows. Times are in the workspace's zone; shares are from 0 to 1."""
    workspaces = [workspace_of(variant, plan.campaigns) for variant in plan.variants]
    zone = ZoneInfo(workspaces[-1].policies.timezone)
    variants = [
        {"name": variant.name, **_variant(tally, workspace, plan, zone)}
        for variant, tally, workspace in zip(plan.variants, found.tallies, workspaces, strict=True)
    ]
    return {
        "start": plan.start.astimezone(zone).isoformat(),
        "end": plan.end.astimezone(zone).isoformat(),
        "days": plan.days,
        "timezone": zone.key,
        "people": found.tallies[-1].people,
        "seed": plan.seed,
        "grain_minutes": int(plan.grain.total_seconds() // 60),
        "currency": plan.behaviour.currency,
        "assumptions": {
            "audience": origin.audience,
            "events": origin.events,
            "notes": [*origin.notes, *assumed_gaps(plan, workspaces[-1], origin.audience["code"])],
            "responses": [one.model_dump(mode="json") for one in plan.behaviour.responses],
        },
        "campaign_notes": campaign_gaps(workspaces[-1], found.tallies[-1]),
        "variants": variants,
        "difference": _difference(found.comparison, plan, zone) if len(variants) == 2 else None,
    }


def _variant(tally: Tally, workspace: Workspace, plan: Plan, zone: ZoneInfo) -> Answers:
    by_channel = _by_channel((channel, count) for (*_, channel), count in tally.sent.items())
    texts = _texts(tally)
    return {
        "people": tally.people,
        "people_reached": tally.people_reached,
        "sent": sum(by_channel.values()),
        "sent_by_channel": by_channel,
        "segments": tally.segments.total(),
        "cost": _cost(by_channel, tally.segments.total(), plan.behaviour),
        "opened": _answered(tally, "opened"),
        "clicked": _answered(tally, "clicked"),
        "bought": _answered(tally, "bought"),
        "entries": tally.entries.total(),
        "refused": _grouped((reason, n) for (_, _, reason), n in tally.refused.items()),
        "turned_away": _grouped((reason, n) for (_, reason), n in tally.turned_away.items()),
        "deferred": _grouped((reason, n) for (_, reason), n in tally.deferred.items()),
        "events": _grouped(tally.events.items()),
        "campaigns": [
            _campaign(key, tally, workspace, plan, texts, zone)
            for key in sorted(workspace.campaigns.keys() | {of for of, *_ in (*tally.sent, *tally.refused)})
        ],
        "volume": _volume(tally, plan, zone),
        "competition": _competition(tally),
        "weeks_counted": whole_weeks(plan.start, plan.end),
        "weeks": {kind: [tally.weeks[kind, count] for count in range(MANY + 1)] for kind in ("all", "marketing")},
        "nothing": [
            {
                "reason": reason,
                "people": n,
                "campaigns": dict(_most(tally.waiting_alone)) if reason == STILL_WAITING else {},
            }
            for reason, n in _most(tally.nothing)
        ],
        "never": [_never(number, rule, tally, zone) for number, rule in enumerate(plan.never)],
        "samples": [_sample(name, lines, texts, zone) for _, name, lines in tally.samples],
    }


def _texts(tally: Tally) -> dict[tuple[str, str], str]:
    """The message that each campaign's step sends; of several versions the one that is sent most."""
    return {(campaign, step): message for (campaign, step, message), _ in reversed(_most(tally.texts))}


def _never(number: int, rule: Rule, tally: Tally, zone: ZoneInfo) -> Answers:
    """A rule of what nobody may ever get, how often it was broken, and who got the first of these messages."""
    return {
        "rule": rule.told,
        "about": _about(rule),
        "campaign": rule.campaign,
        "times": tally.breached[number],
        "first": [
            {
                "profile": one.external_id,
                "at": _local(one.at, zone),
                "campaign": one.campaign,
                "message": one.message,
                "channel": one.channel,
            }
            for one in tally.breaches.get(number, ())
        ],
    }


def _about(rule: Rule) -> Answers:
    """What a rule says, as it was written."""
    said: Answers = {name: value for name in _SAID if (value := getattr(rule, name)) is not None}
    if rule.between is not None:
        said["between"] = [f"{at:%H:%M}" for at in rule.between]
    if rule.within is not None:
        said["within"] = format_duration(rule.within)
    return said


def _campaign(
    key: str, tally: Tally, workspace: Workspace, plan: Plan, texts: Mapping[tuple[str, str], str], zone: ZoneInfo
) -> Answers:
    campaign = workspace.campaigns.get(key)
    sent = _by_channel((channel, n) for (of, _, _, channel), n in tally.sent.items() if of == key)
    return {
        "key": key,
        "name": campaign.name if campaign is not None else key,
        "purpose": campaign.purpose.value if campaign is not None else "",
        "entries": tally.entries[key],
        "turned_away": _grouped((reason, n) for (of, reason), n in tally.turned_away.items() if of == key),
        "ends": _grouped((reason, n) for (of, reason), n in tally.ends.items() if of == key),
        "waiting": tally.waiting[key],
        "sent": sum(sent.values()),
        "sent_by_channel": sent,
        "segments": tally.segments[key],
        "cost": _cost(sent, tally.segments[key], plan.behaviour)["total"],
        "refused": _grouped((reason, n) for (of, _, reason), n in tally.refused.items() if of == key),
        "deferred": {
            reason: {"messages": n, "mean_hours": round(tally.deferred_minutes[of, reason] / n / 60, 1)}
            for (of, reason), n in sorted(tally.deferred.items())
            if of == key
        },
        "rerouted": _grouped((f"{channel}: {r}", n) for (of, channel, r), n in tally.rerouted.items() if of == key),
        "calls": _grouped((reason, n) for (of, reason), n in tally.calls.items() if of == key),
        "opened": sum(n for (of, _, how), n in tally.answers.items() if (of, how) == (key, "opened")),
        "clicked": sum(n for (of, _, how), n in tally.answers.items() if (of, how) == (key, "clicked")),
        "bought": sum(n for (of, _, how), n in tally.answers.items() if (of, how) == (key, "bought")),
        "steps": _steps(key, tally, texts, zone),
        "groups": _groups(key, tally, has_goal=campaign is not None and campaign.goal is not None),
    }


def stirring(campaigns: Iterable[Answers]) -> list[Answers]:
    """Those of which there is anything to tell."""
    return [one for one in campaigns if one["entries"] or one["sent"] or one["refused"]]


def _steps(key: str, tally: Tally, texts: Mapping[tuple[str, str], str], zone: ZoneInfo) -> list[Answers]:
    return [
        {
            "stage": stage,
            "step": step,
            "message": texts.get((of, step), ""),
            "channel": channel,
            "sent": count,
            "first": _local(tally.span[of, stage, step, channel][0], zone),
            "last": _local(tally.span[of, stage, step, channel][1], zone),
        }
        for (of, stage, step, channel), count in sorted(tally.sent.items())
        if of == key
    ]


def _groups(key: str, tally: Tally, *, has_goal: bool) -> list[Answers]:
    """Conversion by group: everybody, who came to a message, the held out, then the arms."""
    usual = {EVERYBODY: 0, CAME: 1, HELD_OUT: 2}
    found = sorted((group for of, group in tally.groups if of == key), key=lambda group: (usual.get(group, 3), group))
    return [
        {
            "group": group,
            "journeys": tally.groups[key, group],
            "converted": tally.converted[key, group] if has_goal else None,
            "undecided": tally.undecided[key, group] if has_goal else None,
            "share": round(tally.converted[key, group] / tally.groups[key, group], 4) if has_goal else None,
        }
        for group in found
    ]


def _volume(tally: Tally, plan: Plan, zone: ZoneInfo) -> Answers:
    days: dict[str, Counter[str]] = {}
    of_day: list[Counter[str]] = [Counter() for _ in range(24)]
    instant = plan.start
    while instant < plan.end:
        days.setdefault(instant.astimezone(zone).date().isoformat(), Counter())
        instant += HOUR
    for (hour, channel), count in tally.hours.items():
        local = (plan.start + hour * HOUR).astimezone(zone)
        days.setdefault(local.date().isoformat(), Counter())[channel] += count
    for (own, channel), count in tally.own_hours.items():
        of_day[own][channel] += count
    return {
        "days": [{"date": day, **{channel: counts[channel] for channel in CHANNELS}} for day, counts in days.items()],
        "hours_of_day": [
            {"hour": hour, **{channel: counts[channel] for channel in CHANNELS}} for hour, counts in enumerate(of_day)
        ],
        "limits": [_against_limit(channel, tally, plan, days, zone) for channel in CHANNELS],
    }


def _against_limit(channel: str, tally: Tally, plan: Plan, days: Mapping[str, Counter[str]], zone: ZoneInfo) -> Answers:
    """The busiest hour and day of a channel, and how long its provider takes for the hour at its rate."""
    hours = {hour: n for (hour, of), n in tally.hours.items() if of == channel}
    busiest = max(hours, key=lambda hour: (hours[hour], -hour), default=None)
    day = max(days, key=lambda one: (days[one][channel], one), default=None)
    limit = plan.behaviour.limits.get(Channel(channel))
    in_hour = hours[busiest] if busiest is not None else 0
    in_day = days[day][channel] if day is not None else 0
    seconds = in_hour / limit.per_second if limit is not None and limit.per_second is not None else None
    return {
        "channel": channel,
        "busiest_hour": _local(plan.start + busiest * HOUR, zone) if busiest is not None else None,
        "in_busiest_hour": in_hour,
        "busiest_day": day if in_day else None,
        "in_busiest_day": in_day,
        "per_second": limit.per_second if limit is not None else None,
        "per_day": limit.per_day if limit is not None else None,
        "busiest_hour_takes_seconds": round(seconds, 1) if seconds is not None else None,
        "hours_over": (
            sum(n > limit.per_second * _SECONDS for n in hours.values()) if limit and limit.per_second else 0
        ),
        "days_over": sum(counts[channel] > limit.per_day for counts in days.values()) if limit and limit.per_day else 0,
    }


def _competition(tally: Tally) -> list[Answers]:
    """Per campaign and cap: how many messages met it, and which campaigns' messages held the slots."""
    pairs = sorted({(campaign, cap) for campaign, cap, _ in tally.capped})
    found = []
    for campaign, cap in pairs:
        held: Counter[str] = Counter()
        for (of, by, _, holder), count in tally.rivals.items():
            if (of, by) == (campaign, cap):
                held[holder] += count
        happened = {how: tally.capped[campaign, cap, how] for how in ("refused", "deferred", "rerouted")}
        found.append({"campaign": campaign, "cap": cap, **happened, "held_by": dict(_most(held))})
    return sorted(found, key=lambda one: (-(one["refused"] + one["deferred"] + one["rerouted"]), one["campaign"]))


def _sample(name: str, lines: Sequence[Line], texts: Mapping[tuple[str, str], str], zone: ZoneInfo) -> Answers:
    return {
        "profile": name,
        "lines": [
            {
                "at": _local(line.at, zone),
                "campaign": line.campaign,
                "step": line.step,
                "message": texts.get((line.campaign, line.step), ""),
                "decision": line.decision,
                "reason": line.reason,
                "channel": line.channel,
            }
            for line in lines
        ],
    }


def _difference(comparison: Comparison, plan: Plan, zone: ZoneInfo) -> Answers:
    return {
        "people": comparison.people,
        "kinds": [
            {"campaign": campaign, "kind": kind, "people": n}
            for (campaign, kind), n in sorted(comparison.kinds.items())
        ],
        "listed": [
            {"profile": one.external_id, "changes": [_change(change, zone) for change in one.changes]}
            for one in comparison.listed[: plan.limit]
        ],
        "not_listed": max(0, comparison.people - plan.limit),
    }


def _change(change: Change, zone: ZoneInfo) -> Answers:
    return {
        "kind": change.kind,
        "campaign": change.campaign,
        "step": change.step,
        "before": _outcome(change.before, zone),
        "after": _outcome(change.after, zone),
        "how": change.how or None,
        "why": change.why,
    }


def _outcome(outcome: Outcome | None, zone: ZoneInfo) -> Answers | None:
    if outcome is None:
        return None
    return {
        "state": outcome.state,
        "reason": outcome.reason,
        "message": outcome.message,
        "channel": outcome.channel,
        "at": _local(outcome.at, zone),
    }


def _cost(sent: Mapping[str, int], segments: int, behaviour: Behaviour) -> Answers:
    costs = {
        channel.value: round(cost.of(sent.get(channel.value, 0), segments if channel is Channel.SMS else 0), 2)
        for channel, cost in behaviour.costs.items()
    }
    return {**costs, "total": round(sum(costs.values()), 2)}


def _answered(tally: Tally, how: str) -> int:
    return sum(count for (*_, which), count in tally.answers.items() if which == how)


def _by_channel(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for channel, count in counts:
        found[channel] += count
    return {channel: found[channel] for channel in CHANNELS}


def _grouped(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for name, count in counts:
        found[name] += count
    return dict(_most(found))


def _most(counts: Mapping[T, int]) -> list[tuple[T, int]]:
    """Most frequent first; of equals the first by name."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _local(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).isoformat(timespec="minutes")
