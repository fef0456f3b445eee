"""The consent ledger: all that people agreed to and took back, as rows that are never changed, and what follows.

``folding`` has the rules. They do not look at the order of arrival, so late and repeated reports lead to the same
states. ``consent_states`` holds what follows, so that the gate reads one row a question; it can be made again from
the ledger at any time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, func, select

from dangol import ids
from dangol.consent.folding import Matter, Said, fold, fold_on, holding
from dangol.errors import InvalidEvent
from dangol.ledger.entries import load_keys
from dangol.ledger.sealing import PersonKey
from dangol.model.people import ConsentChange, ConsentState
from dangol.model.vocabulary import Channel, ConsentAction, ConsentStatus, Purpose
from dangol.store.bulk import among, insert_new, upsert
from dangol.store.tables import consent_states, consents
from dangol.store.types import Instant, to_text

States = dict[str, dict[tuple[Channel, Purpose], ConsentState]]
TopicStates = dict[str, dict[Matter, ConsentState]]
_Folded = dict[Matter, ConsentState | None]
_About = tuple[str, str, str]
"""What rows belong together in the ledger: profile, channel and purpose."""
_CHANNELS = {channel.value: channel for channel in Channel}
_PURPOSES = {purpose.value: purpose for purpose in Purpose}
_ACTIONS = {action.value: action for action in ConsentAction}
_STATUSES = {status.value: status for status in ConsentStatus}


@dataclass(frozen=True, slots=True)
class Recorded:
    """A row of the ledger. ``ip`` and ``user_agent`` are None where none was told, or the person's key is gone."""

    id: str
    channel: Channel
    purpose: Purpose
    topic: str
    action: ConsentAction
    basis: str
    jurisdiction: str
    wording: str
    wording_version: str
    wording_hash: str | None
    locale: str
    source: str
    proof: str
    occurred_at: datetime
    utc_offset: int | None
    recorded_at: datetime
    ip: str | None = None
    user_agent: str | None = None


def record(
    connection: Connection,
    changes: Sequence[ConsentChange],
    profile_ids: Mapping[str, str],
    *,
    now: datetime,
) -> list[str]:
    """Write these changes and what now holds; the ids of their rows, in order. A row known already is passed over.

    The caller must hold ``people.lock`` on these people in the same transaction, so that a withdrawal is either
    seen by a send or waits for it (G3). Raises InvalidEvent, code ``consent_in_future``, before anything is written.
    """
    for change in changes:
        if change.occurred_at > now:
            raise InvalidEvent("consent_in_future", f"consent: {change.occurred_at.isoformat()} is later than now")
    keys = _keys(connection, changes, profile_ids)
    rows = [_row(change, profile_ids[change.external_id], now, keys) for change in changes]
    known = _last_said(connection, rows)
    insert_new(connection, consents, rows, conflict=["id"])
    _settle(connection, rows, known)
    return [row["id"] for row in rows]


def states(connection: Connection, profile_ids: Sequence[str]) -> States:
    """What holds for these people, by channel and purpose; an entry, maybe empty, for every person.

    A pair that is missing was never asked for: that is no consent. Consents for a topic are not among these.
    """
    found: States = {profile_id: {} for profile_id in profile_ids}
    for row in connection.execute(_GENERAL, {"ids": profile_ids}).all():
        found[row[0]][_CHANNELS[row[1]], _PURPOSES[row[2]]] = _state(row)
    return found


def topic_states(connection: Connection, profile_ids: Sequence[str]) -> TopicStates:
    """What holds for these people about single topics, the night among them; an entry for every person."""
    found: TopicStates = {profile_id: {} for profile_id in profile_ids}
    for row in connection.execute(_TOPICS, {"ids": profile_ids}).all():
        found[row[0]][_CHANNELS[row[1]], _PURPOSES[row[2]], row[3]] = _state(row)
    return found


