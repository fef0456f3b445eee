"""What one delivery does to messages: before the provider is called, and after it answered."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection

from dangol.batch.carriers import Trial
from dangol.batch.changes import row_subject
from dangol.batch.digests import Digest, Member
from dangol.batch.evidence import SETTLED
from dangol.batch.facts import OVERTAKEN, Briefing, Claimed, PersonalLinks
from dangol.batch.learning import TEACHING, Lesson, learn
from dangol.batch.personal_links import links_for
from dangol.batch.texts import Said
from dangol.batch.turns import Turns
from dangol.batch.warming import WarmingUp, give_back
from dangol.consent.links import Leave, Links
from dangol.consent.suppressions import AddressHasher
from dangol.content.carriers import LONGEST_TTL
from dangol.delivery.dispatch import Handed
from dangol.ids import Entropy
from dangol.ledger.entries import Journal, Subject
from dangol.model.facts import Allow, Defer, Evidence, Ruling, Suppress
from dangol.model.message import Accepted, Envelope, Outcome, Refused, Rendered, Unknown
from dangol.model.vocabulary import Channel, Decision, MessageState, Purpose, Reason
from dangol.policy.warm_up import Place
from dangol.store import messages as message_rows

_log = structlog.get_logger(__name__)
_FINAL_STATES: Mapping[Reason, tuple[MessageState, Decision]] = {
    Reason.EXPIRED: (MessageState.EXPIRED, Decision.MESSAGE_EXPIRED),
    **dict.fromkeys(
        map(Reason, OVERTAKEN - {Reason.PROFILE_ERASED.value}), (MessageState.CANCELLED, Decision.MESSAGE_CANCELLED)
    ),
}
_MAX_DETAIL = 500
_SUPPRESSED = (MessageState.SUPPRESSED, Decision.MESSAGE_SUPPRESSED)
_MERGED = (MessageState.SUPPRESSED, Reason.MERGED)
_LONGEST_PAUSE = timedelta(days=1)
_LONGEST_ASKED = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A message whose hand-over has begun and is on record."""

    claimed: Claimed
    subject: Subject
    envelope: Envelope
    attempt: int
    merged: tuple[Claimed, ...] = ()
    """Messages that it carries beside its own."""
    places: tuple[Place, ...] = ()
    """What it was counted under because its sender is new."""


