"""No consent on record means no (G3)."""

from __future__ import annotations

from dangol.model.facts import Allow, Facts, Suppress, Verdict
from dangol.model.vocabulary import Channel, Reason
from dangol.policy.rules import Rulebook


def consent(facts: Facts, channel: Channel, rulebook: Rulebook) -> Verdict:
    """Refuse without a granted consent for this channel and purpose.

    Purposes outside ``consent_required`` (transactional, unless the workspace says otherwise) go without a
    consent, but a withdrawal that is on record binds them too.
    """
    purpose = facts.message.purpose
    state = facts.consents.get((channel, purpose))
    if state is None:
        if purpose in rulebook.policies.consent_required:
            return Suppress(Reason.CONSENT_MISSING)
        return Allow({"consent": "not required"})
    evidence = {"consent": state.consent_id}
    return Allow(evidence) if state.granted else Suppress(Reason.CONSENT_WITHDRAWN, evidence)
