"""Who the customers are: one row a person, known to the back end by ``external_id`` and to us by an opaque id.

Every function takes a connection that is in a transaction and works on a whole batch. Where both are needed, people
are resolved first and locked after: each goes through rows in one fixed order, so transactions cannot wait for one
another in a circle.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CompoundSelect, Connection, Select, bindparam, delete, select, union_all

from dangol import ids
from dangol.ids import Entropy
from dangol.model.people import Profile, ProfileChange
from dangol.model.vocabulary import Channel
from dangol.profiles.aliases import aliases, make_alias
from dangol.profiles.contact import fold_email
from dangol.store.bulk import among, insert_many, insert_new, upsert
from dangol.store.spelling import beyond_ascii, lowered
from dangol.store.tables import devices, events, profile_keys, profiles, rejected_events

_KEY_BYTES = 64
_FIELDS = ("email", "phone", "locale", "timezone", "country")
_PROFILES = select(
    profiles.c.id,
    profiles.c.external_id,
    profiles.c.email,
    profiles.c.phone,
    profiles.c.locale,
    profiles.c.timezone,
    profiles.c.country,
    profiles.c.attributes,
    profiles.c.created_at,
    profiles.c.erased_at,
).where(among(profiles.c.id, "ids"))
_DEVICES = (
    select(devices.c.profile_id, devices.c.token)
    .where(among(devices.c.profile_id, "ids"))
    .order_by(devices.c.last_seen_at.desc(), devices.c.id)
)
_KNOWN = select(profiles.c.external_id, profiles.c.id).where(among(profiles.c.external_id, "external_ids"))
_ERASED = select(profiles.c.id).where(among(profiles.c.id, "ids"), profiles.c.erased_at.is_not(None))
_THESE = select(profiles.c.id).where(among(profiles.c.id, "ids")).order_by(profiles.c.id)
_LOCK = _THESE.with_for_update(key_share=True)
_LOCK_FREE = _THESE.with_for_update(key_share=True, skip_locked=True)
_UPDATE = (
    profiles.update()
    .where(profiles.c.id == bindparam("of_id"))
    .values({name: bindparam(name) for name in (*_FIELDS, "attributes", "updated_at")})
)
_UPDATE_ATTRIBUTES = (
    profiles.update()
    .where(profiles.c.id == bindparam("of_id"))
    .values({name: bindparam(name) for name in ("attributes", "updated_at")})
)


def lock(connection: Connection, profile_ids: Iterable[str]) -> None:
    """Hold these people until the transaction ends: caps and consents are decided under this per-customer lock.

    On SQLite the writing transaction is alone anyway. ``NO KEY`` still lets others insert events that refer to the
    person, and keeps out every other holder of this lock, every update and every delete.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK, {"ids": sorted(set(profile_ids))}).all()


def lock_free(connection: Connection, profile_ids: Iterable[str]) -> set[str]:
    """As ``lock``, but nobody is waited for: those of these people whom no other transaction holds."""
    wanted = sorted(set(profile_ids))
    if connection.dialect.name != "postgresql":
        return set(wanted)
    return set(connection.execute(_LOCK_FREE, {"ids": wanted}).scalars())


def load(connection: Connection, profile_ids: Sequence[str]) -> dict[str, Profile]:
    """These people by id, erased ones too, each with the device tokens seen latest first. Unknown ids are left out."""
    tokens: dict[str, tuple[str, ...]] = {}
    for owner, token in connection.execute(_DEVICES, {"ids": profile_ids}).all():
        tokens[owner] = (*tokens.get(owner, ()), token)
    rows = connection.execute(_PROFILES, {"ids": profile_ids}).all()
    return {
        id_: Profile(id_, external, email, phone, locale, zone, country, attributes, created, gone, tokens.get(id_, ()))
        for id_, external, email, phone, locale, zone, country, attributes, created, gone in rows
    }


def find(connection: Connection, external_ids: Sequence[str]) -> dict[str, str]:
    """``external_id`` → id of those we know, and of those who were erased under that id."""
    known = _known(connection, external_ids)
    if len(known) < len(set(external_ids)):
        gone = aliases(connection, set(external_ids) - known.keys())
        known |= {gone[alias]: profile_id for alias, profile_id in _known(connection, list(gone)).items()}
    return known


