"""What people answer to a message, and what follows at once: STOP, START, HELP, or an event for journeys.

* **stop**: the address is suppressed (cause ``stop``), and everybody who has it withdraws what they had agreed to on
  the channel, as far as ``stop_scope`` of policies.yaml reaches. A number that nobody has is suppressed all the same.
  One text confirms it; STOP again within a day is not answered again.
* **start**: lifts what a STOP did, and no more: the suppression, and of the consents those that it took away, as old
  and as well proven as they were. Somebody who had agreed to nothing before has agreed to nothing now. Where nothing
  was stopped it is an event like any other.
* **help**: says who we are and how to stop.
* Everything else becomes the event `Message Replied`, so that journeys can react.

What was written is personal: it is in the event, which can be deleted, and never in the ledger or the log. A reply that
is reported again, by its carrier's id, changes nothing and gets the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, bindparam, select

from dangol import ids
from dangol.consent import ledger, lifting, recording, suppressions
from dangol.consent.answers import LANGUAGES, text_of
from dangol.consent.keywords import Intent, Understood, in_french, understand
from dangol.consent.suppressions import AddressHasher
from dangol.content.voice import PATH, read_voice
from dangol.definitions import versions
from dangol.definitions.workspace import Workspace
from dangol.ids import Entropy
from dangol.jurisdictions import readable_packs
from dangol.ledger.entries import Journal, Subject
from dangol.model.duty import MESSAGE_REPLIED
from dangol.model.people import ConsentChange, ConsentState, IncomingEvent, Profile
from dangol.model.vocabulary import (
    Channel,
    ConsentAction,
    ConsentStatus,
    Decision,
    Purpose,
    Reason,
    Scope,
    SuppressionCause,
)
from dangol.profiles import people
from dangol.profiles.unwanted import Unwanted
from dangol.store.bulk import insert_new
from dangol.store.tables import replies
from dangol.store.types import Instant

EVENT = MESSAGE_REPLIED
SOURCE = "reply"
_ONE_CONFIRMATION = timedelta(hours=24)
_JUST_BEFORE = timedelta(microseconds=1)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_ASKED_BY_NONE = frozenset({Intent.UNCLEAR, Intent.OTHER})
_KNOWN = select(replies.c.intent, replies.c.answer, replies.c.locale).where(replies.c.id == bindparam("id"))
_LATEST = (
    select(replies.c.intent)
    .where(
        replies.c.address_hash == bindparam("address_hash"),
        replies.c.received_at > bindparam("since", type_=Instant),
        replies.c.answer != "",
    )
    .order_by(replies.c.received_at.desc(), replies.c.id.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Reply:
    """A message that came in: ``sender`` is the address as stored, ``message_id`` the carrier's id of it.

    ``answered`` is what the carrier itself took it for and has answered; it is obeyed here too, and not answered twice.
    """

    channel: Channel
    sender: str
    text: str
    message_id: str
    occurred_at: datetime
    answered: Intent | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What a reply asks for, which text answers it in which language (empty: none), and what is to be ingested."""

    intent: Intent
    answer: str
    locale: str
    events: Sequence[IncomingEvent] = field(default=())


@dataclass(frozen=True, slots=True)
class Answered:
    """What a reply asked for, and the one text that is to be sent back; None if nothing is."""

    intent: Intent
    text: str | None


def shop_in_service(connection: Connection) -> Workspace | None:
    """The workspace that messages come from now; None if nothing is in service."""
    active = versions.active(connection)
    return versions.load(connection, active[min(active)]).workspace if active else None


def answered(heard: Heard, shop: Workspace | None) -> Answered:
    """The answer in words. Where nothing is in service nobody can be told who it is that answers."""
    if not heard.answer or shop is None:
        return Answered(heard.intent, None)
    read, _ = read_voice(shop.sources[PATH], readable_packs(shop.sources))
    if read is None:
        return Answered(heard.intent, None)
    brand = read.voice.brand
    name = brand.name.get(heard.locale) or brand.name.get("en") or next(iter(brand.name.values()))
    return Answered(heard.intent, text_of(heard.answer, heard.locale, brand=name, phone=brand.phone))


