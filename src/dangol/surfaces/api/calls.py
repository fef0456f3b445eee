"""What a request says, as values: parsing, checking and ordering. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from dangol.errors import InvalidEvent
from dangol.model.people import IncomingEvent, ProfileChange
from dangol.profiles.shape import check_object, kind, parse_instant, shown, sub_object
from dangol.profiles.validation import parse_event, parse_profile

MAX_ITEMS = 2_500
SOURCE = "api"
SUPPORTED = frozenset({"track", "identify"})
UNSUPPORTED = frozenset({"page", "screen", "group", "alias"})
_SHARED = ("context", "integrations")

Call = IncomingEvent | ProfileChange
Places = Callable[[], Collection[str]]
"""Asked only where a call may name a place: they follow from what is in service."""


@dataclass(slots=True)
class Round:
    """Changes of profiles, then events: what may be done together."""

    changes: list[ProfileChange] = field(default_factory=list)
    events: list[IncomingEvent] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as understood: what to do, in rounds; what is passed over; what is wrong, by index."""

    rounds: Sequence[Round]
    ignored: Sequence[dict[str, Any]]
    errors: Sequence[dict[str, Any]]
    size: int


def parse_track(raw: Mapping[str, Any], *, now: datetime, sent_at: datetime | None = None) -> IncomingEvent:
    """A ``track`` call. Raises InvalidEvent."""
    return parse_event(raw, source=SOURCE, now=now, sent_at=sent_at)


def _parse(type_: str, raw: Mapping[str, Any], *, now: datetime, places: Places, sent_at: datetime | None) -> Call:
    """A ``track`` or ``identify`` call; ``places`` gives those that a profile may name. Raises InvalidEvent."""
    return parse_profile(raw, places=places()) if type_ == "identify" else parse_track(raw, now=now, sent_at=sent_at)


def parse_start(body: Mapping[str, Any], *, now: datetime) -> tuple[str, IncomingEvent]:
    """A request to start a journey: the campaign's key, and the event that the request counts as.

    It is written like a ``track`` call with ``campaign`` instead of ``event``, and needs a ``messageId``: without one
    a request that is sent again would be another. Raises InvalidEvent.
    """
    call = {name: value for name, value in body.items() if name not in {"writeKey", "campaign", "event"}}
    campaign = body.get("campaign")
    if not isinstance(campaign, str) or not campaign:
        raise InvalidEvent("invalid_campaign", f"campaign: expected a campaign's key; found {shown(campaign)}")
    if not call.get("messageId"):
        raise InvalidEvent("missing_message_id", "messageId: expected an id of this request; found none")
    return campaign, parse_event({**call, "event": campaign}, source=SOURCE, now=now)


def parse_batch(body: Mapping[str, Any], *, now: datetime, places: Places) -> Batch:
    """The calls under ``batch``, each with the batch's ``context`` and ``integrations`` merged in.

    Raises InvalidEvent if the batch as a whole makes no sense; what is wrong with one call is among ``errors``.
    """
    items = body.get("batch")
    if not isinstance(items, list):
        raise InvalidEvent("invalid_batch", f"batch: expected a list of calls; found {kind(items)}")
    if len(items) > MAX_ITEMS:
        raise InvalidEvent("too_large", f"batch: expected at most {MAX_ITEMS:,} calls; found {len(items):,}")
    shared = check_object({name: sub_object(body, name) for name in _SHARED if body.get(name) is not None})
    sent_at = parse_instant(body["sentAt"], "sentAt") if body.get("sentAt") is not None else None
    calls, known = list[Call](), cache(places)
    ignored: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for index, item in enumerate(items):
        try:
            type_ = _type(item)
            if type_ in UNSUPPORTED:
                ignored.append({"index": index, "type": type_, "message": f"dangol has no use for {type_} calls"})
            else:
                calls.append(_parse(type_, _merged(item, shared), now=now, places=known, sent_at=sent_at))
        except InvalidEvent as error:
            errors.append({"index": index, "code": error.code, "message": str(error)})
    return Batch(in_rounds(calls), ignored, errors, len(items))


def _type(item: object) -> str:
    if not isinstance(item, Mapping):
        raise InvalidEvent("not_an_object", f"expected a JSON object; found {kind(item)}")
    type_ = item.get("type")
    if not isinstance(type_, str) or type_ not in SUPPORTED | UNSUPPORTED:
        raise InvalidEvent("invalid_type", f"type: expected track or identify; found {shown(type_)}")
    return type_


def _merged(item: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    """``item`` with what the whole batch says; where both say something, the item is right."""
    return {**item, **{name: {**common, **sub_object(item, name)} for name, common in shared.items()}}


def in_rounds(calls: Sequence[Call]) -> list[Round]:
    """``calls`` in as few rounds as keep each person's calls in their order.

    Within a round changes of profiles come before events, so that a campaign which an event begins sees what was said
    before it. Only a person who is identified anew after an event needs another round; people do not wait for one
    another.
    """
    rounds: list[Round] = []
    reached: dict[str, int] = {}
    reported: set[tuple[str, int]] = set()
    for call in calls:
        person = call.external_id
        number = reached.get(person, 0)
        if isinstance(call, ProfileChange) and (person, number) in reported:
            number += 1
        reached[person] = number
        if number == len(rounds):
            rounds.append(Round())
        if isinstance(call, ProfileChange):
            rounds[number].changes.append(call)
        else:
            rounds[number].events.append(call)
            reported.add((person, number))
    return rounds


def status_of(error: InvalidEvent) -> int:
    """The HTTP status for a call that is refused."""
    return 413 if error.code == "too_large" else 400
