"""``POST /v1/consents`` and ``GET /v1/consents``: what people agree to, told and asked by back ends.

docs/consent.md is the manual. 200 means committed, and a withdrawal that is committed binds every worker.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dangol.bootstrap import Dangol
from dangol.consent import ledger
from dangol.consent.folding import Matter
from dangol.errors import InvalidEvent, UnknownProfile
from dangol.model.duty import CONSENT_REQUESTED
from dangol.model.people import ConsentChange, ConsentState, IncomingEvent
from dangol.profiles import people
from dangol.profiles.shape import check_object, kind, shown
from dangol.profiles.validation import MAX_SOURCE, parse_consent
from dangol.surfaces import inquiry
from dangol.surfaces.api.body import Refused
from dangol.surfaces.api.calls import MAX_ITEMS, SOURCE

FIELDS = {
    "userId": "userId",
    "anonymousId": "anonymousId",
    "channel": "channel",
    "purpose": "purpose",
    "topic": "topic",
    "action": "action",
    "occurredAt": "occurred_at",
    "basis": "basis",
    "jurisdiction": "jurisdiction",
    "wording": "wording",
    "wordingVersion": "wording_version",
    "locale": "locale",
    "proof": "proof",
    "source": "source",
    "ip": "ip",
    "userAgent": "user_agent",
}
"""What a consent is told with, and what the ledger calls it."""
_SHARED = frozenset({"writeKey", "batch"})
Answer = dict[str, Any]


class Consents:
    """What the endpoints do once a request has been read. Raises InvalidEvent, Refused and StoreUnavailable."""

    def __init__(self, dangol: Dangol) -> None:
        self._dangol = dangol

    def record(self, body: Mapping[str, Any]) -> Answer:
        """Record one consent, or those under ``batch``: those that are right, then refuse the request if there were
        others, naming each."""
        items = body.get("batch")
        if items is None:
            one = self._parse(
                {name: value for name, value in body.items() if name not in _SHARED}, self._dangol.known_places()
            )
            return {"success": True, **self._committed([one])[0]}
        if not isinstance(items, list):
            raise InvalidEvent("invalid_batch", f"batch: expected a list of consents; found {kind(items)}")
        if len(items) > MAX_ITEMS:
            raise InvalidEvent("too_large", f"batch: expected at most {MAX_ITEMS:,} consents; found {len(items):,}")
        good, errors = self._parse_all(items)
        told = self._committed(good)
        if errors:
            message = f"{len(errors):,} of {len(items):,} consents were refused; the others are committed"
            raise Refused(400, "invalid_consents", message, details={"errors": errors})
        return {"success": True, "consents": told}

    def states(self, user_id: str | None) -> Answer:
        """What holds for a customer. Raises Refused: 400 without an id, 404 if there is no such customer, 410 for one
        who was erased."""
        if not user_id:
            raise Refused(400, "missing_user", "expected userId in the query; found none")
        with self._dangol.database.read() as tx:
            try:
                person = inquiry.find_person(tx, user_id)
            except UnknownProfile as error:
                raise Refused(404, "unknown_user", str(error)) from None
            if person.erased_at is not None:
                raise Refused(410, "erased", f"the profile {user_id!r} was erased")
            held = ledger.as_of(tx, [person.id], self._dangol.clock.now())[person.id]
        return {"userId": user_id, "consents": [_state(matter, state) for matter, state in sorted(held.items())]}

    def _parse_all(self, items: Sequence[object]) -> tuple[list[ConsentChange], list[Answer]]:
        good, errors, places = [], [], self._dangol.known_places()
        for index, item in enumerate(items):
            try:
                good.append(self._parse(check_object(item), places))
            except InvalidEvent as error:
                errors.append({"index": index, "code": error.code, "message": str(error)})
        return good, errors

    def _parse(self, raw: Mapping[str, Any], places: Collection[str]) -> ConsentChange:
        unknown = next((name for name in raw if name not in FIELDS), None)
        if unknown is not None:
            raise InvalidEvent("unknown_field", f"unknown field {shown(unknown)}; expected {', '.join(FIELDS)}")
        now = self._dangol.clock.now()
        said = {FIELDS[name]: value for name, value in raw.items()}
        try:
            change = parse_consent({"occurred_at": now.isoformat()} | said, source="", now=now, places=places)
        except InvalidEvent as error:
            raise InvalidEvent(error.code, _in_their_words(str(error))) from None
        # Marked for good: only our own forms and pages can say that a person told us there.
        told = f"{SOURCE}:{change.source}" if change.source else SOURCE
        return replace(change, source=told[:MAX_SOURCE])

    def _committed(self, changes: Sequence[ConsentChange]) -> list[Answer]:
        """Record these; what became of each, in order. Nothing new is stored about people who were erased."""
        told = []
        size = self._dangol.pipeline.batch_size
        for some in (changes[start : start + size] for start in range(0, len(changes), size)):
            written = iter(self._dangol.pipeline.record_consents(some))
            with self._dangol.database.read() as tx:
                owners = people.find(tx, [change.external_id for change in some])
                gone = people.erased(tx, list(owners.values()))
                held = ledger.as_of(tx, sorted(set(owners.values())), self._dangol.clock.now())
            asked = []
            for change in some:
                owner, about = owners[change.external_id], (change.channel, change.purpose, change.topic)
                consent_id = next(written, None) if owner not in gone else None
                if consent_id is None:
                    told.append({"consent": None, "ignored": "erased"})
                    continue
                state = held[owner].get(about)
                told.append({"consent": consent_id, "status": state.status.value if state else None})
                if state is not None and state.asked == consent_id:
                    asked.append(_request(change, consent_id))
            if asked:
                self._dangol.pipeline.ingest(asked)
        return told


def _request(change: ConsentChange, consent_id: str) -> IncomingEvent:
    """The event that lets a campaign send the link which confirms this; told twice, it is one."""
    properties = {
        "channel": change.channel.value,
        "purpose": change.purpose.value,
        "topic": change.topic,
        "consent_id": consent_id,
    }
    return IncomingEvent(
        f"consent:{consent_id}", change.external_id, CONSENT_REQUESTED, properties, change.occurred_at, SOURCE
    )


def _in_their_words(message: str) -> str:
    """The message, with the names that the request has."""
    for theirs, ours in FIELDS.items():
        if message.startswith(f"{ours}:"):
            return f"{theirs}{message.removeprefix(ours)}"
    return message


def _state(matter: Matter, state: ConsentState) -> Answer:
    channel, purpose, topic = matter
    return {
        "channel": channel.value,
        "purpose": purpose.value,
        "topic": topic or None,
        "status": state.status.value,
        "basis": state.basis,
        "proven": state.proven,
        "since": state.since.isoformat() if state.since else None,
        "doubleOptIn": state.confirmed,
        "asked": state.asked or None,
        "confirmedAt": state.confirmed_at.isoformat() if state.confirmed_at else None,
        "occurredAt": state.occurred_at.isoformat(),
        "jurisdiction": state.jurisdiction or None,
        "consent": state.consent_id,
    }
