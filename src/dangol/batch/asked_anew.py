"""Who was erased and then filled in a form: the one message that asks whether it was them may reach the address.

An erased address gets nothing, and only a consent that its owner confirms lifts that; so the question itself must get
there. Nobody but a form can raise it: what a back end or an import says about an erased person's address counts for
nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection

from dangol.consent.confirming import asked_by_form
from dangol.model.duty import CONSENT_REQUESTED
from dangol.model.people import Event, Suppressed
from dangol.model.vocabulary import Channel, SuppressionCause

Suppressions = Mapping[str, Mapping[Channel, Suppressed]]
"""By the person's id: which of their addresses are left alone, and why."""


def asked_anew(
    connection: Connection, entered: Collection[Event], suppressed: Suppressions
) -> Mapping[str, frozenset[Channel]]:
    """By the id of the event with which a journey began: on which channel a form asks for what the message confirms.

    ``entered`` are those events. Nothing is read unless one of their people has an address that was erased.
    """
    asking = {
        event.id: str(event.properties.get("consent_id"))
        for event in entered
        if event.name == CONSENT_REQUESTED and _was_erased(suppressed.get(event.profile_id, {}))
    }
    if not asking:
        return {}
    owners = {event.id: event.profile_id for event in entered}
    rows = asked_by_form(connection, sorted(set(asking.values())))
    found = {event_id: rows[consent_id] for event_id, consent_id in asking.items() if consent_id in rows}
    return {event_id: frozenset({one.channel}) for event_id, one in found.items() if one.profile_id == owners[event_id]}


def _was_erased(suppressed: Mapping[Channel, Suppressed]) -> bool:
    return any(one.cause == SuppressionCause.ERASED for one in suppressed.values())
