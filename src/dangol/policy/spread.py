"""Not everybody at once: what waits for a quiet window to end goes out over some time after it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta

from dangol.model.facts import Allow, Defer, Facts
from dangol.model.vocabulary import Channel, Reason
from dangol.policy.quiet_hours import quiet_hours
from dangol.policy.rules import Rulebook


def spread(verdict: Defer, facts: Facts, channel: Channel, rulebook: Rulebook) -> Defer:
    """The same verdict with an instant of the journey's own after the window's end.

    All messages of one journey get the same share of the time, so their order stays; it is a hash, never a new draw.
    It never goes past the next quiet window, nor past the message's expiry.
    """
    length, message = rulebook.policies.spread, facts.message
    if length is None or verdict.reason is not Reason.QUIET_HOURS:
        return verdict
    opened = quiet_hours(replace(facts, now=verdict.until), channel, rulebook)
    if not isinstance(opened, Allow):
        return verdict
    ends = [end - verdict.until for end in (opened.until, message.expires_at) if end is not None]
    room = min([length, *ends])
    until = verdict.until + place_in(room, message.journey_id or message.id)
    evidence = {**verdict.evidence, "until": until.isoformat(), "opens": verdict.until.isoformat()}
    return replace(verdict, until=until, evidence=evidence)


def place_in(length: timedelta, name: str) -> timedelta:
    """After how many whole seconds of ``length`` it is the turn of what has this name."""
    return timedelta(seconds=int(length.total_seconds() * share(name)))


def share(name: str) -> float:
    """The place of what has this name, a journey for example, in the time over which things are spread: from 0 to below
    1, uniform, always the same."""
    digest = hashlib.blake2b(f"spread\x1f{name}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53