def refused(connection: Connection, profile_id: str, channel: Channel, purpose: Purpose) -> bool:
    """Whether a person has withdrawn the whole purpose on this channel and has asked for none of its topics since.

    If not, saying so says something new: it ends what is pending and what was agreed to for a topic alone.
    """
    whole = states(connection, [profile_id])[profile_id].get((channel, purpose))
    if whole is None or whole.status is not ConsentStatus.WITHDRAWN:
        return False
    topics = topic_states(connection, [profile_id])[profile_id]
    standing = (ConsentStatus.GRANTED, ConsentStatus.PENDING)
    return not any(about[:2] == (channel, purpose) and one.status in standing for about, one in topics.items())


def as_of(
    connection: Connection, profile_ids: Sequence[str], instant: datetime, known_at: datetime | None = None
) -> TopicStates:
    """What held at ``instant``, by channel, purpose and topic (empty for all of the purpose).

    Everything that had occurred by then counts, even if we learnt of it later. With ``known_at`` only that counts
    which was recorded by then: what the sender could know.
    """
    told = {"ids": profile_ids, "instant": instant}
    rows = connection.execute(_UNTIL if known_at is None else _KNOWN, told | ({"known": known_at} if known_at else {}))
    said = _by_person(rows.all())
    return {profile_id: holding(fold(said.get(profile_id, ()))) for profile_id in profile_ids}


def pasts(connection: Connection, profile_ids: Sequence[str]) -> dict[str, list[Said]]:
    """All that these people said, as far as states depend on it; an entry, maybe empty, for every person."""
    said = _by_person(connection.execute(_ALL, {"ids": profile_ids}).all()) if profile_ids else {}
    return {profile_id: said.get(profile_id, []) for profile_id in profile_ids}


def history(connection: Connection, profile_id: str) -> list[Recorded]:
    """Every row about this person, in the order in which things occurred."""
    key = load_keys(connection, [profile_id]).get(profile_id)
    rows = connection.execute(_HISTORY, {"profile_id": profile_id}).mappings().all()
    return [_recorded(row, key) for row in rows]


def row(connection: Connection, consent_id: str) -> tuple[str, Recorded] | None:
    """Whom a row is about, by profile id, and what it says; None if there is no such row."""
    found = connection.execute(_ONE, {"id": consent_id}).mappings().one_or_none()
    if found is None:
        return None
    told = dict(found)
    profile_id = told.pop("profile_id")
    return profile_id, _recorded(told, load_keys(connection, [profile_id]).get(profile_id))


def _row(change: ConsentChange, profile_id: str, now: datetime, keys: Mapping[str, PersonKey]) -> dict[str, Any]:
    """The ledger row; its id is a function of all that was said, so the same statement is the same row."""
    said = {
        "profile_id": profile_id,
        "channel": change.channel.value,
        "purpose": change.purpose.value,
        "action": change.action.value,
        "basis": change.basis,
        "source": change.source,
        "wording": change.wording,
    }
    added = {
        "topic": change.topic,
        "jurisdiction": change.jurisdiction,
        "wording_version": change.wording_version,
        "locale": change.locale,
        "proof": change.proof,
    }
    # Only what is there takes part, so that rows of the release before, which knew none of it, keep their ids. Where
    # a request came from takes no part either: an id must not let anybody guess it.
    more = [f"{name}={value}" for name, value in added.items() if value]
    consent_id = ids.derive(change.occurred_at, "consent", to_text(change.occurred_at), *said.values(), *more)
    key = keys.get(profile_id)
    whence = {name: value for name, value in (("ip", change.ip), ("user_agent", change.user_agent)) if value}
    return {
        "id": consent_id,
        **said,
        **added,
        "wording_hash": hashlib.sha256(change.wording.encode()).hexdigest() if change.wording else None,
        "utc_offset": change.utc_offset,
        "sealed": key.seal(consent_id, whence) if key is not None and whence else None,
        "occurred_at": change.occurred_at,
        "recorded_at": now,
    }


def _keys(
    connection: Connection, changes: Sequence[ConsentChange], profile_ids: Mapping[str, str]
) -> Mapping[str, PersonKey]:
    """The keys of those about whom there is something to seal."""
    wanted = {profile_ids[change.external_id] for change in changes if change.ip or change.user_agent}
    return load_keys(connection, sorted(wanted)) if wanted else {}


