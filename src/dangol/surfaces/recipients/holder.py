"""Whose link a path holds: in which language its holder is to be spoken to, where the page itself does not know."""

from __future__ import annotations

from sqlalchemy import Connection

from dangol.bootstrap import Dangol
from dangol.consent import confirming
from dangol.consent.links import CONFIRM, KEEP, LEAVE, PREFERENCES, UnknownLink
from dangol.errors import StoreUnavailable
from dangol.profiles import people


def locale_of(tx: Connection, profile_id: str) -> str | None:
    """The person's own locale; None if it is not known, or they were erased."""
    person = people.load(tx, [profile_id]).get(profile_id)
    return person.locale if person is not None and person.erased_at is None else None


def locale_at(dangol: Dangol, path: str) -> str | None:
    """The locale of whoever the link in ``path`` was made for; None if it is no link, or the database is away."""
    _, kind, token, *_ = [*path.split("/"), "", ""]
    try:
        if f"/{kind}/" == LEAVE:
            return dangol.links.read_leave(token, dangol.clock.now()).locale or None
        with dangol.database.read() as tx:
            profile_id = _holder(dangol, tx, f"/{kind}/", token)
            return locale_of(tx, profile_id) if profile_id is not None else None
    except (UnknownLink, StoreUnavailable):
        return None


def _holder(dangol: Dangol, tx: Connection, kind: str, token: str) -> str | None:
    links, now = dangol.links, dangol.clock.now()
    if kind == PREFERENCES:
        return links.read_preferences(token, now).profile_id
    if kind == KEEP:
        return links.read_keep(token, now)
    if kind == CONFIRM:
        asked = confirming.asked_for(tx, links.read_confirmation(token, now).consent_id)
        return asked[0].profile_id if asked else None
    return None