def hear(
    connection: Connection,
    reply: Reply,
    *,
    scope: Scope,
    locale: str,
    now: datetime,
    entropy: Entropy,
    hasher: AddressHasher,
) -> Heard:
    """Do what a reply asks for. ``scope`` is how far a STOP reaches, ``locale`` the workspace's language."""
    owners = people.holders(connection, reply.channel, [reply.sender]).get(reply.sender, [])
    people.lock(connection, owners)
    # by the carrier's id alone: a report that is repeated may come with another time, or with none
    reply_id = ids.derive(_EPOCH, "reply", reply.channel.value, reply.message_id)
    known = connection.execute(_KNOWN, {"id": reply_id}).one_or_none()
    if known is not None:
        return Heard(Intent(known.intent), known.answer, known.locale)
    persons = people.load(connection, sorted(owners))
    living = [one for _, one in sorted(persons.items()) if one.erased_at is None]
    hearing = _Hearing(connection, reply, reply_id, living, now, entropy, hasher, Journal(now))
    understood = _understood(reply)
    answer = hearing.obey(understood, scope)
    taken_back = bool(answer)
    if reply.answered is not None:
        answer = ""
    language = _language(reply.text, understood, living, locale)
    hearing.write_down(understood, answer, language)
    passed_on = understood.intent in {Intent.UNCLEAR, Intent.OTHER} or (
        understood.intent is Intent.START and not taken_back
    )
    events = [_event(reply, reply_id, person, understood) for person in living] if passed_on else []
    return Heard(understood.intent, answer, language, events)


def _understood(reply: Reply) -> Understood:
    """What a reply asks for. A carrier may know keywords that we do not; who wants to leave leaves, whoever saw it."""
    found = understand(reply.text)
    if reply.answered is None or reply.answered is found.intent or found.intent is Intent.STOP:
        return found
    return Understood(reply.answered, "carrier")


