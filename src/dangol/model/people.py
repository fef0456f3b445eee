"""People, what happened to them and what they agreed to, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dangol.model.vocabulary import Basis, Channel, ConsentAction, ConsentStatus, Purpose, Scope


@dataclass(frozen=True, slots=True)
class Profile:
    """One customer as stored. ``id`` is ours and opaque; ``external_id`` is the backend's."""

    id: str
    external_id: str
    email: str | None
    phone: str | None
    locale: str | None
    timezone: str | None
    country: str | None
    attributes: Mapping[str, Any]
    created_at: datetime
    erased_at: datetime | None = None
    devices: tuple[str, ...] = ()

    def address(self, channel: Channel) -> str | None:
        """Where this channel reaches the person: an email address, an E.164 number or the latest device's token."""
        if channel is Channel.EMAIL:
            return self.email
        if channel is Channel.SMS:
            return self.phone
        return self.devices[0] if self.devices else None

    @property
    def addresses(self) -> list[tuple[Channel, str]]:
        """Everywhere the person can be reached, on every device."""
        known = [(Channel.EMAIL, self.email), (Channel.SMS, self.phone)]
        known += [(Channel.PUSH, token) for token in self.devices]
        return [(channel, address) for channel, address in known if address is not None]

    def fields(self) -> dict[str, Any]:
        """What expressions and templates see as ``profile``; absent values are left out.

        A standard name means the column, in memory as in SQL: an attribute of the same name does not stand in for it.
        """
        fields = dict(self.attributes)
        for name, value in (
            ("id", self.external_id),
            ("email", self.email),
            ("phone", self.phone),
            ("locale", self.locale),
            ("timezone", self.timezone),
            ("country", self.country),
            ("created_at", self.created_at),
        ):
            if value is None:
                fields.pop(name, None)
            else:
                fields[name] = value
        return fields


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """What a backend tells about a customer. None leaves a value as it is; attributes are merged, null removes."""

    external_id: str
    email: str | None = None
    phone: str | None = None
    locale: str | None = None
    timezone: str | None = None
    country: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    device_token: str | None = None
    device_platform: str = ""


@dataclass(frozen=True, slots=True)
class IncomingEvent:
    """An event as reported, checked in shape. ``message_id`` is the reporter's idempotency key.

    ``hops`` is how many ``emit`` steps led to it, one after the other.
    """

    message_id: str
    external_id: str
    name: str
    properties: Mapping[str, Any]
    occurred_at: datetime
    source: str
    hops: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """An event as stored. Events of one person are ordered by when they occurred; at one instant, what campaigns
    set off (``hops``) stands behind what set it off, and else the id decides."""

    id: str
    profile_id: str
    name: str
    properties: Mapping[str, Any]
    occurred_at: datetime
    hops: int = 0

    @property
    def order(self) -> tuple[datetime, int, str]:
        return self.occurred_at, self.hops, self.id


@dataclass(frozen=True, slots=True)
class ConsentChange:
    """One row for the consent ledger: a consent given, withdrawn, asked for, confirmed, run out.

    ``wording`` is the text the person saw; empty if nobody can show it. ``topic`` is empty for everything that the
    purpose covers, ``vocabulary.NIGHT`` for the separate consent to be written to at night. ``proof`` names where
    evidence is kept: a form and its version, a file and line, a call recording. ``ip`` and ``user_agent`` are kept
    sealed under the person's key. ``utc_offset`` is the person's clock then, in minutes east of UTC.
    """

    external_id: str
    channel: Channel
    purpose: Purpose
    action: ConsentAction
    occurred_at: datetime
    source: str
    basis: str = Basis.CONSENT.value
    wording: str = ""
    topic: str = ""
    jurisdiction: str = ""
    wording_version: str = ""
    locale: str = ""
    proof: str = ""
    utc_offset: int | None = None
    ip: str = ""
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class ConsentState:
    """What holds for one channel, purpose and topic, and the ledger row that proves it.

    ``since`` is when consent was first given without a break, ``confirmed_at`` when it was last given, confirmed or
    reconfirmed; both are None without consent. ``proven`` says whether there is evidence of it, ``confirmed`` whether
    the person answered a second message (double opt-in). ``refused_at`` is of what waits to be confirmed: when the
    person said no before, or an earlier consent ran out; None if neither. ``asked`` is the row of a request that is not
    answered yet; a consent that is weaker than what was asked for goes on holding beside it.
    """

    granted: bool
    consent_id: str
    occurred_at: datetime
    status: ConsentStatus = ConsentStatus.GRANTED
    basis: str = Basis.CONSENT.value
    proven: bool = True
    since: datetime | None = None
    confirmed_at: datetime | None = None
    jurisdiction: str = ""
    confirmed: bool = False
    refused_at: datetime | None = None
    asked: str = ""

    @property
    def says_nothing_yet(self) -> bool:
        """Asked for, and neither confirmed nor ever refused: nothing that holds besides it changes by that."""
        return self.status is ConsentStatus.PENDING and self.refused_at is None


@dataclass(frozen=True, slots=True)
class Suppressed:
    """That an address is left alone: why, and for which purposes."""

    cause: str
    scope: Scope = Scope.ALL


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a person chose for themselves beyond consents: no marketing until ``paused_until``, and at most
    ``at_most`` marketing messages in any ``per_days`` days."""

    paused_until: datetime | None = None
    at_most: int | None = None
    per_days: int = 7