def _known(connection: Connection, external_ids: Sequence[str]) -> dict[str, str]:
    rows = connection.execute(_KNOWN, {"external_ids": external_ids}) if external_ids else ()
    return {row.external_id: row.id for row in rows}


def holders(connection: Connection, channel: Channel, addresses: Sequence[str]) -> dict[str, list[str]]:
    """Address → ids of those who have it on this channel: one, a whole household, or nobody and then no entry.

    Emails are the same in whatever case and spelling of their characters, as they are for suppressions.
    """
    asked: dict[str, list[str]] = {}
    for address in dict.fromkeys(addresses):
        asked.setdefault(_one_spelling(channel, address), []).append(address)
    found: dict[str, set[str]] = {}
    for stored, profile_id in connection.execute(_HOLDERS[channel], {"addresses": list(asked)}).all():
        for address in asked.get(_one_spelling(channel, stored), ()):
            found.setdefault(address, set()).add(profile_id)
    return {address: sorted(ids_) for address, ids_ in found.items()}


def _one_spelling(channel: Channel, address: str) -> str:
    return fold_email(address) if channel is Channel.EMAIL else address


_HOLDERS: Mapping[Channel, Select[Any] | CompoundSelect[Any]] = {
    # what the database cannot fold as we do is few, and is compared here
    Channel.EMAIL: union_all(
        select(profiles.c.email, profiles.c.id).where(among(lowered(profiles.c.email), "addresses")),
        select(profiles.c.email, profiles.c.id).where(beyond_ascii(profiles.c.email)),
    ),
    Channel.SMS: select(profiles.c.phone, profiles.c.id).where(among(profiles.c.phone, "addresses")),
    Channel.PUSH: select(devices.c.token, devices.c.profile_id).where(among(devices.c.token, "addresses")),
}


def resolve(connection: Connection, external_ids: Sequence[str], *, now: datetime, entropy: Entropy) -> dict[str, str]:
    """``external_id`` → id; people nobody told us about yet get a bare profile and their key.

    Two transactions may meet the same new person: one creates the profile, the other waits for it and uses it.
    """
    known = find(connection, external_ids)
    unknown = sorted(set(external_ids) - known.keys())
    if not unknown:
        return known
    made = {external_id: ids.opaque(now, entropy) for external_id in unknown}
    insert_new(
        connection,
        profiles,
        [
            {
                "id": profile_id,
                "external_id": external_id,
                "attributes": {},
                "created_at": now,
                "updated_at": now,
            }
            for external_id, profile_id in made.items()
        ],
        conflict=["external_id"],
    )
    found = find(connection, unknown)
    ours = [made[external_id] for external_id in unknown if found[external_id] == made[external_id]]
    insert_many(
        connection,
        profile_keys,
        [{"profile_id": profile_id, "key": entropy.bytes(_KEY_BYTES)} for profile_id in ours],
    )
    return known | found


def identify(
    connection: Connection, changes: Sequence[ProfileChange], *, now: datetime, entropy: Entropy
) -> dict[str, str]:
    """Create or update people; ``external_id`` → id.

    Changes of one person are applied in the given order. What is the same as before is not written. A device token
    belongs to the person who showed it last. Erased people are not brought back: they are missing from the answer.
    """
    found = resolve(connection, [change.external_id for change in changes], now=now, entropy=entropy)
    lock(connection, found.values())
    before = load(connection, list(found.values()))
    living = {external_id: id_ for external_id, id_ in found.items() if before[id_].erased_at is None}
    accepted = [change for change in changes if change.external_id in living]
    after = {id_: before[id_] for id_ in living.values()}
    for change in accepted:
        profile_id = living[change.external_id]
        after[profile_id] = _apply(after[profile_id], change)
    changed = [profile for id_, profile in sorted(after.items()) if _written(profile) != _written(before[id_])]
    if changed:
        connection.execute(_UPDATE, [_row(profile, now) for profile in changed])
    _see_devices(connection, accepted, living, now)
    return living