def _last_said(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> Mapping[_About, datetime]:
    """When the latest row occurred about what these people have states of; a seek in the index each."""
    if not rows:
        return {}
    found = connection.execute(_LAST_SAID, {"ids": sorted({row["profile_id"] for row in rows})}).all()
    return {(row.profile_id, row.channel, row.purpose): row.at for row in found if row.at is not None}


def _settle(connection: Connection, rows: Sequence[Mapping[str, Any]], known: Mapping[_About, datetime]) -> None:
    """Write the states that follow from these rows.

    Rows that are later than all that was ``known`` go on from the states there are, however long their past is. For
    others, and for those that look back, the past of what they are about is folded anew. Consents for a purpose on
    one channel depend on no others.
    """
    new: dict[_About, dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        new.setdefault((row["profile_id"], row["channel"], row["purpose"]), {})[row["id"]] = row
    later = {
        about: [_said(row) for row in of.values()]
        for about, of in new.items()
        if about in known and all(row["occurred_at"] > known[about] for row in of.values())
    }
    folded = _folded_on(connection, later)
    folded |= _folded(connection, new.keys() - folded.keys())
    kept, gone = [], []
    for (profile_id, _channel, _purpose), states in sorted(folded.items()):
        for matter, state in sorted(states.items(), key=lambda pair: pair[0]):
            key = _key(profile_id, matter)
            if state is None:
                gone.append({f"of_{name}": value for name, value in key.items()})
            else:
                kept.append(key | _values(state))
    upsert(connection, consent_states, kept, key=_KEY, update=_VALUES)
    if gone:
        connection.execute(_FORGET, gone)


def _folded_on(connection: Connection, later: Mapping[_About, Sequence[Said]]) -> dict[_About, _Folded]:
    """What holds after these rows, as far as the states there are tell."""
    if not later:
        return {}
    held: dict[_About, dict[Matter, ConsentState]] = {about: {} for about in later}
    for row in connection.execute(_STATES, {"ids": sorted({about[0] for about in later})}).all():
        if row[:3] in held:
            held[row[0], row[1], row[2]][_CHANNELS[row[1]], _PURPOSES[row[2]], row[3]] = _state(row)
    found = {about: fold_on(held[about], rows) for about, rows in later.items()}
    return {
        about: {matter: state for matter, state in states.items() if held[about].get(matter) != state}
        for about, states in found.items()
        if states is not None
    }


def _folded(connection: Connection, about: Collection[_About]) -> dict[_About, _Folded]:
    """What holds by all that was ever said about these."""
    if not about:
        return {}
    asked = {
        "ids": sorted({profile_id for profile_id, _, _ in about}),
        "channels": sorted({channel for _, channel, _ in about}),
        "purposes": sorted({purpose for _, _, purpose in about}),
    }
    found: dict[_About, list[Said]] = {one: [] for one in about}
    for profile_id, said in _by_person(connection.execute(_ABOUT, asked)).items():
        for one in said:
            key = profile_id, one.channel.value, one.purpose.value
            if key in found:
                found[key].append(one)
    return {key: fold(said) for key, said in found.items()}


def _said(row: Mapping[str, Any]) -> Said:
    """A row that is being written, as far as states depend on it."""
    return Said(
        row["id"],
        _CHANNELS[row["channel"]],
        _PURPOSES[row["purpose"]],
        row["topic"],
        _ACTIONS[row["action"]],
        row["basis"],
        row["occurred_at"],
        bool(row["wording"] or row["proof"]),
        row["jurisdiction"],
    )


def _by_person(rows: Iterable[Any]) -> dict[str, list[Said]]:
    people: dict[str, list[Said]] = {}
    for profile_id, id_, channel, purpose, topic, action, basis, occurred_at, worded, proof, jurisdiction in rows:
        said = Said(
            id_,
            _CHANNELS[channel],
            _PURPOSES[purpose],
            topic,
            _ACTIONS[action],
            basis,
            occurred_at,
            bool(worded or proof),
            jurisdiction,
        )
        people.setdefault(profile_id, []).append(said)
    return people


def _key(profile_id: str, matter: Matter) -> dict[str, str]:
    channel, purpose, topic = matter
    return {"profile_id": profile_id, "channel": channel.value, "purpose": purpose.value, "topic": topic}


def _values(state: ConsentState) -> dict[str, Any]:
    return {
        "granted": state.granted,
        "consent_id": state.consent_id,
        "occurred_at": state.occurred_at,
        "status": state.status.value,
        "basis": state.basis,
        "proven": state.proven,
        "since": state.since,
        "confirmed_at": state.confirmed_at,
        "jurisdiction": state.jurisdiction,
        "confirmed": state.confirmed,
        "refused_at": state.refused_at,
        "asked": state.asked,
    }


def _state(row: Any) -> ConsentState:
    (
        _profile,
        _channel,
        _purpose,
        _topic,
        granted,
        consent_id,
        occurred_at,
        status,
        basis,
        proven,
        since,
        confirmed_at,
        place,
        confirmed,
        refused_at,
        asked,
    ) = row
    # Rows that were written beside the ledger, by the release before or by a simulation, say no more than `granted`.
    told = _STATUSES[status] if granted or status != ConsentStatus.GRANTED else ConsentStatus.WITHDRAWN
    return ConsentState(
        granted,
        consent_id,
        occurred_at,
        told,
        basis,
        proven,
        since,
        confirmed_at,
        place,
        confirmed=confirmed,
        refused_at=refused_at,
        asked=asked,
    )


def _recorded(row: Mapping[Any, Any], key: PersonKey | None) -> Recorded:
    told = dict(row)
    sealed = told.pop("sealed")
    whence = key.open(told["id"], sealed) if key is not None and sealed is not None else {}
    words = {
        "channel": _CHANNELS[told["channel"]],
        "purpose": _PURPOSES[told["purpose"]],
        "action": _ACTIONS[told["action"]],
    }
    return Recorded(**told | words, ip=whence.get("ip"), user_agent=whence.get("user_agent"))


_KEY = ("profile_id", "channel", "purpose", "topic")
_VALUES = (
    "granted",
    "consent_id",
    "occurred_at",
    "status",
    "basis",
    "proven",
    "since",
    "confirmed_at",
    "jurisdiction",
    "confirmed",
    "refused_at",
    "asked",
)
_STATES = select(*(consent_states.c[name] for name in (*_KEY, *_VALUES))).where(
    among(consent_states.c.profile_id, "ids")
)
_GENERAL = _STATES.where(consent_states.c.topic == "")
_TOPICS = _STATES.where(consent_states.c.topic != "")
_ALL = select(
    consents.c.profile_id,
    consents.c.id,
    consents.c.channel,
    consents.c.purpose,
    consents.c.topic,
    consents.c.action,
    consents.c.basis,
    consents.c.occurred_at,
    (consents.c.wording != "").label("worded"),  # the wording itself may be long
    consents.c.proof,
    consents.c.jurisdiction,
).where(among(consents.c.profile_id, "ids"))
_ABOUT = _ALL.where(among(consents.c.channel, "channels"), among(consents.c.purpose, "purposes"))
_WITH_STATES = (
    select(consent_states.c.profile_id, consent_states.c.channel, consent_states.c.purpose)
    .where(among(consent_states.c.profile_id, "ids"))
    .distinct()
    .subquery("known")
)
_LAST_SAID = select(
    *_WITH_STATES.c,
    select(func.max(consents.c.occurred_at))
    .where(*(consents.c[name] == _WITH_STATES.c[name] for name in ("profile_id", "channel", "purpose")))
    .scalar_subquery()
    .label("at"),
)
_UNTIL = _ALL.where(consents.c.occurred_at <= bindparam("instant", type_=Instant))
_KNOWN = _UNTIL.where(consents.c.recorded_at <= bindparam("known", type_=Instant))
_ROW = select(
    *(consents.c[name] for name in Recorded.__dataclass_fields__ if name not in ("ip", "user_agent")),
    consents.c.sealed,
)
_ONE = _ROW.add_columns(consents.c.profile_id).where(consents.c.id == bindparam("id"))
_HISTORY = _ROW.where(consents.c.profile_id == bindparam("profile_id")).order_by(consents.c.occurred_at, consents.c.id)
_FORGET = delete(consent_states).where(and_(*(consent_states.c[name] == bindparam(f"of_{name}") for name in _KEY)))
