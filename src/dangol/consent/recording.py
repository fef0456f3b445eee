"""Recording what people agree to, with all that follows: an express consent lifts what may be lifted by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from dangol.consent import ledger, suppressions
from dangol.consent.suppressions import AddressHasher, LiftedBy, Suppression, rule_of
from dangol.ledger.entries import Journal, Subject
from dangol.model.people import ConsentChange, ConsentState
from dangol.model.vocabulary import NIGHT, Basis, Channel, ConsentAction, Decision, Purpose, Reason, SuppressionCause
from dangol.profiles import people

IMPORT = "import"
FORM = "form"
_OWN = frozenset({FORM, "page"})
_EXPRESS = frozenset({Basis.CONSENT.value, Basis.WRITTEN_CONSENT.value})
_OBJECTIONS = frozenset({SuppressionCause.COMPLAINT, SuppressionCause.STOP})


@dataclass(frozen=True, slots=True)
class Yes:
    """An express consent that holds: the row that says so, what it is for, and when and by which way it was given."""

    consent_id: str
    channel: Channel
    purpose: Purpose
    occurred_at: datetime
    source: str

    def lifts(self, held: Suppression) -> bool:
        """Whether this consent ends that suppression.

        Who complained or said STOP did so about what they are prompted with, so a yes to anything but marketing does
        not answer it.
        """
        if held.created_at >= self.occurred_at or held.channel != self.channel.value:
            return False
        if held.cause in _OBJECTIONS and self.purpose is not Purpose.MARKETING:
            return False
        allowed = rule_of(held.cause).lifted_by
        return LiftedBy.EXPRESS_CONSENT in allowed or (LiftedBy.OWN_CONSENT in allowed and kind(self.source) in _OWN)


def kind(source: str) -> str:
    """The kind of a source: what stands before its first colon, as in ``form:newsletter`` or ``import:old.csv:12``."""
    return source.partition(":")[0]


def record(
    connection: Connection,
    changes: Sequence[ConsentChange],
    profile_ids: Mapping[str, str],
    *,
    now: datetime,
    hasher: AddressHasher,
    journal: Journal,
) -> list[str]:
    """``ledger.record``; then suppressions end that these consents answer. The caller writes the journal."""
    written = ledger.record(connection, changes, profile_ids, now=now)
    asked = [
        (profile_ids[change.external_id], change, consent_id)
        for change, consent_id in zip(changes, written, strict=True)
        if is_express(change.action, change.basis, change.topic, change.source)
    ]
    if asked:
        _lift(connection, _holding(connection, asked), now=now, hasher=hasher, journal=journal)
    return written


def is_express(action: ConsentAction, basis: str, topic: str, source: str) -> bool:
    """Whether a row of the ledger says an express yes. A consent for the night is none to be written to at all."""
    given = action in (ConsentAction.GRANTED, ConsentAction.CONFIRMED)
    return given and basis in _EXPRESS and topic != NIGHT and kind(source) != IMPORT


def still_holds(state: ConsentState | None, action: ConsentAction, occurred_at: datetime, *, evidence: bool) -> bool:
    """Whether a yes of that instant holds now and there is evidence of it.

    A late report of what was withdrawn since changes nothing. What was confirmed is shown by what was asked for.
    """
    if state is None or not state.granted or state.since is None or state.since > occurred_at:
        return False
    return evidence or (action is ConsentAction.CONFIRMED and state.proven)


def _holding(connection: Connection, asked: Sequence[tuple[str, ConsentChange, str]]) -> list[tuple[str, Yes]]:
    owners = sorted({profile_id for profile_id, _, _ in asked})
    general, topics = ledger.states(connection, owners), ledger.topic_states(connection, owners)
    found = []
    for profile_id, change, consent_id in asked:
        pair = (change.channel, change.purpose)
        state = topics[profile_id].get((*pair, change.topic)) if change.topic else general[profile_id].get(pair)
        evidence = bool(change.wording or change.proof)
        if still_holds(state, change.action, change.occurred_at, evidence=evidence):
            found.append((profile_id, Yes(consent_id, *pair, change.occurred_at, change.source)))
    return found


def _lift(
    connection: Connection,
    consents: Sequence[tuple[str, Yes]],
    *,
    now: datetime,
    hasher: AddressHasher,
    journal: Journal,
) -> None:
    persons = people.load(connection, sorted({profile_id for profile_id, _ in consents}))
    hashes = {
        (profile_id, yes.channel): hasher.hash(yes.channel, address)
        for profile_id, yes in consents
        if (address := persons[profile_id].address(yes.channel)) is not None
    }
    held = suppressions.active(connection, sorted(set(hashes.values()))) if hashes else []
    for profile_id, yes in consents:
        mine = hashes.get((profile_id, yes.channel))
        ended = [one for one in held if one.address_hash == mine and yes.lifts(one)]
        suppressions.lift_these(connection, ended, now=now, by=yes.source, because=yes.consent_id)
        held = [one for one in held if one not in ended]
        for one in ended:
            log_lifted(journal, one, Reason.CONSENT_GIVEN, profile_id, {"consent": yes.consent_id, "by": yes.source})


def log_added(journal: Journal, one: Suppression, reason: Reason, profile_id: str | None = None) -> None:
    """Enter that an address is left alone from now on; the entry does not tell which."""
    evidence = {"suppression": one.id, "cause": one.cause, "scope": one.scope, "source": one.source}
    _log(journal, Decision.SUPPRESSION_ADDED, one, reason, profile_id, evidence)


def log_lifted(
    journal: Journal, one: Suppression, reason: Reason, profile_id: str | None, why: Mapping[str, str]
) -> None:
    """Enter that an address may be written to again, as far as this suppression goes."""
    evidence = {"suppression": one.id, "cause": one.cause, "scope": one.scope, **why}
    _log(journal, Decision.SUPPRESSION_LIFTED, one, reason, profile_id, evidence)


def _log(
    journal: Journal,
    decision: Decision,
    one: Suppression,
    reason: Reason,
    profile_id: str | None,
    evidence: Mapping[str, str],
) -> None:
    subject = Subject(profile_id=profile_id, occasion=one.id)
    journal.add(decision, reason, subject, channel=Channel(one.channel), evidence=evidence)
