"""Campaigns that can never be lawful for part of their audience: always due at night, and over before the morning."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from dangol.definitions.workspace import Workspace
from dangol.definitions.yaml import read_yaml
from dangol.jurisdictions import packs
from dangol.model.campaign import RECIPIENT, Campaign
from dangol.model.facts import Candidate, Facts, Suppress
from dangol.model.jurisdiction import Pack
from dangol.model.people import Profile
from dangol.model.problem import Problem
from dangol.model.steps import Send, Wait, WaitFor
from dangol.model.vocabulary import Channel, OnCapped
from dangol.policy.law import Law
from dangol.policy.quiet_hours import quiet_hours
from dangol.policy.rules import Rulebook
from dangol.triggers.schedule import local_time, next_firing

_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
_LOOKED_AT = 400
"""Firings that are tried: more than a year of a daily schedule, weekdays, holidays and clock changes included."""


def check_lawful(workspace: Workspace) -> list[Problem]:
    """Every step of a scheduled campaign whose messages the law holds back until they are too late, every time.

    Asked for the places that the workspace serves and whose law means one clock: elsewhere somebody may live in a
    zone in which it is day.
    """
    law = Law(packs(), workspace.policies.jurisdictions)
    rulebook = Rulebook(workspace.policies.model_copy(update={"quiet_hours": ()}), (), law)
    served = [law.packs[code] for code in workspace.policies.jurisdictions.serves if code in law.packs]
    return [
        problem
        for campaign in workspace.campaigns.values()
        if campaign.entry.schedule is not None
        for pack in served
        if pack.zone != "UTC"
        for problem in _of_campaign(workspace, campaign, pack, rulebook)
    ]


def _of_campaign(workspace: Workspace, campaign: Campaign, pack: Pack, rulebook: Rulebook) -> Iterator[Problem]:
    firings = _firings(campaign, workspace.policies.timezone, pack)
    for placed in takewhile(lambda one: not isinstance(one.step, Wait | WaitFor), campaign.placed):
        step = placed.step
        if not isinstance(step, Send) or step.expires_after is None or not firings:
            continue
        for route in step.routes:
            named = _always_against(campaign, pack, rulebook, firings, route, step.expires_after)
            if named:
                yield _problem(workspace, campaign, step, pack, named)
                break


def _firings(campaign: Campaign, zone: str, pack: Pack) -> list[datetime]:
    """When the schedule fires for somebody in this place."""
    found: list[datetime] = []
    after = _BEGINNING
    while len(found) < _LOOKED_AT and (firing := next_firing(campaign.entry, after=after, default_zone=zone)):
        found.append(_there(campaign, firing, pack))
        after = firing
    return found


def _there(campaign: Campaign, firing: datetime, pack: Pack) -> datetime:
    return local_time(firing, ZoneInfo(pack.zone)) if campaign.entry.timezone == RECIPIENT else firing


def _always_against(
    campaign: Campaign,
    pack: Pack,
    rulebook: Rulebook,
    firings: list[datetime],
    route: tuple[Channel, ...],
    lasting: timedelta,
) -> list[str]:
    """The rules that hold the message back on every channel at every firing; none if it gets through once."""
    rules: dict[str, None] = {}
    for firing in firings:
        for channel in route:
            verdict = quiet_hours(_facts(campaign, pack, firing, channel, lasting), channel, rulebook)
            if not isinstance(verdict, Suppress):
                return []
            rules.update(dict.fromkeys(verdict.evidence.get("rules", ())))
    return list(rules)


def _facts(campaign: Campaign, pack: Pack, firing: datetime, channel: Channel, lasting: timedelta) -> Facts:
    """Somebody who lives in that place and has given no consent for the night."""
    country, _, state = pack.code.partition("-")
    somebody = Profile("", "", None, None, None, pack.zone, country, {"state": state} if state else {}, firing)
    message = Candidate(
        id="",
        campaign=campaign.key,
        stage="",
        purpose=campaign.purpose,
        tags=(),
        priority=0,
        channels=(channel,),
        expires_at=firing + lasting,
        on_capped=OnCapped.DROP,
        holdout=0.0,
    )
    return Facts(firing, message, somebody, {}, {}, None, ())


def _problem(workspace: Workspace, campaign: Campaign, step: Send, pack: Pack, rules: list[str]) -> Problem:
    path = f"campaigns/{campaign.key}.yaml"
    message = (
        f"`{step.send}` is over before it may go out, at every firing of the schedule, to people in {pack.name.en} "
        f"({', '.join(rules)})"
    )
    hint = "move the schedule into the day, or let the message live longer with `expires_after`"
    document, _ = read_yaml(path, workspace.sources.get(path, ""))
    if document is None:
        return Problem(path, 1, 1, "never-lawful", message, hint)
    return document.problem("never-lawful", ("entry", "schedule"), message, hint=hint)
