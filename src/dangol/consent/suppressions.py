"""Addresses that must not be written to, known only by a keyed hash: they stay suppressed after erasure (G8)."""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from dangol import ids
from dangol.ids import Entropy
from dangol.model.people import Suppressed
from dangol.model.vocabulary import Channel, Scope
from dangol.store.bulk import among, insert_many
from dangol.store.tables import suppressions

_ADDRESS_CLASS = {Channel.EMAIL: "email", Channel.SMS: "phone", Channel.PUSH: "device"}
_ACTIVE = suppressions.c.lifted_at.is_(None)


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
            address = unicodedata.normalize("NFC", unicodedata.normalize("NFC", address.strip()).casefold())
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
) -> None:
    """Write to this address no more; nothing changes if it is suppressed for this cause already."""
    known = connection.execute(
        select(suppressions.c.id).where(
            suppressions.c.address_hash == address_hash, suppressions.c.cause == cause, _ACTIVE
        )
    ).first()
    if known is None:
        row = {
            "id": ids.opaque(now, entropy),
            "address_hash": address_hash,
            "channel": channel.value,
            "cause": cause,
            "source": source,
            "created_at": now,
        }
        insert_many(connection, suppressions, [row])


def lift(connection: Connection, *, address_hash: str, now: datetime, cause: str | None = None) -> int:
    """End the active suppressions of this address, of one ``cause`` or all; how many there were."""
    statement = suppressions.update().where(suppressions.c.address_hash == address_hash, _ACTIVE)
    if cause is not None:
        statement = statement.where(suppressions.c.cause == cause)
    return connection.execute(statement.values(lifted_at=now)).rowcount


def suppressed(connection: Connection, hashes: Sequence[str]) -> dict[str, Suppressed]:
    """Hash → why it is suppressed now; of several, the one that keeps most away, and of those the first."""
    found: dict[str, Suppressed] = {}
    for address_hash, cause, scope in connection.execute(_SUPPRESSED, {"hashes": hashes}).all():
        told = Suppressed(cause, Scope(scope))
        held = found.get(address_hash)
        # a later row is an earlier suppression
        if held is None or _WIDTH[told.scope] >= _WIDTH[held.scope]:
            found[address_hash] = told
    return found


_WIDTH = {Scope.MARKETING: 0, Scope.PROMPTED: 1, Scope.ALL: 2}
_SUPPRESSED = (
    select(suppressions.c.address_hash, suppressions.c.cause, suppressions.c.scope)
    .where(among(suppressions.c.address_hash, "hashes"), _ACTIVE)
    .order_by(suppressions.c.created_at.desc(), suppressions.c.id.desc())
)