@dataclass(frozen=True)
class _Hearing:
    """One reply in its transaction; ``living`` are those who have the address and were not erased, all locked."""

    connection: Connection
    reply: Reply
    reply_id: str
    living: Sequence[Profile]
    now: datetime
    entropy: Entropy
    hasher: AddressHasher
    journal: Journal

    @property
    def address_hash(self) -> str:
        return self.hasher.hash(self.reply.channel, self.reply.sender)

    @property
    def at(self) -> datetime:
        """When it was said; a carrier's clock that runs ahead says nothing about the future."""
        return min(self.reply.occurred_at, self.now)

    def obey(self, understood: Understood, scope: Scope) -> str:
        """Do what was asked for; the answer's name, empty if there is nothing to say."""
        match understood.intent:
            case Intent.STOP:
                self._stop(understood, scope)
                return "" if self._confirmed_lately() else "stopped"
            case Intent.START:
                return "started" if self._start(understood) else ""
            case Intent.HELP:
                return "help"
        return ""

    def write_down(self, understood: Understood, answer: str, locale: str) -> None:
        """Enter the reply where it is known again, and in the log."""
        row = {
            "id": self.reply_id,
            "address_hash": self.address_hash,
            "channel": self.reply.channel.value,
            "intent": understood.intent.value,
            "keyword": understood.by,
            "answer": answer,
            "locale": locale,
            "received_at": self.now,
        }
        insert_new(self.connection, replies, [row], conflict=["id"])
        reason = Reason.REPORTED if understood.intent in _ASKED_BY_NONE else Reason.ASKED_BY_RECIPIENT
        said = {"intent": understood.intent.value, "keyword": understood.by, "answer": answer}
        evidence = {name: value for name, value in said.items() if value}
        about: list[str | None] = [one.id for one in self.living]
        for profile_id in about or [None]:
            subject = Subject(profile_id=profile_id, occasion=self.reply_id)
            self.journal.add(Decision.REPLY_UNDERSTOOD, reason, subject, channel=self.reply.channel, evidence=evidence)
        self.journal.write(self.connection)

    def _stop(self, understood: Understood, scope: Scope) -> None:
        lifting.suppress_unwanted(
            self.connection,
            [
                Unwanted(
                    channel=self.reply.channel,
                    address=self.reply.sender,
                    cause=SuppressionCause.STOP,
                    scope=scope,
                    source=self._source(understood),
                    note="",
                    since=self.at,
                )
            ],
            now=self.now,
            entropy=self.entropy,
            hasher=self.hasher,
            journal=self.journal,
        )

    def _confirmed_lately(self) -> bool:
        told = {"address_hash": self.address_hash, "since": self.now - _ONE_CONFIRMATION}
        return self.connection.execute(_LATEST, told).scalar_one_or_none() == Intent.STOP.value

    def _start(self, understood: Understood) -> bool:
        """Take back what a STOP did; whether there was anything to take back."""
        held = suppressions.active(self.connection, [self.address_hash])
        stopped = [one for one in held if one.cause == SuppressionCause.STOP.value]
        suppressions.lift_these(
            self.connection, stopped, now=self.now, by=self._source(understood), because=self.reply_id
        )
        for one in stopped:
            why = {"by": self._source(understood)}
            recording.log_lifted(self.journal, one, Reason.ASKED_BY_RECIPIENT, None, why)
        if not stopped:
            return False
        given = [change for person in self.living for change in self._given_again(person, understood)]
        owners = {person.external_id: person.id for person in self.living}
        ledger.record(self.connection, given, owners, now=self.now)
        return True

    def _given_again(self, person: Profile, understood: Understood) -> list[ConsentChange]:
        """The consents that a STOP by message took away, and that had been given before it."""
        held = ledger.states(self.connection, [person.id])[person.id]
        found = []
        for (channel, purpose), state in sorted(held.items()):
            if channel is not self.reply.channel or state.status is not ConsentStatus.WITHDRAWN:
                continue
            _, row = ledger.row(self.connection, state.consent_id) or ("", None)
            if row is None or not row.source.startswith(f"{channel.value}:"):
                continue
            before = ledger.as_of(self.connection, [person.id], row.occurred_at - _JUST_BEFORE)[person.id]
            stood = [one for about, one in sorted(before.items()) if about[:2] == (channel, purpose) and one.granted]
            if stood:
                found.append(self._restored(person, purpose, stood[0], understood))
        return found

    def _restored(
        self, person: Profile, purpose: Purpose, before: ConsentState, understood: Understood
    ) -> ConsentChange:
        return ConsentChange(
            person.external_id,
            self.reply.channel,
            purpose,
            ConsentAction.RESTORED,
            self.at,
            self._source(understood),
            basis=before.basis,
            jurisdiction=before.jurisdiction,
            wording=understood.by,
            proof=f"{self._source(understood)}, reply {self.reply_id}",
        )

    def _source(self, understood: Understood) -> str:
        return f"{self.reply.channel.value}:{understood.by}"


def _language(text: str, understood: Understood, living: Sequence[Profile], locale: str) -> str:
    """Korean to who writes Korean, French to who writes French, else the person's language, else the workspace's."""
    if any("가" <= one <= "힣" for one in text):
        return "ko"
    if in_french(understood):
        return "fr"
    told = next((person.locale for person in living if person.locale), None) or locale
    language = told.replace("_", "-").partition("-")[0].lower()
    return language if language in LANGUAGES else "en"


def _event(reply: Reply, reply_id: str, person: Profile, understood: Understood) -> IncomingEvent:
    properties = {"channel": reply.channel.value, "text": reply.text, "intent": understood.intent.value}
    return IncomingEvent(
        f"{SOURCE}:{reply_id}:{person.id}", person.external_id, EVENT, properties, reply.occurred_at, SOURCE
    )
