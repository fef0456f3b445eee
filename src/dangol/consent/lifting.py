"""Somebody suppresses an address by hand, or lifts what may be lifted by hand."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from dangol.consent import ledger, suppressions
from dangol.consent.recording import Yes, is_express, log_added, log_lifted, still_holds
from dangol.consent.suppressions import AddressHasher, LiftedBy, NewSuppression, Suppression, rule_of
from dangol.errors import DangolError
from dangol.ids import Entropy
from dangol.ledger.entries import Journal
from dangol.model.people import ConsentChange
from dangol.model.vocabulary import Channel, ConsentAction, ConsentStatus, Purpose, Reason, Scope, SuppressionCause
from dangol.profiles import people
from dangol.profiles.unwanted import Unwanted


class SuppressionStays(DangolError):
    """This suppression cannot be lifted by hand."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Objection:
    """That somebody wants no more on a channel, as far as ``scope`` reaches: since when, and who says so."""

    profile_id: str
    channel: Channel
    scope: Scope
    since: datetime
    source: str


def suppress(
    connection: Connection,
    told: Sequence[NewSuppression],
    reason: Reason,
    *,
    now: datetime,
    entropy: Entropy,
    journal: Journal,
    profile_id: str | None = None,
) -> list[Suppression]:
    """Suppress these addresses and enter it in the log; returns what is new."""
    added = suppressions.suppress_all(connection, told, now=now, entropy=entropy)
    for one in added:
        log_added(journal, one, reason, profile_id)
    return added


def suppress_unwanted(
    connection: Connection,
    told: Sequence[Unwanted],
    *,
    now: datetime,
    entropy: Entropy,
    hasher: AddressHasher,
    journal: Journal,
) -> int:
    """Suppress these addresses; how many were not before.

    Who said STOP withdrew consent with it: so it is recorded for everybody who has the address.
    """
    new = [
        NewSuppression(
            one.channel,
            hasher.hash(one.channel, one.address),
            one.cause.value,
            one.source,
            one.since,
            one.scope,
            one.note,
        )
        for one in told
    ]
    added = suppress(connection, new, Reason.REPORTED, now=now, entropy=entropy, journal=journal)
    ledger_rows = _withdrawals(connection, [one for one in told if one.cause is SuppressionCause.STOP])
    ledger.record(connection, ledger_rows, {change.external_id: change.external_id for change in ledger_rows}, now=now)
    return len(added)


def _withdrawals(connection: Connection, stops: Sequence[Unwanted]) -> list[ConsentChange]:
    """What is taken back by these, of all that is given or asked for; ``external_id`` is the profile's own id here."""
    found = []
    owned = {
        channel: people.holders(connection, channel, sorted({one.address for one in stops if one.channel is channel}))
        for channel in sorted({one.channel for one in stops})
    }
    # All at once and in order: locked one channel after the other, two might wait for one another.
    people.lock(connection, {id_ for owners in owned.values() for holders in owners.values() for id_ in holders})
    for channel, owners in owned.items():
        mine = [one for one in stops if one.channel is channel]
        ids_ = sorted({profile_id for holders in owners.values() for profile_id in holders})
        gone = people.erased(connection, ids_)
        held = given(connection, ids_, channel)
        for one in mine:
            scope = one.scope or rule_of(one.cause).scope
            for profile_id in owners.get(one.address, ()):
                purposes = [purpose for purpose in held[profile_id] if scope.covers(purpose)]
                if profile_id not in gone:
                    found += [_withdrawal(profile_id, purpose, one) for purpose in sorted(purposes)]
    return found


def given(connection: Connection, profile_ids: Sequence[str], channel: Channel) -> dict[str, set[Purpose]]:
    """The purposes for which these people have given consent on this channel, or have been asked to confirm it."""
    standing = (ConsentStatus.GRANTED, ConsentStatus.PENDING)
    found: dict[str, set[Purpose]] = {profile_id: set() for profile_id in profile_ids}
    for profile_id, states in ledger.states(connection, profile_ids).items():
        found[profile_id] |= {pair[1] for pair, one in states.items() if pair[0] is channel and one.status in standing}
    for profile_id, topics in ledger.topic_states(connection, profile_ids).items():
        found[profile_id] |= {
            about[1] for about, one in topics.items() if about[0] is channel and one.status in standing
        }
    return found


