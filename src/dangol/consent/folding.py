"""What follows from the rows of the consent ledger. Pure: rows go in, states come out.

Rows count in the order in which they occurred, whenever we learnt of them. Of rows at one instant the withdrawal is
counted last and an expiry before it, so that in doubt the answer is no; of rows alike the id decides.

| action | counts | then |
|---|---|---|
| granted | always; beside a consent that is proven better or rests on more, it changes nothing | granted |
| confirmed | while a request is open, or while granted | granted |
| reconfirmed | while granted | granted; it is as fresh as this |
| imported | where nothing was said before, of the whole purpose nothing but yes | granted, but unproven |
| requested | unless an express consent is granted and proven | pending, or beside a weaker consent: both hold |
| expired | while granted | expired |
| withdrawn | always | withdrawn |
| restored | while a withdrawal of the whole purpose is the last word on it | what that ended, as it was before |

A confirmation is remembered for as long as the consent goes on without a break, beside a better consent too: it tells
that the owner of the address is the one who consents. An import and a reconfirmation are none.

A topic has a state of its own. A withdrawal of the whole purpose also ends the consents for its topics, that for the
night included: they are as if never given, and have to be given again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from dangol.model.people import ConsentState
from dangol.model.vocabulary import Basis, Channel, ConsentAction, ConsentStatus, Purpose

_ORDER = {
    action: place
    for place, action in enumerate(
        [
            ConsentAction.IMPORTED,
            ConsentAction.REQUESTED,
            ConsentAction.GRANTED,
            ConsentAction.CONFIRMED,
            ConsentAction.RECONFIRMED,
            ConsentAction.RESTORED,
            ConsentAction.EXPIRED,
            ConsentAction.WITHDRAWN,
        ]
    )
}
_STRENGTH = {Basis.WRITTEN_CONSENT.value: 3, Basis.CONSENT.value: 2, Basis.IMPORTED.value: 0}
_OTHERWISE = 1
_Pair = tuple[Channel, Purpose]
Matter = tuple[Channel, Purpose, str]
"""What a consent is about: channel, purpose and topic; the topic is empty for all that the purpose covers."""


@dataclass(frozen=True, slots=True)
class Said:
    """A row of the ledger, as far as the states depend on it. ``evidence``: there is wording or a proof."""

    id: str
    channel: Channel
    purpose: Purpose
    topic: str
    action: ConsentAction
    basis: str
    occurred_at: datetime
    evidence: bool
    jurisdiction: str

    @property
    def order(self) -> tuple[datetime, int, str]:
        return self.occurred_at, _ORDER[self.action], self.id


def fold(rows: Iterable[Said]) -> dict[Matter, ConsentState | None]:
    """What holds after all these rows of one person, by what they are about.

    None stands for a topic that was given up with the whole purpose, and for rows that say nothing by themselves,
    such as the expiry of what was never given.
    """
    return _counted(rows, {})


def fold_on(held: Mapping[Matter, ConsentState], rows: Iterable[Said]) -> dict[Matter, ConsentState | None] | None:
    """What ``fold`` says once these rows follow, each later than all from which ``held`` came.

    None if that depends on more of the past than what is held: what was ended together, and what was given up.
    """
    following = list(rows)
    if any(_looks_back(row, held) for row in following):
        return None
    return _counted(following, held)


def _looks_back(row: Said, held: Mapping[Matter, ConsentState]) -> bool:
    if row.action is ConsentAction.IMPORTED:
        return bool(row.topic) and (row.channel, row.purpose, row.topic) not in held
    return row.action is ConsentAction.RESTORED


def _counted(rows: Iterable[Said], before: Mapping[Matter, ConsentState]) -> dict[Matter, ConsentState | None]:
    states: dict[Matter, ConsentState | None] = dict(before)
    given_up: set[Matter] = set()
    taken: dict[_Pair, _Taken] = {}
    for row in sorted(rows, key=lambda row: row.order):
        matter = (row.channel, row.purpose, row.topic)
        if row.action is ConsentAction.IMPORTED and (matter in given_up or not _open_to_import(states, row)):
            states.setdefault(matter, None)
            continue
        if row.action is ConsentAction.RESTORED:
            states |= _given_back(states, row, taken.pop(matter[:2], None))
            continue
        if row.action is ConsentAction.EXPIRED and matter[:2] in taken:
            taken[matter[:2]].consents.pop(matter, None)
        if row.action is ConsentAction.WITHDRAWN and not row.topic:
            taken[matter[:2]] = _taken(states, row)
        states[matter] = _after(states.get(matter), row)
        if row.action is ConsentAction.WITHDRAWN and not row.topic:
            left = _left(states, row)
            states |= left
            given_up |= left.keys()
    return states


def holding(states: Mapping[Matter, ConsentState | None]) -> dict[Matter, ConsentState]:
    """The states that are there."""
    return {matter: state for matter, state in states.items() if state is not None}


def _open_to_import(states: Mapping[Matter, ConsentState | None], row: Said) -> bool:
    """Whether nobody said anything but yes about the whole purpose: an import must not get round a withdrawal."""
    whole = states.get((row.channel, row.purpose, ""))
    return not row.topic or whole is None or whole.granted


@dataclass(frozen=True, slots=True)
class _Taken:
    """The consents that a withdrawal of the whole purpose ended, and the row that says so."""

    by: str
    consents: dict[Matter, ConsentState]


def _taken(states: Mapping[Matter, ConsentState | None], row: Said) -> _Taken:
    pair = (row.channel, row.purpose)
    return _Taken(
        row.id,
        {matter: one for matter, one in states.items() if matter[:2] == pair and one is not None and one.granted},
    )


def _given_back(
    states: Mapping[Matter, ConsentState | None], row: Said, taken: _Taken | None
) -> dict[Matter, ConsentState | None]:
    """What a withdrawal ended, as it was: no fresher and no better proven. What was said of a topic since stays.

    Who had agreed to topics alone has still withdrawn the rest. What ran out meanwhile is not among it.
    """
    whole = (row.channel, row.purpose, "")
    last = states.get(whole)
    if taken is None or last is None or last.consent_id != taken.by:
        return {whole: last}
    return {
        matter: replace(one, occurred_at=row.occurred_at)
        for matter, one in taken.consents.items()
        if matter == whole or states.get(matter) is None
    }


def _left(states: Mapping[Matter, ConsentState | None], row: Said) -> dict[Matter, ConsentState | None]:
    """What a withdrawal of the whole purpose does to its topics.

    Consents end. Requests become refusals, so that a link that confirms one comes too late. What was refused or had
    run out by itself stays so.
    """
    topics = {
        matter: state
        for matter, state in states.items()
        if matter[:2] == (row.channel, row.purpose) and matter[2] and state is not None
    }
    given: dict[Matter, ConsentState | None] = {matter: None for matter, state in topics.items() if state.granted}
    asked = [matter for matter, state in topics.items() if state.status is ConsentStatus.PENDING]
    return given | {matter: _ended(topics[matter], row, ConsentStatus.WITHDRAWN) for matter in asked}


def _after(held: ConsentState | None, row: Said) -> ConsentState | None:
    """What holds once this row is counted too."""
    granted = held is not None and held.granted
    match row.action:
        case ConsentAction.WITHDRAWN:
            return _ended(held, row, ConsentStatus.WITHDRAWN)
        case ConsentAction.EXPIRED:
            return replace(_ended(held, row, ConsentStatus.EXPIRED), asked=_open(held)) if granted else held
        case ConsentAction.GRANTED:
            return _given(held, row)
        case ConsentAction.CONFIRMED:
            return _given(held, row) if granted or _open(held) else held
        case ConsentAction.RECONFIRMED:
            return replace(held, confirmed_at=row.occurred_at) if held is not None and granted else held
        case ConsentAction.REQUESTED:
            return _requested(held, row)
        case ConsentAction.IMPORTED:
            return held or _given(None, replace(row, basis=Basis.IMPORTED.value, evidence=False))
        case ConsentAction.RESTORED:
            return held


def _given(held: ConsentState | None, row: Said) -> ConsentState:
    """Consent from this row on. What was shown when it was asked for is evidence of what was confirmed."""
    before = held if held is not None and held.granted else None
    confirmed = row.action is ConsentAction.CONFIRMED or (before is not None and before.confirmed)
    asked = held if held is not None and held.status is ConsentStatus.PENDING else None
    still = _open(held) if row.action is not ConsentAction.CONFIRMED else ""
    proven = row.evidence or (row.action is ConsentAction.CONFIRMED and asked is not None and asked.proven)
    if before is not None and (proven, _strength(row.basis)) < (before.proven, _strength(before.basis)):
        return replace(before, confirmed=confirmed, asked=still)
    given = ConsentState(
        granted=True,
        consent_id=row.id,
        occurred_at=row.occurred_at,
        status=ConsentStatus.GRANTED,
        basis=row.basis,
        proven=proven,
        since=before.since if before is not None else row.occurred_at,
        confirmed_at=row.occurred_at,
        jurisdiction=row.jurisdiction or (held.jurisdiction if held is not None else ""),
        confirmed=confirmed,
    )
    return given if is_sound(given) else replace(given, asked=still)


def _requested(held: ConsentState | None, row: Said) -> ConsentState:
    """Asked for and not yet confirmed. A request that is made twice is the newer one, with the evidence of either.

    A no before it stands until it is confirmed. Beside a consent that rests on less, or that nobody can show, the
    request is open and the consent goes on.
    """
    if held is not None and held.granted:
        return held if is_sound(held) else replace(held, asked=row.id)
    asked = held if held is not None and held.status is ConsentStatus.PENDING else None
    refused_at = asked.refused_at if asked is not None else held.occurred_at if held is not None else None
    ended = _ended(held, row, ConsentStatus.PENDING)
    proven = row.evidence or (asked is not None and asked.proven)
    return replace(ended, proven=proven, refused_at=refused_at, asked=row.id)


def _ended(held: ConsentState | None, row: Said, status: ConsentStatus) -> ConsentState:
    return ConsentState(
        granted=False,
        consent_id=row.id,
        occurred_at=row.occurred_at,
        status=status,
        basis=row.basis,
        proven=row.evidence,
        since=None,
        confirmed_at=None,
        jurisdiction=row.jurisdiction or (held.jurisdiction if held is not None else ""),
    )


def is_sound(state: ConsentState) -> bool:
    """Whether the consent is express and proven, so that there is nothing to ask for."""
    return state.granted and state.proven and _strength(state.basis) > _OTHERWISE


def _open(held: ConsentState | None) -> str:
    return held.asked if held is not None else ""


def _strength(basis: str) -> int:
    return _STRENGTH.get(basis, _OTHERWISE)
