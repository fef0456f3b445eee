"""What carriers' refusals teach: addresses that are dead, devices that are gone, people who have opted out there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from dangol.consent import lifting
from dangol.consent.suppressions import AddressHasher, NewSuppression
from dangol.ids import Entropy
from dangol.ledger.entries import Journal, Subject
from dangol.model.vocabulary import Channel, Decision, Reason, RefusalCause, Scope, SuppressionCause
from dangol.profiles import people
from dangol.profiles.unwanted import Unwanted

TEACHING = frozenset({RefusalCause.OPTED_OUT, RefusalCause.DEAD_ADDRESS, RefusalCause.DEAD_TOKEN})


@dataclass(frozen=True, slots=True)
class Lesson:
    """A refusal that says something about an address: whose, by whom, how far an opt-out reaches (``scope``)."""

    cause: RefusalCause
    channel: Channel
    address: str
    profile_id: str
    provider: str
    scope: Scope

    @property
    def source(self) -> str:
        """As a STOP by message has it, so that a START takes back what this did."""
        return f"{self.channel.value}:{self.provider}"


def learn(
    connection: Connection,
    lessons: Sequence[Lesson],
    *,
    now: datetime,
    entropy: Entropy,
    hasher: AddressHasher,
    journal: Journal,
) -> None:
    """Keep to what was said, from now on: suppress dead addresses, forget dead devices, withdraw for who opted out.

    People are locked here, so this comes before the caller touches their rows; the caller writes the journal.
    """
    if not lessons:
        return
    opted_out, dead, gone = (
        [one for one in lessons if one.cause is cause]
        for cause in (RefusalCause.OPTED_OUT, RefusalCause.DEAD_ADDRESS, RefusalCause.DEAD_TOKEN)
    )
    _lock(connection, opted_out, gone)
    bounced = [
        NewSuppression(
            one.channel,
            hasher.hash(one.channel, one.address),
            SuppressionCause.HARD_BOUNCE.value,
            one.source,
            now,
        )
        for one in dead
    ]
    lifting.suppress(connection, bounced, Reason.REPORTED, now=now, entropy=entropy, journal=journal)
    stopped = [
        Unwanted(one.channel, one.address, SuppressionCause.STOP, one.source, now, one.scope) for one in opted_out
    ]
    lifting.suppress_unwanted(connection, stopped, now=now, entropy=entropy, hasher=hasher, journal=journal)
    _forget_devices(connection, gone, journal)


def _lock(connection: Connection, opted_out: Sequence[Lesson], gone: Sequence[Lesson]) -> None:
    """All whose rows will change, at once: locked one after the other, two might wait for one another."""
    concerned = {one.profile_id for one in gone}
    for channel in sorted({one.channel for one in opted_out}):
        addresses = sorted({one.address for one in opted_out if one.channel is channel})
        for owners in people.holders(connection, channel, addresses).values():
            concerned.update(owners)
    people.lock(connection, concerned)


def _forget_devices(connection: Connection, gone: Sequence[Lesson], journal: Journal) -> None:
    forgotten = people.forget_devices(connection, [one.address for one in gone])
    for one in gone:
        if one.address in forgotten:
            forgotten.discard(one.address)
            journal.add(
                Decision.PROFILE_CHANGED,
                Reason.REPORTED,
                Subject(profile_id=one.profile_id),
                channel=one.channel,
                evidence={"devices": "one forgotten", "provider": one.provider},
            )
