"""What the gate would say about a message to one person, and every rule that it would ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from dangol.batch.facts import slot_of, suppressed_of
from dangol.bootstrap import Dangol
from dangol.consent import ledger, preferences
from dangol.definitions.workspace import load_workspace
from dangol.errors import UnknownCampaign
from dangol.model.facts import Candidate, Facts, Ruling
from dangol.model.jurisdiction import Rule
from dangol.model.people import ConsentState, Preferences, Profile
from dangol.model.vocabulary import NIGHT, Channel, OnCapped, Purpose
from dangol.policy.caps import longest_window
from dangol.policy.consent import deciding
from dangol.policy.gate import decide
from dangol.policy.hold import open_cases
from dangol.policy.law import Applied
from dangol.policy.rules import Rulebook
from dangol.profiles import events
from dangol.release import rulebook_of
from dangol.store import messages as message_rows


@dataclass(frozen=True, slots=True)
class Question:
    """A message that somebody asks about. ``campaign`` is one in service whose policies count, or empty."""

    channel: Channel
    purpose: Purpose
    topic: str = ""
    campaign: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The gate's ruling, what it knew, and the rules that bind the person for this channel and purpose."""

    at: datetime
    ruling: Ruling
    applied: Applied
    consent: ConsentState | None
    night: ConsentState | None
    version: str

    @property
    def rules(self) -> tuple[Rule, ...]:
        return self.applied.rules


def ask(dangol: Dangol, tx: Connection, person: Profile, question: Question, at: datetime) -> Answer:
    """Ask the gate. Consents are those that held at ``at``; what a text or a carrier would do is not looked at.

    Raises UnknownCampaign for a campaign that is not in service, ProblemsFound for a workspace with mistakes.
    """
    rulebook, candidate, version = _rules(dangol, tx, question)
    facts = _facts(dangol, tx, person, candidate, rulebook, at)
    return Answer(
        at,
        decide(facts, rulebook),
        rulebook.law.applied(person, question.channel, candidate.purpose),
        deciding(facts, question.channel),
        facts.topic_consents.get((question.channel, candidate.purpose, NIGHT)),
        version,
    )


def _rules(dangol: Dangol, tx: Connection, question: Question) -> tuple[Rulebook, Candidate, str]:
    """The rules of the campaign in service, or else those of the workspace on disk."""
    if not question.campaign:
        workspace = load_workspace(dangol.settings.workspace)
        return rulebook_of(workspace), _candidate(question), ""
    release = dangol.releases.serving(tx, question.campaign)
    if release is None:
        raise UnknownCampaign(f"no campaign {question.campaign!r} is in service; `dangol versions` lists what is")
    campaign = release.campaign
    told: dict[str, Any] = {
        "campaign": campaign.key,
        "purpose": campaign.purpose,
        "tags": campaign.tags,
        "priority": campaign.priority,
        "holdout": campaign.holdout,
        "topic": question.topic or campaign.topic or "",
    }
    return release.rulebook, _candidate(question, told), release.version_id


def _candidate(question: Question, told: Mapping[str, Any] | None = None) -> Candidate:
    values: dict[str, Any] = {
        "campaign": "",
        "purpose": question.purpose,
        "tags": (),
        "priority": 50,
        "holdout": 0.0,
        "topic": question.topic,
        **(told or {}),
    }
    return Candidate(
        id="",
        stage="",
        channels=(question.channel,),
        expires_at=None,
        on_capped=OnCapped.DEFER,
        **values,
    )


def _facts(
    dangol: Dangol, tx: Connection, person: Profile, candidate: Candidate, rulebook: Rulebook, at: datetime
) -> Facts:
    held = ledger.as_of(tx, [person.id], at)[person.id]
    wishes = preferences.load(tx, [person.id])
    leeway = dangol.timing.send_lease
    since = at - longest_window([rulebook], wishes.values(), leeway=leeway)
    holds = rulebook.policies.holds
    reach = max((hold.reach for hold in holds), default=None)
    names = frozenset[str]().union(*(hold.events for hold in holds))
    history = events.history(tx, [person.id], names, since=at - reach).get(person.id, ()) if reach else ()
    return Facts(
        now=at,
        message=candidate,
        profile=person,
        consents={(matter[0], matter[1]): state for matter, state in held.items() if not matter[2]},
        topic_consents={matter: state for matter, state in held.items() if matter[2]},
        suppressed=suppressed_of(tx, {person.id: person}, candidate.channels, dangol.pipeline.hasher).get(
            person.id, {}
        ),
        ended=None,
        slots=[slot_of(row) for row in message_rows.load_slots(tx, [person.id], since).get(person.id, ())],
        preferences=wishes.get(person.id, Preferences()),
        cases=open_cases(holds, history, at) if history else (),
        leeway=leeway,
    )
