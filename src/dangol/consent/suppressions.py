"""Addresses that must not be written to, known only by a keyed hash: they stay suppressed after erasure (G8).

A suppression binds everybody who has the address. ``RULES`` says how far each cause reaches and what lifts it;
docs/consent.md tells the same to people.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, bindparam, select, update

from dangol import ids
from dangol.ids import Entropy
from dangol.model.people import Suppressed
from dangol.model.vocabulary import Channel, Scope, SuppressionCause
from dangol.profiles.contact import fold_email
from dangol.store.bulk import among, insert_many
from dangol.store.tables import suppressions
from dangol.store.types import Instant

_ADDRESS_CLASS = {Channel.EMAIL: "email", Channel.SMS: "phone", Channel.PUSH: "device"}
_ACTIVE = suppressions.c.lifted_at.is_(None)
_WIDTH = {Scope.MARKETING: 0, Scope.PROMPTED: 1, Scope.ALL: 2}


class LiftedBy(StrEnum):
    """What can end a suppression."""

    HAND = "hand"
    EXPRESS_CONSENT = "express_consent"
    OWN_CONSENT = "own_consent"
    START = "start"


@dataclass(frozen=True, slots=True)
class Rule:
    """How far a suppression reaches unless it says otherwise, and what lifts it.

    ``EXPRESS_CONSENT``: one given later, with evidence, and not brought in by an import. ``OWN_CONSENT``: one such that
    the person gave themself, in a form or on a page. ``HAND``: somebody's word is enough; who wants to lift another
    by hand names the consent that does.
    """

    scope: Scope
    lifted_by: frozenset[LiftedBy]


_BY_HAND = frozenset({LiftedBy.HAND})
RULES: Mapping[SuppressionCause, Rule] = {
    SuppressionCause.HARD_BOUNCE: Rule(Scope.ALL, _BY_HAND | {LiftedBy.EXPRESS_CONSENT}),
    SuppressionCause.SOFT_BOUNCE: Rule(Scope.ALL, _BY_HAND | {LiftedBy.EXPRESS_CONSENT}),
    SuppressionCause.COMPLAINT: Rule(Scope.PROMPTED, frozenset({LiftedBy.EXPRESS_CONSENT})),
    SuppressionCause.STOP: Rule(Scope.PROMPTED, frozenset({LiftedBy.EXPRESS_CONSENT, LiftedBy.START})),
    SuppressionCause.MANUAL: Rule(Scope.ALL, _BY_HAND),
    SuppressionCause.ERASED: Rule(Scope.ALL, frozenset({LiftedBy.OWN_CONSENT})),
    SuppressionCause.ROLE: Rule(Scope.ALL, _BY_HAND),
    SuppressionCause.INVALID: Rule(Scope.ALL, _BY_HAND),
}


def rule_of(cause: str) -> Rule:
    """The rule for a cause; one that this release does not know keeps everything away, and only a hand lifts it."""
    try:
        return RULES[SuppressionCause(cause)]
    except ValueError:
        return Rule(Scope.ALL, _BY_HAND)


@dataclass(frozen=True, slots=True)
class NewSuppression:
    """An address that is to be left alone. ``since`` is when that began, ``scope`` None for what the cause asks."""

    channel: Channel
    address_hash: str
    cause: str
    source: str
    since: datetime
    scope: Scope | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Suppression:
    """A suppression as stored; lifted ones stay on record."""

    id: str
    address_hash: str
    channel: str
    cause: str
    scope: str
    source: str
    note: str
    created_at: datetime
    lifted_at: datetime | None
    lifted_by: str | None
    lifted_because: str | None


class AddressHasher:
    """Turns an address into its keyed hash; whoever lacks the secret cannot tell which address it was."""

    def __init__(self, secret: bytes) -> None:
        if not secret:
            raise ValueError("the secret that keys address hashes is empty")
        self._secret = secret

    def hash(self, channel: Channel, address: str) -> str:
        """HMAC-SHA256 in 64 hex digits over the kind of address and its one spelling.

        Email is folded in case, in the local part too: in doubt, more is suppressed. Phones are E.164.
        """
        if channel is Channel.EMAIL:
            address = fold_email(address)
        named = f"{_ADDRESS_CLASS[channel]}\x1f{address}"
        return hmac.digest(self._secret, named.encode(), "sha256").hex()


def suppress(
    connection: Connection,
    *,
    channel: Channel,
    address_hash: str,
    cause: str,
    source: str,
    now: datetime,
    entropy: Entropy,
    scope: Scope | None = None,
    note: str = "",
) -> Suppression | None:
    """Write to this address no more; None, and nothing changes, if that is so for this cause already."""
    told = NewSuppression(channel, address_hash, cause, source, now, scope, note)
    return next(iter(suppress_all(connection, [told], now=now, entropy=entropy)), None)


def suppress_all(
    connection: Connection, told: Sequence[NewSuppression], *, now: datetime, entropy: Entropy
) -> list[Suppression]:
    """Write to none of these addresses; returns what is new.

    What reaches no further than is known is passed over, and so is what was known at that instant and lifted since:
    a list that is read again does not bring it back.
    """
    widths: dict[tuple[str, str], int] = {}
    before = set()
    for one in _all_of(connection, [one.address_hash for one in told]):
        place = (one.address_hash, one.cause)
        before.add((*place, one.scope, one.created_at))
        if one.lifted_at is None:
            widths[place] = max(widths.get(place, -1), _WIDTH[Scope(one.scope)])
    added = []
    for new in told:
        scope, place = new.scope or rule_of(new.cause).scope, (new.address_hash, new.cause)
        if _WIDTH[scope] > widths.get(place, -1) and (*place, scope.value, new.since) not in before:
            widths[place] = _WIDTH[scope]
            added.append(_made(new, scope, ids.opaque(now, entropy)))
    insert_many(connection, suppressions, [{name: getattr(one, name) for name in _WRITTEN} for one in added])
    return added


def _made(new: NewSuppression, scope: Scope, id_: str) -> Suppression:
    return Suppression(
        id_,
        new.address_hash,
        new.channel.value,
        new.cause,
        scope.value,
        new.source,
        new.note,
        new.since,
        None,
        None,
        None,
    )


def active(connection: Connection, hashes: Sequence[str]) -> list[Suppression]:
    """The suppressions of these addresses that hold, the first first."""
    return [Suppression(*row) for row in connection.execute(_ACTIVE_OF, {"hashes": hashes}).all()]


def record_of(connection: Connection, address_hash: str) -> list[Suppression]:
    """Every suppression that this address ever had, the first first."""
    return _all_of(connection, [address_hash])


def _all_of(connection: Connection, hashes: Sequence[str]) -> list[Suppression]:
    return [Suppression(*row) for row in connection.execute(_ALL_OF, {"hashes": hashes}).all()]


def lift(
    connection: Connection,
    *,
    address_hash: str,
    now: datetime,
    cause: str | None = None,
    by: str = "",
    because: str = "",
) -> int:
    """End the active suppressions of this address, of one ``cause`` or all; how many there were.

    Whether they may be lifted is the caller's to ask (``rule_of``).
    """
    held = active(connection, [address_hash])
    return lift_these(connection, [one for one in held if cause in (None, one.cause)], now=now, by=by, because=because)


def lift_these(
    connection: Connection, held: Sequence[Suppression], *, now: datetime, by: str = "", because: str = ""
) -> int:
    """End these suppressions; how many of them still held."""
    told = {"ids": [one.id for one in held], "at": now, "by": by or None, "because": because or None}
    return connection.execute(_LIFT, told).rowcount if held else 0


def suppressed(connection: Connection, hashes: Sequence[str]) -> dict[str, Suppressed]:
    """Hash → why it is suppressed now; of several, the one that keeps most away, and of those the first.

    An erasure is told only where nothing else keeps as much away: it lets one question through, the others none.
    """
    found: dict[str, Suppressed] = {}
    for address_hash, cause, scope in connection.execute(_SUPPRESSED, {"hashes": hashes}).all():
        told = Suppressed(cause, Scope(scope))
        held = found.get(address_hash)
        # a later row is an earlier suppression
        if held is None or _weight(told) >= _weight(held):
            found[address_hash] = told
    return found


def _weight(held: Suppressed) -> tuple[int, bool]:
    return _WIDTH[held.scope], held.cause != SuppressionCause.ERASED


_SUPPRESSED = (
    select(suppressions.c.address_hash, suppressions.c.cause, suppressions.c.scope)
    .where(among(suppressions.c.address_hash, "hashes"), _ACTIVE)
    .order_by(suppressions.c.created_at.desc(), suppressions.c.id.desc())
)
_WRITTEN = ("id", "address_hash", "channel", "cause", "scope", "source", "note", "created_at")
_ALL_OF = (
    select(*(suppressions.c[name] for name in Suppression.__dataclass_fields__))
    .where(among(suppressions.c.address_hash, "hashes"))
    .order_by(suppressions.c.created_at, suppressions.c.id)
)
_ACTIVE_OF = _ALL_OF.where(_ACTIVE)
_LIFT = (
    update(suppressions)
    .where(among(suppressions.c.id, "ids"), _ACTIVE)
    .values(lifted_at=bindparam("at", type_=Instant), lifted_by=bindparam("by"), lifted_because=bindparam("because"))
)
