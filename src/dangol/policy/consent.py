"""No consent on record means no (G3); and not every consent counts everywhere.

For a message about a topic, what was said of the topic decides; a consent to the topic counts unless everything was
withdrawn at the same time or later. Without a word about the topic, what was said of the purpose as a whole decides;
that somebody was asked about the topic and has not answered yet is no word.

Where a rule requires a double opt-in, only what the person confirmed by a second message counts, whatever it rests on.
A confirmed consent to the whole purpose confirms its topics too: alone it would cover them, and it shows whose address
it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dangol.model.facts import Allow, Evidence, Facts, Suppress, Verdict
from dangol.model.jurisdiction import ConsentRule
from dangol.model.people import ConsentState
from dangol.model.vocabulary import NIGHT, Basis, Channel, ConsentStatus, Reason
from dangol.policy.law import Applied
from dangol.policy.rules import Rulebook

_EXPRESS = frozenset({Basis.CONSENT.value, Basis.WRITTEN_CONSENT.value})
_NOT_GIVEN = {
    ConsentStatus.WITHDRAWN: Reason.CONSENT_WITHDRAWN,
    ConsentStatus.PENDING: Reason.CONSENT_PENDING,
    ConsentStatus.EXPIRED: Reason.CONSENT_EXPIRED,
}


def consent(facts: Facts, channel: Channel, rulebook: Rulebook) -> Verdict:
    """Refuse without a consent that counts wherever the person belongs.

    Purposes outside ``consent_required`` (transactional, unless the workspace says otherwise) go without a
    consent if no pack asks for one, but a withdrawal that is on record binds them too.
    """
    purpose = facts.message.purpose
    applied = rulebook.law.applied(facts.profile, channel, purpose)
    needed = purpose in rulebook.policies.consent_required or applied.needs_consent
    state = deciding(facts, channel)
    if state is None:
        return Suppress(Reason.CONSENT_MISSING, _asking(applied)) if needed else Allow({"consent": "not required"})
    evidence: Evidence = {"consent": state.consent_id}
    if not state.granted:
        reason = _NOT_GIVEN.get(state.status, Reason.CONSENT_WITHDRAWN)
        if reason is Reason.CONSENT_WITHDRAWN or needed:
            return Suppress(reason, evidence)
        return Allow({"consent": "not required"})
    if needed and not _is_relied_on(state, rulebook):
        return Suppress(Reason.CONSENT_UNPROVEN, evidence)
    ends: datetime | None = None
    confirmed = is_confirmed(facts, channel, state)
    for rule in applied.consent:
        if rule.double_opt_in == "required" and not confirmed:
            return Suppress(
                Reason.CONSENT_INSUFFICIENT,
                {**evidence, "basis": state.basis, "confirmed": False, **applied.told([rule.id])},
            )
        refused, end = _against(rule, state, facts.now)
        if refused is not None:
            return Suppress(refused, {**evidence, "basis": state.basis, **applied.told([rule.id])})
        ends = sooner(ends, end)
    return Allow({**evidence, **applied.told(applied.ids)}, until=ends)


def _is_relied_on(state: ConsentState, rulebook: Rulebook) -> bool:
    """What was imported without any evidence counts only where the workspace says so."""
    imported = state.basis == Basis.IMPORTED and not state.proven
    return not imported or rulebook.policies.imported_consents == "allow"


@dataclass(frozen=True, slots=True)
class Wakeful:
    """A consent to be written to at night that holds, and until when; None is without an end."""

    until: datetime | None


def may_be_woken(facts: Facts, channel: Channel, rulebook: Rulebook) -> Wakeful | None:
    """The consent of its own that stands for messages at night; None if there is none, or in doubt.

    Nobody agrees to the night by buying something: only an express yes counts, and only as long as every law that
    binds the person accepts it.
    """
    state = facts.topic_consents.get((channel, facts.message.purpose, NIGHT))
    if state is None or not state.granted or state.basis not in _EXPRESS:
        return None
    if deciding(facts, channel, NIGHT) is not state:
        return None
    ends: datetime | None = None
    for rule in rulebook.law.applied(facts.profile, channel, facts.message.purpose).consent:
        refused, end = _against(rule, state, facts.now)
        if refused is not None:
            return None
        ends = sooner(ends, end)
    return Wakeful(ends)


def deciding(facts: Facts, channel: Channel, topic: str | None = None) -> ConsentState | None:
    """What counts for this message: what was said of its topic, or else of the purpose; None if nothing was."""
    topic = facts.message.topic if topic is None else topic
    general = facts.consents.get((channel, facts.message.purpose))
    special = facts.topic_consents.get((channel, facts.message.purpose, topic)) if topic else None
    if special is None or (special.says_nothing_yet and general is not None):
        return general
    if special.granted and _withdrawn_since(general, special.occurred_at):
        return general
    return special


def is_confirmed(facts: Facts, channel: Channel, state: ConsentState) -> bool:
    """Was this consent, or the one for all of its purpose, confirmed by a second message?"""
    general = facts.consents.get((channel, facts.message.purpose))
    return state.confirmed or (general is not None and general.granted and general.confirmed)


def _withdrawn_since(general: ConsentState | None, given: datetime) -> bool:
    """At one instant the withdrawal wins."""
    return general is not None and not general.granted and _is_no(general) and general.occurred_at >= given


def _is_no(state: ConsentState) -> bool:
    """Not granted, and neither asked for nor run out."""
    return state.status in {ConsentStatus.WITHDRAWN, ConsentStatus.GRANTED}


def _against(rule: ConsentRule, state: ConsentState, now: datetime) -> tuple[Reason | None, datetime | None]:
    """Why this consent does not count for this rule, None if it does; and when it ends, None if it has no end."""
    if state.basis not in rule.accepts:
        return Reason.CONSENT_INSUFFICIENT, None
    ends = runs_out(rule, state)
    return Reason.CONSENT_EXPIRED if ends is not None and now >= ends else None, ends


def runs_out(rule: ConsentRule, state: ConsentState) -> datetime | None:
    """When the rule no longer accepts this consent; None if it has no end. Calendar months, so 29 February is early."""
    lasting = rule.lasting(state.basis)
    return None if lasting is None else lasting.after(state.confirmed_at or state.occurred_at)


def sooner(one: datetime | None, other: datetime | None) -> datetime | None:
    """The earlier of two ends, of which None is none."""
    return one if other is None else other if one is None else min(one, other)


def _asking(applied: Applied) -> Evidence:
    return applied.told([rule.id for rule in applied.consent if rule.needed])
