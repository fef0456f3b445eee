"""Digests: emails to one person that can wait, sent as one.

A message waits for its digest from the moment at which it is planned. When it is due, the gate decides about every
message by itself, as always; those that it allows by email go out in the email of the first, which takes the only slot.
The others end as ``merged`` and come back only if the provider definitely refuses that email for the moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from dangol.batch.acquaintance import zone_of
from dangol.batch.facts import Briefing, Claimed, PersonalLinks
from dangol.batch.texts import Said, say
from dangol.errors import RenderError
from dangol.journeys.machine import PlanMessage
from dangol.journeys.moments import next_on
from dangol.model.facts import Allow, Facts, Ruling
from dangol.model.people import Profile
from dangol.model.restraint import DigestPlan
from dangol.model.vocabulary import Channel
from dangol.policy.gate import decide
from dangol.release import Release

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Member:
    """A message that goes out in the email of another: what the gate said of it, and what the email tells of it."""

    claimed: Claimed
    ruling: Ruling
    item: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Digest:
    """What goes out as one email: its key in policies.yaml, the members beside the one that carries it, the text."""

    key: str
    members: Sequence[Member]
    said: Said

    @property
    def until(self) -> datetime | None:
        """Until when the gate allows all members; None if nothing bounds them."""
        ends = [one.ruling.verdict.until for one in self.members if isinstance(one.ruling.verdict, Allow)]
        return min((end for end in ends if end is not None), default=None)


def gathered_at(
    release: Release, command: PlanMessage, route: Sequence[Channel], profile: Profile | None
) -> datetime | None:
    """When the digest goes out for which this message waits; None if it goes out by itself.

    That is the digest's next time on the person's clock, unless the message would have expired by then.
    """
    plan = release.policies.digests.get(command.send.digest or "")
    if plan is None or Channel.EMAIL not in route:
        return None
    zone = zone_of(profile, release) if profile is not None else ZoneInfo(release.policies.timezone)
    at = next_on(plan.weekdays, plan.at, zone=zone, since=command.due_at)
    return at if command.expires_at is None or at < command.expires_at else None


def plan_of(claimed: Claimed) -> DigestPlan | None:
    """The digest for which this message waited, as its version has it."""
    return claimed.release.policies.digests.get(claimed.row.digest or "")


def gather(
    first: Claimed, said: Said, others: Iterable[Claimed], briefing: Briefing, links: Mapping[str, PersonalLinks]
) -> Digest | None:
    """The email that carries ``first``, which the gate allows and whose own text is ``said``, and those of ``others``
    that wait for the same; None if there are none.

    ``others`` are due, undecided and first come first; ``links`` are by message id. Those that the gate does not allow
    by email, or whose text cannot be made, are left out: what becomes of them is told when it is their turn. Raises
    RenderError if the digest's own text cannot be made.
    """
    plan, members = plan_of(first), list[Member]()
    if plan is None:
        return None
    for other in others:
        if len(members) + 1 < plan.most and _alike(first, other):
            member = _member(other, briefing, links[other.row.id])
            members += [member] if member is not None else []
    if not members:
        return None
    items = [_item(first, said), *(member.item for member in members)]
    told: dict[str, Any] = {"items": items, "count": len(items)}
    whole = say(first, Channel.EMAIL, briefing, links[first.row.id], template=plan.template, digest=told)
    return Digest(first.row.digest, members, whole)


def _alike(first: Claimed, other: Claimed) -> bool:
    """Do both wait for the same digest? What is advertising and what is not never share an email."""
    mine, its = first.row, other.row
    return (
        mine.id != its.id
        and (mine.profile_id, mine.digest) == (its.profile_id, its.digest)
        and first.candidate.purpose is other.candidate.purpose
    )


def _member(claimed: Claimed, briefing: Briefing, links: PersonalLinks) -> Member | None:
    ruling = decide(_beside(briefing.facts(claimed)), claimed.release.rulebook)
    if not isinstance(ruling.verdict, Allow) or ruling.channel is not Channel.EMAIL:
        return None
    try:
        return Member(claimed, ruling, _item(claimed, say(claimed, Channel.EMAIL, briefing, links)))
    except RenderError:  # told when it is its turn
        return None
    except Exception as error:
        # Whatever is wrong with one message, the others must not wait for it.
        _log.error("a message cannot go into a digest", message_id=claimed.row.id, error=type(error).__name__)
        return None


def _beside(facts: Facts) -> Facts:
    """Facts of a message that takes no room of its own, so that it makes way only for those of its own journey."""
    own = [one for one in facts.contenders if one.message.journey_id == facts.message.journey_id]
    return replace(facts, contenders=own)


def _item(claimed: Claimed, said: Said) -> dict[str, str]:
    row, texts = claimed.row, claimed.release.messages
    return texts.item(row.template, said.rendered.locale, said.context, said.rendered, row.stage)