def withdraw(connection: Connection, told: Sequence[Objection], *, now: datetime) -> None:
    """Enter what these people take back. The caller has locked them, and none of them was erased.

    Who objects to marketing did so whether or not there was a consent to it; of other purposes only what is given, or
    asked for, is taken back, so that a later START can restore what there was and no more.
    """
    changes = []
    for channel in sorted({one.channel for one in told}):
        mine = [one for one in told if one.channel is channel]
        held = given(connection, sorted({one.profile_id for one in mine}), channel)
        for one in mine:
            purposes = {purpose for purpose in held[one.profile_id] if one.scope.covers(purpose)}
            if one.scope is Scope.MARKETING:
                purposes.add(Purpose.MARKETING)
            changes += [
                ConsentChange(
                    one.profile_id, channel, purpose, ConsentAction.WITHDRAWN, min(one.since, now), one.source
                )
                for purpose in sorted(purposes)
            ]
    ledger.record(connection, changes, {change.external_id: change.external_id for change in changes}, now=now)


def _withdrawal(profile_id: str, purpose: Purpose, one: Unwanted) -> ConsentChange:
    return ConsentChange(profile_id, one.channel, purpose, ConsentAction.WITHDRAWN, one.since, one.source)


def lift(
    connection: Connection,
    channel: Channel,
    address_hash: str,
    *,
    by: str,
    because: str,
    causes: Collection[str] = (),
    consent_id: str | None = None,
    hasher: AddressHasher,
    now: datetime,
    journal: Journal,
) -> list[Suppression]:
    """Lift what holds for this address, of these ``causes`` or all; returns what was lifted.

    Either all of it can be lifted or nothing is: raises SuppressionStays that names the rule. ``consent_id`` is the
    express consent that answers a complaint or a STOP.
    """
    held = [one for one in suppressions.active(connection, [address_hash]) if not causes or one.cause in causes]
    yes = _consent(connection, channel, address_hash, consent_id, hasher, now) if consent_id is not None else None
    for one in held:
        if LiftedBy.HAND not in rule_of(one.cause).lifted_by and (yes is None or not yes.lifts(one)):
            raise SuppressionStays(_why_it_stays(one, yes))
    why = f"{because}; consent {consent_id}" if because and consent_id else because or consent_id or ""
    suppressions.lift_these(connection, held, now=now, by=by, because=why)
    for one in held:
        evidence = {"by": by, "note": because} | ({"consent": consent_id} if consent_id else {})
        log_lifted(journal, one, Reason.CONSENT_GIVEN if consent_id else Reason.BY_HAND, None, evidence)
    return held


def _consent(
    connection: Connection,
    channel: Channel,
    address_hash: str,
    consent_id: str,
    hasher: AddressHasher,
    now: datetime,
) -> Yes:
    """The consent, if it is an express one that holds, of somebody with this address. Raises SuppressionStays."""
    found = ledger.row(connection, consent_id)
    if found is None:
        raise SuppressionStays(f"--consent: the ledger has no row {consent_id!r}; `dangol consent show` names them")
    profile_id, said = found
    if said.channel is not channel or not is_express(said.action, said.basis, said.topic, said.source):
        raise SuppressionStays(
            f"--consent: {consent_id} is no express consent for {channel.value}: it is `{said.action.value}`, basis"
            f" {said.basis!r}, for {said.channel.value}, from {said.source!r}"
        )
    person = people.load(connection, [profile_id])[profile_id]
    address = person.address(channel)
    if address is None or hasher.hash(channel, address) != address_hash:
        raise SuppressionStays(f"--consent: {consent_id} was given by somebody who does not have this address")
    held = ledger.as_of(connection, [profile_id], now)[profile_id]
    state = held.get((said.channel, said.purpose, said.topic))
    if not still_holds(state, said.action, said.occurred_at, evidence=bool(said.wording or said.proof)):
        raise SuppressionStays(f"--consent: {consent_id} does not hold any more, or there is no evidence of it")
    return Yes(consent_id, said.channel, said.purpose, said.occurred_at, said.source)


def _why_it_stays(one: Suppression, yes: Yes | None) -> str:
    since = f"{one.cause} since {one.created_at:%Y-%m-%d %H:%M} UTC"
    lifted_by = rule_of(one.cause).lifted_by
    if LiftedBy.OWN_CONSENT in lifted_by:
        return f"{since}: nobody can lift this by hand; only the person can, by a new consent in a form or on a page"
    if yes is None:
        return f"{since}: only a new express consent lifts this; name it with --consent ID (`dangol consent show`)"
    return f"{since}: the consent {yes.consent_id} is older than this, or not for marketing, and does not lift it"
