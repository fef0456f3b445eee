"""What the law wants done about consents as time goes by, found and begun: notices, asking again, what has run out.

A notice is an event about the person, which campaigns listen to; what ran out is a row of the consent ledger. The rules
are those of ``policy.duties``, from the packs as the workspace in service has them. The scheduler takes a few pages a
tick, so that a million consents hold up nothing, and every round begins where the last one ended or looks again. Ids
are derived, so nothing is raised twice however often it is found, and by however many schedulers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Text, and_, bindparam, exists, func, not_, or_, select
from sqlalchemy.types import TypeEngine

from dangol import ids
from dangol.consent import ledger as consents
from dangol.consent.folding import Said, fold, holding
from dangol.ledger.entries import Journal, Subject
from dangol.ledger.overdue import overdue
from dangol.model.duty import DUTY_SOURCE, OUTCOME_DUE, RECONFIRMATION_DUE
from dangol.model.people import ConsentChange, Event, IncomingEvent, Profile
from dangol.model.vocabulary import NIGHT, Basis, Channel, ConsentAction, Decision, Purpose, Reason
from dangol.pipeline import Pipeline
from dangol.policy import duties as law
from dangol.policy.law import Law
from dangol.profiles import people
from dangol.store.bulk import among
from dangol.store.housekeeping import keep_note, recalled
from dangol.store.tables import consent_states
from dangol.store.tables import consents as consent_rows
from dangol.store.types import Instant

OVERLAP = timedelta(minutes=15)
"""How long a transaction may take between its instant and its commit without its consents being missed."""
LOOKED_BACK = timedelta(days=90)
"""How far back raised duties are looked at: no notice is due later than this."""
OVERDUE = "duties:overdue"
"""The name of the note that tells how many duties are overdue, and when that was counted: ``3 2026-…``."""
_EXPRESS = frozenset({Basis.CONSENT.value, Basis.WRITTEN_CONSENT.value})
_GIVEN = frozenset({ConsentAction.GRANTED.value, ConsentAction.CONFIRMED.value, ConsentAction.RESTORED.value})
_PURPOSES = sorted(purpose.value for purpose in law.PURPOSES)


def zones(asked: Law) -> Mapping[str, str]:
    """In which zone the days of a notice or a question are told, by its rule; of rules that were turned off too."""
    rules = law.duty_rules(asked.as_written.values())
    notices = {one.rule: one.zone for one in rules.notices}
    return notices | {one.rule: one.zone for one in rules.reconfirmations}


@dataclass(frozen=True, slots=True)
class Raised:
    """How many notices and requests to confirm were begun, and how many consents ended."""

    notices: int = 0
    reconfirmations: int = 0
    lapses: int = 0

    def __add__(self, more: Raised) -> Raised:
        return Raised(
            self.notices + more.notices, self.reconfirmations + more.reconfirmations, self.lapses + more.lapses
        )


@dataclass(frozen=True, slots=True)
class _Due:
    """One person to be written to: the event that says so, and the evidence for the log."""

    properties: Mapping[str, Any]
    evidence: Mapping[str, Any]
    message_id: str
    profile_id: str


class Duties:
    """Looks for what is due: notices every ``every``, all else once a day, ``page`` rows at a time."""

    def __init__(self, pipeline: Pipeline, *, every: timedelta = timedelta(hours=1), page: int = 500) -> None:
        self._pipeline = pipeline
        self._every = every
        self._page = page
        self._under_way: Iterator[Raised] | None = None
        self._began: datetime | None = None
        self._looked_on: date | None = None

    def turn(self, pages: int = 20) -> Raised:
        """Go on with the round under way, or begin one if it is time; ``pages`` at most. Raises StoreUnavailable."""
        now, raised = self._pipeline.clock.now(), Raised()
        if self._under_way is None:
            if self._began is not None and self._began <= now < self._began + self._every:
                return raised
            self._under_way, self._began = self._round(now), now
        try:
            for _ in range(pages):
                found = next(self._under_way, None)
                if found is None:
                    self._count(now)
                    self._under_way = None
                    break
                raised += found
        except BaseException:
            self._under_way = self._began = None  # the next turn begins anew; nothing is raised twice
            raise
        return raised

    def run(self) -> Raised:
        """A whole round at once."""
        return sum(self._round(self._pipeline.clock.now()), Raised())

    def _round(self, now: datetime) -> Iterator[Raised]:
        with self._pipeline.database.read() as tx:
            asked = self._pipeline.releases.law(tx)
        rules = law.duty_rules(asked.packs.values())
        for notice in rules.notices:
            yield from self._notices(notice, asked, now)
        if self._looked_on == now.date():
            return
        for again in rules.reconfirmations:
            yield from self._reconfirmations(again, asked, now)
        for lapse in rules.lapses:
            yield from self._lapses(lapse, asked, now)
        self._looked_on = now.date()

    def _count(self, now: datetime) -> None:
        """Note how many are overdue, for whoever watches: to count them takes longer than a health check may."""
        with self._pipeline.database.read() as tx:
            known = zones(self._pipeline.releases.law(tx))
        today = {rule: law.local_day(now, zone) for rule, zone in known.items()}
        with self._pipeline.database.write() as tx:
            keep_note(tx, OVERDUE, f"{overdue(tx, today, now - LOOKED_BACK)} {now.isoformat()}")

    # Whoever agreed or withdrew is told what came of it.

    def _notices(self, rule: law.OutcomeNotice, asked: Law, now: datetime) -> Iterator[Raised]:
        since = self._noted(rule.rule) or now - timedelta(days=rule.days)
        place: _Place = (since - OVERLAP, "")
        while True:
            with self._pipeline.database.read() as tx:
                rows, after = _page(tx, _SAID, place, self._page, until=now)
                profiles = people.load(tx, sorted({row.profile_id for row in rows}))
                pasts = consents.pasts(tx, sorted({row.profile_id for row in rows if _is_topic(row)}))
            due = _notices_due(rule, asked, rows, profiles, pasts)
            raised = self._raise(rule, OUTCOME_DUE, due, profiles, now)
            if rows:
                self._note(rule.rule, rows[-1].at)
            yield Raised(notices=raised)
            if after is None:
                return
            place = after

    def _noted(self, rule: str) -> datetime | None:
        with self._pipeline.database.read() as tx:
            noted = recalled(tx, f"duty:{rule}")
        return datetime.fromisoformat(noted) if noted else None

    def _note(self, rule: str, at: datetime) -> None:
        with self._pipeline.database.write() as tx:
            keep_note(tx, f"duty:{rule}", at.isoformat())

    # Whoever agreed long ago is asked whether it still holds.

    def _reconfirmations(self, rule: law.Reconfirmation, asked: Law, now: datetime) -> Iterator[Raised]:
        recorded = self._recorded(rule, asked)
        for first, last in law.confirmed_between(rule, now):
            for place_recorded in recorded:
                place: _Place | None = (first, "")
                while place is not None:
                    with self._pipeline.database.read() as tx:
                        rows, place = _page(tx, _HELD, place, self._page, until=last, jurisdiction=place_recorded)
                        profiles = people.load(tx, sorted({row.profile_id for row in rows}))
                    due = _reconfirmations_due(rule, asked, rows, profiles, now)
                    yield Raised(reconfirmations=self._raise(rule, RECONFIRMATION_DUE, due, profiles, now))

    def _recorded(self, rule: law.Duty, asked: Law) -> list[str]:
        """The places that consents on record name and where this rule binds; the empty one stands for none named."""
        with self._pipeline.database.read() as tx:
            named = list(_places_named(tx))
        return [place for place in named if not place or rule.jurisdiction in asked.place(place).codes]

    def _raise(
        self, rule: law.Duty, event: str, due: Sequence[_Due], profiles: Mapping[str, Profile], now: datetime
    ) -> int:
        """Report the events that are new, and log each with its rule in the same transaction."""
        incoming = [
            IncomingEvent(one.message_id, profiles[one.profile_id].external_id, event, one.properties, now, DUTY_SOURCE)
            for one in due
        ]
        evidence = {one.properties["consent_id"]: one.evidence for one in due}
        return self._pipeline.ingest(incoming, noting=partial(_log, rule, evidence, now)).new if incoming else 0

    # What stood in a consent's stead runs out.

    def _lapses(self, rule: law.Lapse, asked: Law, now: datetime) -> Iterator[Raised]:
        """A page at a time, from where a process that was stopped today got to."""
        until = law.may_have_lapsed_before(rule, now)
        for recorded in self._recorded(rule, asked):
            note = f"duty:{rule.rule}:{rule.basis.value}:{recorded}"
            place: _Place | None = self._got_to(note, now)
            while place is not None:
                with self._pipeline.database.read() as tx:
                    stands = {"until": until, "jurisdiction": recorded, "basis": rule.basis.value}
                    rows, place = _page(tx, _IN_ITS_STEAD, place, self._page, **stands)
                    profiles = people.load(tx, sorted({row.profile_id for row in rows}))
                over = [row for row in rows if _has_lapsed(rule, asked, row, profiles.get(row.profile_id), now)]
                with self._pipeline.database.write() as tx:
                    ended = _end(tx, rule, asked, over, now) if over else 0
                    _keep_place(tx, note, now, place or (until, _LAST))
                yield Raised(lapses=ended)

    def _got_to(self, note: str, now: datetime) -> _Place:
        with self._pipeline.database.read() as tx:
            kept = (recalled(tx, note) or "").split(" ")
        today = kept[0] == now.date().isoformat()
        return (datetime.fromisoformat(kept[1]), kept[2]) if today else _BEGINNING


def _notices_due(
    rule: law.OutcomeNotice,
    asked: Law,
    rows: Sequence[Row[Any]],
    profiles: Mapping[str, Profile],
    pasts: Mapping[str, Sequence[Said]],
) -> list[_Due]:
    """One notice for all that a person said at once, on however many channels."""
    due = []
    for (at, profile_id), said in groupby(rows, key=lambda row: (row.at, row.profile_id)):
        profile = profiles.get(profile_id)
        if profile is None or profile.erased_at is not None:
            continue
        facts: dict[tuple[str, bool], list[Row[Any]]] = {}
        for row in said:
            ours = law.binds(rule, row.jurisdiction, profile, asked) and law.is_ours(rule, row.occurred_at, at)
            if ours and (fact := _fact(row, pasts.get(profile_id, ()))):
                facts.setdefault(fact, []).append(row)
        due += [_notice(rule, profile_id, at, fact, of) for fact, of in sorted(facts.items())]
    return due


def _is_topic(row: Row[Any]) -> bool:
    return row.topic not in ("", NIGHT)


def _fact(row: Row[Any], past: Sequence[Said]) -> tuple[str, bool] | None:
    """What there is to tell about: agreed or withdrawn, and whether to be written to at night.

    What rests on a deal and not on a consent is none. ``past`` is all that the person said, for rows about a topic.
    """
    withdrawn = row.action == ConsentAction.WITHDRAWN
    if not withdrawn and not (row.action in _GIVEN and row.basis in _EXPRESS):
        return None
    if _is_topic(row) and not _is_the_consent(row, past):
        return None
    return ("withdrawn" if withdrawn else "granted"), row.topic == NIGHT


def _is_the_consent(row: Row[Any], past: Sequence[Said]) -> bool:
    """Whether a yes or no to a topic was one to advertising as such, and no choice under a consent that stands.

    It was if there was none to all of it then; a no to a topic only if it was the last.
    """
    held = holding(fold(one for one in past if one.occurred_at <= row.occurred_at))
    standing = {
        topic
        for (channel, purpose, topic), state in held.items()
        if (channel, purpose) == (row.channel, row.purpose) and state.granted and topic != NIGHT
    }
    return "" not in standing and not (row.action == ConsentAction.WITHDRAWN and standing)


def _notice(
    rule: law.OutcomeNotice, profile_id: str, at: datetime, fact: tuple[str, bool], rows: Sequence[Row[Any]]
) -> _Due:
    action, night = fact
    occurred_at = min(row.occurred_at for row in rows)
    due_by = law.notice_due(rule, occurred_at).isoformat()
    first = min(rows, key=lambda row: str(row.id))
    properties = {
        "action": action,
        "night": night,
        "channels": _in_order(row.channel for row in rows),
        "purpose": Purpose.MARKETING.value,
        "happened_on": law.local_day(occurred_at, rule.zone).isoformat(),
        "due_by": due_by,
        "consent_id": first.id,
    }
    told = ids.derive(at, "duty", rule.rule, profile_id, action, str(night))
    return _Due(properties, {"consent": first.id, "due_by": due_by}, f"duty:{rule.rule}:{told}", profile_id)


def _reconfirmations_due(
    rule: law.Reconfirmation, asked: Law, rows: Sequence[Row[Any]], profiles: Mapping[str, Profile], now: datetime
) -> list[_Due]:
    due = []
    for (at, profile_id), held in groupby(rows, key=lambda row: (row.at, row.profile_id)):
        profile = profiles.get(profile_id)
        if profile is None or profile.erased_at is not None:
            continue
        bound = [row for row in held if law.binds(rule, row.jurisdiction, profile, asked)]
        last_day = law.reconfirmation_due(rule, at, now)
        if not bound or last_day is None:
            continue
        due_by, first = last_day.isoformat(), min(bound, key=lambda row: str(row.id))
        properties = {
            "agreed_on": law.local_day(at, rule.zone).isoformat(),
            "channels": _in_order(row.channel for row in bound),
            "purpose": Purpose.MARKETING.value,
            "due_by": due_by,
            "consent_id": first.id,
        }
        told = ids.derive(at, "duty", rule.rule, profile_id, due_by)
        due.append(_Due(properties, {"consent": first.id, "due_by": due_by}, f"duty:{rule.rule}:{told}", profile_id))
    return due


def _in_order(channels: Iterator[str]) -> list[str]:
    found = set(channels)
    return [channel.value for channel in Channel if channel.value in found]


def _has_lapsed(rule: law.Lapse, asked: Law, row: Row[Any], profile: Profile | None, now: datetime) -> bool:
    return (
        profile is not None
        and profile.erased_at is None
        and law.lapsed_on(rule, row.at) <= now
        and row.channel in rule.channels
        and law.binds(rule, row.jurisdiction, profile, asked)
    )


def _end(tx: Connection, rule: law.Lapse, asked: Law, found: Sequence[Row[Any]], now: datetime) -> int:
    """Write into the ledger that these have run out, as far as they still stand.

    They are read again under the lock: somebody may have agreed, or another scheduler may have been here.
    """
    profile_ids = sorted({row.profile_id for row in found})
    people.lock(tx, profile_ids)
    profiles, ids_ = people.load(tx, profile_ids), {row.id for row in found}
    journal, changes = Journal(now), []
    for row in tx.execute(_STANDS, {"ids": profile_ids, "basis": rule.basis.value}).all():
        profile = profiles.get(row.profile_id)
        if row.id not in ids_ or profile is None or not _has_lapsed(rule, asked, row, profile, now):
            continue
        changes.append(_ended(rule, row, profile, law.lapsed_on(rule, row.at)))
        subject = Subject(profile_id=profile.id, occasion=f"{rule.rule}:{row.id}")
        evidence = {"rule": rule.rule, "consent": row.id}
        journal.add(Decision.DUTY_RAISED, Reason.LAW_REQUIRES, subject, channel=Channel(row.channel), evidence=evidence)
    consents.record(tx, changes, {one.external_id: one.id for one in profiles.values()}, now=now)
    journal.write(tx)
    return len(changes)


def _ended(rule: law.Lapse, row: Row[Any], profile: Profile, ended_at: datetime) -> ConsentChange:
    return ConsentChange(
        profile.external_id,
        Channel(row.channel),
        Purpose(row.purpose),
        ConsentAction.EXPIRED,
        ended_at,
        f"{DUTY_SOURCE}:{rule.rule}",
        basis=row.basis,
        topic=row.topic,
        jurisdiction=row.jurisdiction,
    )


def _log(
    rule: law.Duty, evidence: Mapping[str, Mapping[str, Any]], now: datetime, tx: Connection, new: Sequence[Event]
) -> None:
    journal = Journal(now)
    for event in new:
        subject = Subject(profile_id=event.profile_id, occasion=event.id)
        told = {"rule": rule.rule, **evidence[event.properties["consent_id"]], "event": event.id}
        journal.add(Decision.DUTY_RAISED, Reason.LAW_REQUIRES, subject, evidence=told)
    journal.write(tx)


# Pages: by time and person, whole groups only.

_Place = tuple[datetime, str]
_BEGINNING: _Place = (datetime.fromisoformat("1970-01-01T00:00:00+00:00"), "")
_LAST = "~"
"""Behind every profile id."""


def _keep_place(tx: Connection, note: str, now: datetime, place: _Place) -> None:
    at, profile_id = place
    keep_note(tx, note, f"{now.date().isoformat()} {at.isoformat()} {profile_id}")


_PLACE: Mapping[str, TypeEngine[Any]] = {"since": Instant(), "until": Instant(), "after": Text()}


def _paged(statement: Select[Any], at: ColumnElement[datetime], person: ColumnElement[str]) -> Select[Any]:
    since, until, after = (bindparam(name, type_=type_) for name, type_ in _PLACE.items())
    return (
        statement.where(at >= since, or_(at > since, and_(at == since, person > after)), at <= until)
        .order_by(at, person)
        .limit(bindparam("most"))
    )


_SAID = _paged(
    select(
        consent_rows.c.recorded_at.label("at"),
        *(consent_rows.c[name] for name in ("profile_id", "id", "channel", "topic", "action", "basis", "occurred_at")),
        consent_rows.c.purpose,
        consent_rows.c.jurisdiction,
    ).where(
        consent_rows.c.purpose.in_(_PURPOSES),
        consent_rows.c.action.in_(sorted({*_GIVEN, ConsentAction.WITHDRAWN.value})),
    ),
    consent_rows.c.recorded_at,
    consent_rows.c.profile_id,
)
_GRANTED = select(
    consent_states.c.confirmed_at.label("at"),
    consent_states.c.consent_id.label("id"),
    *(consent_states.c[name] for name in ("profile_id", "channel", "purpose", "topic", "basis", "jurisdiction")),
).where(consent_states.c.granted, consent_states.c.purpose.in_(_PURPOSES))
_STATE = _GRANTED.where(consent_states.c.jurisdiction == bindparam("jurisdiction"))
_STANDS = _GRANTED.where(
    among(consent_states.c.profile_id, "ids"),
    consent_states.c.basis == bindparam("basis"),
    consent_states.c.confirmed_at.is_not(None),
).order_by(consent_states.c.confirmed_at, consent_states.c.profile_id, consent_states.c.channel)
_NEXT_PLACE = select(func.min(consent_states.c.jurisdiction)).where(
    consent_states.c.jurisdiction > bindparam("after", type_=Text())
)


def _places_named(tx: Connection) -> Iterator[str]:
    """The places that consents name, the empty one first: a seek in an index each, however many there are."""
    place: str | None = ""
    while place is not None:
        yield place
        place = tx.execute(_NEXT_PLACE, {"after": place}).scalar_one()


_WHOLE = consent_states.alias("whole")
_OF_THE_WHOLE = exists().where(
    *(_WHOLE.c[name] == consent_states.c[name] for name in ("profile_id", "channel", "purpose")),
    _WHOLE.c.topic == "",
    _WHOLE.c.granted,
)
"""Whether a consent to all that the purpose covers stands beside one for a topic: then that is the one to ask about."""
_HELD = _paged(
    _STATE.where(
        consent_states.c.topic != NIGHT,
        or_(consent_states.c.topic == "", not_(_OF_THE_WHOLE)),
        consent_states.c.basis.in_(sorted(_EXPRESS)),
    ),
    consent_states.c.confirmed_at,
    consent_states.c.profile_id,
)
_IN_ITS_STEAD = _paged(
    _STATE.where(consent_states.c.basis == bindparam("basis")),
    consent_states.c.confirmed_at,
    consent_states.c.profile_id,
)


def _page(
    tx: Connection, statement: Select[Any], place: _Place, most: int, **asked: Any
) -> tuple[Sequence[Row[Any]], _Place | None]:
    """The next rows, and the place after them; None if they are the last. What a person said at once stays together."""
    since, after = place
    rows = tx.execute(statement, {"since": since, "after": after, "most": most + 1, **asked}).all()
    if len(rows) <= most:
        return rows, None
    cut: Callable[[Row[Any]], _Place] = lambda row: (row.at, row.profile_id)  # noqa: E731 - one use, one line
    last = cut(rows[-1])
    whole = [row for row in rows if cut(row) != last]
    return (whole, cut(whole[-1])) if whole else (rows, last)