def forget_devices(connection: Connection, tokens: Sequence[str]) -> set[str]:
    """Forget devices whose tokens are dead; returns those that were known. The caller has locked their owners."""
    known = set(connection.execute(_KNOWN_TOKENS, {"tokens": tokens}).scalars()) if tokens else set()
    if known:
        connection.execute(_FORGET_TOKENS, {"tokens": sorted(known)})
    return known


def set_attributes(connection: Connection, changed: Mapping[str, Mapping[str, Any]], *, now: datetime) -> None:
    """Write these people's attributes, each as a whole; the caller has locked and read them."""
    if changed:
        rows = [{"of_id": id_, "attributes": dict(all_), "updated_at": now} for id_, all_ in sorted(changed.items())]
        connection.execute(_UPDATE_ATTRIBUTES, rows)


def forget(connection: Connection, profile: Profile, *, now: datetime, entropy: Entropy) -> int:
    """Delete all that is known of a person and destroy their key; how many events went with it. The caller has locked
    them.

    What stays is a row without data under an alias: whoever reports the same id again is told that it was erased.
    """
    mine = {"of": profile.id}
    gone = connection.execute(_FORGET_EVENTS, mine).rowcount
    connection.execute(_FORGET_DEVICES, mine)
    connection.execute(_FORGET_KEY, mine)
    _forget_reports(connection, profile)
    blank: dict[str, Any] = dict.fromkeys(_FIELDS)
    blank |= {"external_id": make_alias(connection, profile.external_id, entropy), "attributes": {}}
    blank |= {"updated_at": now, "erased_at": now}
    connection.execute(profiles.update().where(profiles.c.id == profile.id).values(blank))
    return gone


def _forget_reports(connection: Connection, profile: Profile) -> None:
    """Delete reports that were refused and name this person, somewhere in what came."""
    named = (json.dumps(profile.external_id, ensure_ascii=False), profile.email, profile.phone)
    for name in filter(None, named):
        connection.execute(delete(rejected_events).where(rejected_events.c.payload.contains(name, autoescape=True)))


_FORGET_EVENTS = delete(events).where(events.c.profile_id == bindparam("of"))
_FORGET_DEVICES = delete(devices).where(devices.c.profile_id == bindparam("of"))
_KNOWN_TOKENS = select(devices.c.token).where(among(devices.c.token, "tokens"))
_FORGET_TOKENS = delete(devices).where(among(devices.c.token, "tokens"))
_FORGET_KEY = delete(profile_keys).where(profile_keys.c.profile_id == bindparam("of"))


def erased(connection: Connection, profile_ids: Sequence[str]) -> frozenset[str]:
    """Which of these people were erased: nothing new may be stored about them."""
    return frozenset(connection.execute(_ERASED, {"ids": profile_ids}).scalars())


def _apply(profile: Profile, change: ProfileChange) -> Profile:
    told = {name: value for name in _FIELDS if (value := getattr(change, name)) is not None}
    merged = {**profile.attributes, **change.attributes}
    return replace(profile, attributes={name: value for name, value in merged.items() if value is not None}, **told)


def _written(profile: Profile) -> tuple[object, ...]:
    """What tells two states of a person apart; as JSON, because to Python 1 and true are equal."""
    return (*(getattr(profile, name) for name in _FIELDS), json.dumps(profile.attributes, sort_keys=True))


def _row(profile: Profile, now: datetime) -> dict[str, Any]:
    fields = {name: getattr(profile, name) for name in _FIELDS}
    return {"of_id": profile.id, "attributes": dict(profile.attributes), "updated_at": now, **fields}


def _see_devices(
    connection: Connection, changes: Sequence[ProfileChange], owners: Mapping[str, str], now: datetime
) -> None:
    seen = {
        change.device_token: {
            "id": ids.derive(now, "device", change.device_token),
            "profile_id": owners[change.external_id],
            "token": change.device_token,
            "platform": change.device_platform,
            # a microsecond apart, so that of two devices in one batch the later one is the latest
            "last_seen_at": now + timedelta(microseconds=position),
        }
        for position, change in enumerate(changes)
        if change.device_token
    }
    upsert(
        connection,
        devices,
        [seen[token] for token in sorted(seen)],
        key=["token"],
        update=["profile_id", "platform", "last_seen_at"],
    )
