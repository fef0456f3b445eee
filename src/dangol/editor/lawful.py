"""Campaigns that can never be lawful for part of their audience.

A message never goes out if each of its channels is closed: a law is quiet whenever it is due and until it is over, a
limit leaves none, or no consent counts for all rules at once. The last two come of rules that a workspace changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce

from dangol.definitions.workspace import Workspace
from dangol.definitions.yaml import read_yaml
from dangol.editor.arrivals import LOOKED_AT, Path, Reached, sends_reached
from dangol.jurisdictions import readable_packs
from dangol.model.campaign import Campaign
from dangol.model.facts import Candidate, Facts, Suppress
from dangol.model.jurisdiction import Pack
from dangol.model.people import Profile
from dangol.model.problem import Problem
from dangol.model.vocabulary import Basis, Channel, OnCapped
from dangol.policy.law import Applied, Law
from dangol.policy.quiet_hours import quiet_hours
from dangol.policy.rules import Rulebook

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_NO_STATE = "0"
"""Stands for a state without rules of its own."""
_MOST = 4 * LOOKED_AT
"""Of more moments than these nobody looks at all, and the message is let be."""
_HINTS = {
    "quiet": "let it come in the day, or live longer with `expires_after`",
    "limit": "loosen the limit in policies.yaml with a reason, or use another channel",
    "consent": "let the rules' `accepts` in policies.yaml have a kind of consent in common, or use another channel",
}


@dataclass(frozen=True, slots=True)
class _Place:
    """Somewhere that the workspace serves: a country, or one of its states. ``one_clock``: its law means one zone."""

    name: str
    somebody: Profile
    one_clock: bool


@dataclass(frozen=True, slots=True)
class _Closed:
    """Why a channel is closed, a key of ``_HINTS``, and by which rules. ``cause`` is the place in the file, if told."""

    why: str
    rules: tuple[str, ...]
    cause: Path = ()

    def __str__(self) -> str:
        named = ", ".join(self.rules)
        match self.why:
            case "quiet":
                return f"it is over before it may go out, every time ({named})"
            case "limit":
                return f"{named} leaves no message"
            case _:
                return f"no kind of consent counts for {named}"


def check_lawful(workspace: Workspace) -> list[Problem]:
    """Every step whose message can never go out to people in some place that the workspace serves.

    States are looked at where their country as such is open. Moments that are fixed by the workspace's clock count
    only where the law means one clock: elsewhere somebody may live in a zone in which it is day.
    """
    law = Law(readable_packs(workspace.sources), workspace.policies.jurisdictions)
    checking = _Checking(workspace, law, Rulebook(workspace.policies.model_copy(update={"quiet_hours": ()}), (), law))
    served = [law.packs[code] for code in workspace.policies.jurisdictions.serves if code in law.packs]
    return [problem for campaign in workspace.campaigns.values() for problem in checking.campaign(campaign, served)]


@dataclass(frozen=True, slots=True)
class _Checking:
    workspace: Workspace
    law: Law
    rulebook: Rulebook

    def campaign(self, campaign: Campaign, served: Sequence[Pack]) -> Iterator[Problem]:
        walks: dict[str, list[Reached]] = {}
        for pack in served:
            if pack.zone not in walks:
                walks[pack.zone] = sends_reached(
                    campaign,
                    zone=self.workspace.policies.timezone,
                    place=pack.zone,
                    plan=self.workspace.tracking_plan,
                )
            states = [_place(self.law.packs[part]) for part in pack.parts]
            for reached in walks[pack.zone]:
                yield from self._send(campaign, reached, _place(pack), states)

    def _send(
        self, campaign: Campaign, reached: Reached, country: _Place, states: Sequence[_Place]
    ) -> Iterator[Problem]:
        """At most one problem for the country or, if it is open, for those of its states that are not."""
        for route in reached.send.routes:
            told = self._closed(campaign, reached, route, country)
            if told:
                yield self._problem(campaign, reached, [country.name], told)
                return
            found = [(state, shut) for state in states if (shut := self._closed(campaign, reached, route, state))]
            if found:
                names = [state.name for state, _ in found]
                yield self._problem(campaign, reached, names, [one for _, shut in found for one in shut])
                return

    def _closed(self, campaign: Campaign, reached: Reached, route: tuple[Channel, ...], place: _Place) -> list[_Closed]:
        """Why each of these channels is closed there; empty if one is open."""
        found: list[_Closed] = []
        for channel in route:
            applied = self.law.applied(place.somebody, channel, campaign.purpose)
            closed = (
                _no_message_left(applied)
                or self._no_consent(campaign, applied)
                or (self._always_quiet(campaign, reached, channel, place) if applied.quiet else None)
            )
            if closed is None:
                return []
            found.append(closed)
        return found

    def _no_consent(self, campaign: Campaign, applied: Applied) -> _Closed | None:
        """Closed if no basis is accepted by all rules. Without a consent people are written to where none is needed."""
        policies = self.rulebook.policies
        if not applied.consent or not (applied.needs_consent or campaign.purpose in policies.consent_required):
            return None
        counted = [set(rule.accepts) for rule in applied.consent]
        if policies.imported_consents == "refuse":
            counted.append(set(Basis) - {Basis.IMPORTED})
        shared = reduce(set.intersection, counted)
        return None if shared else _Closed("consent", tuple(rule.id for rule in applied.consent))

    def _always_quiet(self, campaign: Campaign, reached: Reached, channel: Channel, place: _Place) -> _Closed | None:
        """Closed if laws hold the message back until it is over, whenever somebody there comes to it."""
        arrivals, lasting = reached.arrivals, reached.send.expires_after
        if arrivals is None or lasting is None or not (arrivals.local or place.one_clock):
            return None
        rules: dict[str, None] = {}
        for number, instant in enumerate(arrivals.each()):
            facts = _facts(campaign, channel, place.somebody, instant, instant + lasting)
            verdict = quiet_hours(facts, channel, self.rulebook)
            if not isinstance(verdict, Suppress) or number >= _MOST:
                return None
            rules.update(dict.fromkeys(verdict.evidence.get("rules", ())))
        return _Closed("quiet", tuple(rules), arrivals.cause) if rules else None

    def _problem(
        self, campaign: Campaign, reached: Reached, names: Sequence[str], closed: Sequence[_Closed]
    ) -> Problem:
        """Told where the clock is fixed if the night alone is to blame, else at the step."""
        path = f"campaigns/{campaign.key}.yaml"
        whys = list(dict.fromkeys(map(str, closed)))
        message = f"`{reached.send.send}` never goes out to people in {', '.join(names)}: {'; '.join(whys)}"
        hint = "; ".join(dict.fromkeys(_HINTS[one.why] for one in closed))
        place = closed[0].cause if all(one.why == "quiet" for one in closed) else (*reached.path, "send")
        document, _ = read_yaml(path, self.workspace.sources.get(path, ""))
        if document is None:
            return Problem(path, 1, 1, "never-lawful", message, hint)
        return document.problem("never-lawful", place, message, hint=hint)


def _place(pack: Pack) -> _Place:
    """Somebody of whom country and state are known, and who has given no consent for the night."""
    country, _, state = pack.code.partition("-")
    without_rules = (code for code, _ in pack.states if f"{country}-{code}" not in pack.parts)
    attributes = {"state": state or next(without_rules, _NO_STATE)}
    somebody = Profile("", "", None, None, None, pack.zone, country, attributes, _NOW)
    return _Place(pack.name.en, somebody, pack.zone != "UTC")


def _no_message_left(applied: Applied) -> _Closed | None:
    none = tuple(rule.id for rule in applied.limits if rule.most == 0)
    return _Closed("limit", none) if none else None


def _facts(campaign: Campaign, channel: Channel, somebody: Profile, now: datetime, expires_at: datetime) -> Facts:
    message = Candidate(
        id="",
        campaign=campaign.key,
        stage="",
        purpose=campaign.purpose,
        tags=(),
        priority=0,
        channels=(channel,),
        expires_at=expires_at,
        on_capped=OnCapped.DROP,
        holdout=0.0,
    )
    return Facts(now, message, somebody, {}, {}, None, ())