class Handover:
    """The decisions about one batch of messages, written in bulk before anything leaves the house.

    ``following`` are messages left alone until the outcome of an earlier one of their journey is known.
    """

    def __init__(
        self,
        briefing: Briefing,
        lease_until: datetime,
        links: Links,
        *,
        warming: WarmingUp,
        turns: Turns,
        trial: Trial,
    ) -> None:
        self.warming = warming
        self._briefing = briefing
        self._now = briefing.now
        self._lease_until = lease_until
        self._to_pages = links
        self.turns = turns
        self.trial = trial
        self._journal = Journal(briefing.now)
        self._changed: dict[tuple[Any, ...], list[str]] = {}
        self._slots: list[dict[str, Any]] = []
        self.decided: set[str] = set()
        self.under_way: list[UnderWay] = []
        self.following: list[str] = []

    def begin(
        self,
        claimed: Claimed,
        ruling: Ruling,
        allowed: Allow,
        said: Said,
        digest: Digest | None = None,
    ) -> None:
        """The message will be handed over: put text and evidence on record, reserve its slot, make its envelope.

        With a ``digest`` it carries the others of it, and ``said`` is left unsaid. If this raises, nothing was done.
        """
        evidence, until = allowed.evidence, allowed.until
        if digest is not None:
            said, until = digest.said, _sooner(until, digest.until)
            evidence = {**evidence, "digest": digest.key, "merged": [one.claimed.row.id for one in digest.members]}
        rendered, not_after = _time_to_live(said.rendered, self._now, until, self._lease_until)
        if rendered.notes:
            evidence = {**evidence, "text": dict(rendered.notes)}
        row, channel = claimed.row, ruling.channel
        address = self._briefing.profiles[row.profile_id].address(channel) or ""
        subject = row_subject(row)
        written = len(self._journal)
        self._note_passed_over(subject, ruling)
        self._journal.add(Decision.MESSAGE_SENDING, Reason.ALLOWED, subject, channel=channel, evidence=evidence)
        try:
            key = self._briefing.keys[row.profile_id]
            self._journal.attach(
                key,
                address=address,
                rendered=rendered,
                context=said.context,
                jurisdictions=said.jurisdictions,
                shortened=rendered.ttl != said.rendered.ttl,
            )
        except Exception:
            self._journal.forget_after(written)
            raise
        self._change(row.id, MessageState.SENDING, Reason.ALLOWED, channel=channel, lease_until=self._lease_until)
        self._slots.append(slot_row(claimed, channel, self._now))
        self._briefing.take_slot(claimed, channel)
        envelope = Envelope(
            message_id=row.id,
            channel=channel,
            to=address,
            sender=claimed.release.messages.sender(channel, rendered.locale),
            rendered=rendered,
            headers=self._headers(claimed, channel),
            not_after=not_after,
            until=until,
            receipt=self._to_pages.receipt(row.id) if channel is Channel.PUSH else "",
        )
        members = digest.members if digest is not None else ()
        for member in members:
            self._merge(member, row.id)
        self.under_way.append(
            UnderWay(
                claimed,
                subject,
                envelope,
                row.attempt + 1,
                tuple(one.claimed for one in members),
                self.warming.take(claimed, channel),
            )
        )

    def _merge(self, member: Member, into: str) -> None:
        """The message goes out in the email of another one: it takes no slot, and nothing of its own is handed over."""
        subject, verdict = row_subject(member.claimed.row), member.ruling.verdict
        looked_at = verdict.evidence if isinstance(verdict, Allow) else {}
        self._note_passed_over(subject, member.ruling)
        self._journal.add(
            Decision.MESSAGE_SUPPRESSED,
            Reason.MERGED,
            subject,
            channel=member.ruling.channel,
            evidence={**looked_at, "into": into},
        )
        self._change(member.claimed.row.id, *_MERGED, channel=member.ruling.channel)
        self._briefing.leaves(member.claimed)

    def _headers(self, claimed: Claimed, channel: Channel) -> dict[str, str]:
        """How to leave, for mail programs to offer: by mail, and in one click if recipients can reach us (RFC 8058)."""
        headers = claimed.release.messages.headers(channel)
        by_mail = headers.get("List-Unsubscribe")
        if by_mail is None:
            return headers
        leave = Leave(claimed.row.profile_id, channel, claimed.candidate.purpose, claimed.row.id, self._locale(claimed))
        url = self._to_pages.leave(leave, self._now)
        if url is None:
            return headers
        one_click = {"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
        return {**headers, "List-Unsubscribe": f"<{url}>, {by_mail}", **one_click}

    def links(self, claimed: Claimed, channel: Channel) -> PersonalLinks:
        """What makes the links that a message's text may hold; see docs/messages.md."""
        recipient = self._briefing.profiles[claimed.row.profile_id]
        return partial(links_for, self._to_pages, claimed, recipient, channel, self._now)

    def _locale(self, claimed: Claimed) -> str:
        return self._briefing.profiles[claimed.row.profile_id].locale or ""

    def defer(self, claimed: Claimed, ruling: Ruling, verdict: Defer) -> None:
        """The message waits; waiting is an entry in the log, not silence."""
        subject = row_subject(claimed.row)
        self._note_passed_over(subject, ruling)
        self._journal.add(
            Decision.MESSAGE_DEFERRED, verdict.reason, subject, channel=ruling.channel, evidence=verdict.evidence
        )
        self._change(claimed.row.id, MessageState.PLANNED, verdict.reason, due_at=verdict.until)
        self._briefing.put_off(claimed, verdict.until)

    def hold(self, claimed: Claimed, reason: Reason) -> None:
        """The message waits until somebody resumes its campaign or journey."""
        self._journal.add(Decision.MESSAGE_HELD, reason, row_subject(claimed.row))
        self._change(claimed.row.id, MessageState.HELD, reason)
        self._briefing.leaves(claimed)

    def refuse(self, claimed: Claimed, ruling: Ruling, verdict: Suppress) -> None:
        """The message will never be sent."""
        state, decision = _FINAL_STATES.get(verdict.reason, _SUPPRESSED)
        subject = row_subject(claimed.row)
        self._note_passed_over(subject, ruling)
        self._journal.add(decision, verdict.reason, subject, channel=ruling.channel, evidence=verdict.evidence)
        self._change(claimed.row.id, state, verdict.reason, channel=ruling.channel)
        self._briefing.leaves(claimed)

    def give_up(self, claimed: Claimed, error: Exception) -> None:
        """Something about this message broke our own code: in doubt it is not sent, and somebody should look."""
        place = traceback.extract_tb(error.__traceback__)[-1]
        at = f"{Path(place.filename).name}:{place.lineno}"
        _log.error(
            "a message could not be decided",
            campaign=claimed.candidate.campaign,
            message_id=claimed.row.id,
            error=type(error).__name__,
            at=at,
        )
        failed = Suppress(Reason.GATE_FAILED, {"error": type(error).__name__, "at": at}, final=True)
        self.refuse(claimed, Ruling(failed, claimed.candidate.channels[0]), failed)

    def _note_passed_over(self, subject: Subject, ruling: Ruling) -> None:
        for channel, verdict in ruling.passed_over:
            self._journal.add(
                Decision.MESSAGE_REROUTED, verdict.reason, subject, channel=channel, evidence=verdict.evidence
            )

    def transactional(self) -> set[str]:
        """Those of the messages under way that somebody waits for."""
        return {
            item.envelope.message_id
            for item in self.under_way
            if item.claimed.candidate.purpose is Purpose.TRANSACTIONAL
        }

    def _change(
        self,
        message_id: str,
        state: MessageState,
        reason: Reason,
        *,
        channel: Channel | None = None,
        due_at: datetime | None = None,
        lease_until: datetime | None = None,
    ) -> None:
        self._changed.setdefault((state, reason, channel, due_at, lease_until), []).append(message_id)
        self.decided.add(message_id)

    def write(self, connection: Connection) -> None:
        """Write states, slots and log in a handful of statements, however large the batch."""
        for (state, reason, channel, due_at, lease_until), message_ids in self._changed.items():
            values: dict[str, Any] = {
                "state": state.value,
                "reason": reason.value,
                "lease_until": lease_until,
                "updated_at": self._now,
            }
            if channel is not None:
                values["channel"] = channel.value
            if due_at is not None:
                values["due_at"] = due_at
            if state is MessageState.SENDING:
                values["attempt"] = message_rows.ONE_MORE_ATTEMPT
            message_rows.change(connection, message_ids, **values)
        message_rows.reserve(connection, self._slots)
        self.turns.write(connection, self._now)
        self.warming.write(connection)
        self.trial.write(connection, {item.envelope.message_id for item in self.under_way})
        self._journal.write(connection)


def _time_to_live(
    rendered: Rendered, now: datetime, until: datetime | None, lease_until: datetime
) -> tuple[Rendered, datetime]:
    """A message that is allowed until then as its carrier may keep it, and when its hand-over must have begun.

    A carrier may hold a push back for a device that is out of reach, and deliver it at night. So it is told to drop it
    before the end, even if the hand-over begins at the last moment: in whole seconds, and half of what little is left.
    """
    not_after = lease_until if until is None else min(until, lease_until)
    if rendered.channel is not Channel.PUSH or until is None:
        return rendered, not_after
    not_after = min(lease_until, now + (until - now) / 2)
    left = timedelta(seconds=(until - not_after) // timedelta(seconds=1))
    return replace(rendered, ttl=min(LONGEST_TTL if rendered.ttl is None else rendered.ttl, left)), not_after


def _sooner(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((end for end in (one, other) if end is not None), default=None)


def slot_row(claimed: Claimed, channel: Channel, now: datetime) -> dict[str, Any]:
    """The slot of a message whose hand-over began at ``now``."""
    candidate, row = claimed.candidate, claimed.row
    return {
        "message_id": row.id,
        "profile_id": row.profile_id,
        "campaign_key": candidate.campaign,
        "stage": candidate.stage,
        "channel": channel.value,
        "purpose": candidate.purpose.value,
        "tags": list(candidate.tags),
        "priority": candidate.priority,
        "reserved_at": now,
        "topic": candidate.topic,
    }


@dataclass(frozen=True, slots=True)
class Patience:
    """How transient refusals are retried."""

    max_attempts: int
    first_pause: timedelta

    def pause(self, attempt: int, asked: timedelta | None) -> timedelta:
        """The pause before the next attempt: doubling, a day at most, never less than the provider asked for,
        up to a week."""
        asked = min(asked, _LONGEST_ASKED) if asked is not None else None
        doubled = min(min(self.first_pause, _LONGEST_PAUSE) * (1 << min(attempt - 1, 20)), _LONGEST_PAUSE)
        return max(doubled, asked) if asked is not None else doubled


def settle(
    connection: Connection,
    answered: Sequence[tuple[UnderWay, Handed]],
    now: datetime,
    patience: Patience,
    *,
    entropy: Entropy,
    hasher: AddressHasher,
) -> None:
    """Write what came of each hand-over, and whose answer it is.

    Only a definite refusal gives the slot back and may lead to another attempt; doubt leaves both as they are, unless
    the policies say that what nobody can tell does not count. What a refusal says about an address is learned here, so
    that it is on record with the outcome. What a digest carried is tried again with it: the gate is asked about each of
    its messages anew. So it is about a message that goes on by its next channel.

    An answer may come after its lease has ended. Where a report has settled the message by then it is no news; and what
    was given up as ``unknown`` goes on by no other channel, whatever is said of it later.
    """
    journal, rows, released, places = Journal(now), [], [], list[Place]()
    learn(connection, _lessons(answered), now=now, entropy=entropy, hasher=hasher, journal=journal)
    states = message_rows.states(connection, [item.envelope.message_id for item, _ in answered])
    for item, handed in answered:
        state_before = states.get(item.envelope.message_id)
        if state_before in SETTLED:
            continue
        outcome, provider = handed.outcome, handed.provider
        goes_on = state_before == MessageState.SENDING and _is_about_the_address(outcome)
        left = _next_channels(item.claimed, item.envelope.channel) if goes_on else ()
        state, decision, reason, due_at, evidence = _judge(outcome, item, now, patience, left)
        journal.add(
            decision,
            reason,
            item.subject,
            channel=item.envelope.channel,
            evidence={"provider": provider, "attempt": item.attempt, **_tried(handed), **evidence},
            occasion=str(item.attempt),
        )
        uncounted = isinstance(outcome, Unknown) and not item.claimed.release.policies.count_unknown
        if isinstance(outcome, Refused) or uncounted:
            released.append(item.envelope.message_id)
        if isinstance(outcome, Refused):
            places += item.places
        row = {
            "id": item.envelope.message_id,
            "state": state.value,
            "reason": reason.value,
            "due_at": due_at or item.claimed.row.due_at,
            "lease_until": None,
            "provider": provider,
            "provider_reference": _storable(outcome.reference, 200) if isinstance(outcome, Accepted) else None,
            "updated_at": now,
            "refused": _refused(item.claimed, item.envelope.channel, rerouted=decision is Decision.MESSAGE_REROUTED),
        }
        rows += [row, *_carried(item, row, evidence, journal, go_on=goes_on)]
    message_rows.change_each(connection, rows)
    message_rows.release(connection, released)
    give_back(connection, places)
    journal.write(connection)


def _carried(
    item: UnderWay, row: Mapping[str, Any], evidence: Evidence, journal: Journal, *, go_on: bool
) -> Iterator[dict[str, Any]]:
    """What becomes of the messages that a digest carried: tried again with it, or each by its own next channel."""
    into, email = item.envelope.message_id, item.envelope.channel
    for member in item.merged:
        if row["reason"] == Reason.PROVIDER_BUSY:
            told = {"into": into, "until": evidence["until"]}
            journal.add(
                Decision.MESSAGE_RETRIED, Reason.PROVIDER_BUSY, row_subject(member.row), channel=email, evidence=told
            )
            yield {**row, "id": member.row.id, "refused": member.row.refused}
        elif go_on and (left := _next_channels(member, email)):
            told = {"into": into, "channels": ",".join(left)}
            journal.add(
                Decision.MESSAGE_REROUTED,
                Reason.PROVIDER_REFUSED,
                row_subject(member.row),
                channel=email,
                evidence=told,
            )
            going_on = {"state": MessageState.PLANNED.value, "reason": Reason.PROVIDER_REFUSED.value}
            refused = _refused(member, email, rerouted=True)
            yield {**row, **going_on, "id": member.row.id, "due_at": row["updated_at"], "refused": refused}


def _tried(handed: Handed) -> Evidence:
    """Who was asked before and definitely did not take it."""
    return {"tried": [_storable(said, _MAX_DETAIL) for said in handed.tried]} if handed.tried else {}


def _lessons(answered: Sequence[tuple[UnderWay, Handed]]) -> list[Lesson]:
    return [
        Lesson(
            handed.outcome.cause,
            item.envelope.channel,
            item.envelope.to,
            item.claimed.row.profile_id,
            handed.provider,
            item.claimed.release.policies.stop_scope,
        )
        for item, handed in answered
        if isinstance(handed.outcome, Refused) and handed.outcome.cause in TEACHING
    ]


def _judge(
    outcome: Outcome, item: UnderWay, now: datetime, patience: Patience, left: Sequence[Channel]
) -> tuple[MessageState, Decision, Reason, datetime | None, Evidence]:
    match outcome:
        case Accepted(reference):
            evidence = {"reference": _storable(reference, _MAX_DETAIL)} if reference else {}
            return MessageState.ACCEPTED, Decision.MESSAGE_ACCEPTED, Reason.ACCEPTED_BY_PROVIDER, None, evidence
        case Unknown(detail):
            return MessageState.UNKNOWN, Decision.MESSAGE_UNKNOWN, Reason.OUTCOME_UNKNOWN, None, _said(detail)
        case Refused(permanent, detail, retry_after, cause):
            evidence = {**_said(detail), **({"cause": cause.value} if cause is not None else {})}
            if left:
                evidence["channels"] = ",".join(left)
                return MessageState.PLANNED, Decision.MESSAGE_REROUTED, Reason.PROVIDER_REFUSED, now, evidence
            if permanent:
                return MessageState.FAILED, Decision.MESSAGE_FAILED, Reason.PROVIDER_REFUSED, None, evidence
            if item.attempt >= patience.max_attempts:
                return MessageState.FAILED, Decision.MESSAGE_FAILED, Reason.RETRIES_EXHAUSTED, None, evidence
            due_at = now + patience.pause(item.attempt, retry_after)
            evidence["until"] = due_at.isoformat()
            return MessageState.PLANNED, Decision.MESSAGE_RETRIED, Reason.PROVIDER_BUSY, due_at, evidence


def _next_channels(claimed: Claimed, refused: Channel) -> tuple[Channel, ...]:
    """The channels by which a message goes on whose address was refused for good; none unless its author wants that.

    They are those after the refused one: what was passed over before it is not come back to, so there is an end to it.
    """
    if claimed.row.step not in claimed.release.falls_back:
        return ()
    channels = claimed.candidate.channels
    return channels[channels.index(refused) + 1 :]


def _is_about_the_address(outcome: Outcome) -> bool:
    """Was the address refused for good? Doubt is not (G2), nor is what the text or the account is to blame for."""
    if not isinstance(outcome, Refused) or not outcome.permanent or outcome.cause is None:
        return False
    return outcome.cause.about_the_address


def _refused(claimed: Claimed, channel: Channel, *, rerouted: bool) -> str | None:
    """The channels on which a message's address was refused, with this one if it goes on by the next."""
    before = claimed.row.refused
    return ",".join([*([before] if before else []), channel.value]) if rerouted else before


def _said(detail: str) -> Evidence:
    return {"detail": _storable(detail, _MAX_DETAIL)}


def _storable(text: str, limit: int) -> str:
    """A carrier's own words, as both databases can keep them: no answer may be lost over how it was put."""
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()[:limit]
