"""People, what happened to them and what they agreed to, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dangol.model.vocabulary import Channel, ConsentAction, Purpose


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
    """One consent given or withdrawn. ``wording`` is the text the person saw; empty if nobody can show it."""

    external_id: str
    channel: Channel
    purpose: Purpose
    action: ConsentAction
    occurred_at: datetime
    source: str
    basis: str = "consent"
    wording: str = ""


@dataclass(frozen=True, slots=True)
class ConsentState:
    """What holds now for one channel and purpose, and the ledger row that proves it."""

    granted: bool
    consent_id: str
    occurred_at: datetime
