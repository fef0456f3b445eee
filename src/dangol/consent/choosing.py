"""What people choose for themselves: what they hear about and by which way, how often, a pause, or nothing at all.

Everything here is asked for by the person, who came by a link of their own. Changes are recorded under the person's
lock, so that they bind whatever is claimed after them (G3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from dangol.consent import ledger, preferences, recording
from dangol.consent.folding import Matter
from dangol.consent.suppressions import AddressHasher
from dangol.ids import Entropy, opaque
from dangol.ledger.entries import Journal, Subject
from dangol.model.people import ConsentChange, ConsentState, Preferences, Profile, ProfileChange
from dangol.model.vocabulary import NIGHT, Channel, ConsentAction, Decision, Purpose, Reason
from dangol.profiles import people

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """A living person and all that holds for them. ``general`` are consents to all that a purpose covers."""

    profile: Profile
    general: Mapping[tuple[Channel, Purpose], ConsentState]
    topics: Mapping[Matter, ConsentState]
    preferences: Preferences

    def state(self, matter: Matter) -> ConsentState | None:
        """What decides about this: the topic's own consent, else that for all of the purpose."""
        channel, purpose, _ = matter
        special, general = self.topics.get(matter), self.general.get((channel, purpose))
        if special is None or (special.says_nothing_yet and general is not None):
            return general
        return special

    def agrees(self, matter: Matter) -> bool:
        """Whether messages about this may come. A topic that nothing was said about goes with all the rest."""
        state = self.state(matter)
        return state is not None and state.granted


@dataclass(frozen=True, slots=True)
class How:
    """By which way something was said, for the ledger: where, in which language, and from where it came."""

    source: str
    locale: str = ""
    wording_version: str = ""
    ip: str = ""
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody was shown and what they want instead, each matter with yes or no; and the words they saw."""

    shown: Mapping[Matter, bool]
    wanted: Mapping[Matter, bool]
    wording: Mapping[Matter, str]


def standing(connection: Connection, profile_id: str) -> Standing | None:
    """All that holds for this person; None if nobody has this id, or who had it was erased."""
    person = people.load(connection, [profile_id]).get(profile_id)
    if person is None or person.erased_at is not None:
        return None
    return Standing(
        person,
        ledger.states(connection, [profile_id])[profile_id],
        ledger.topic_states(connection, [profile_id])[profile_id],
        preferences.load(connection, [profile_id]).get(profile_id, Preferences()),
    )


def locked(connection: Connection, profile_id: str) -> Standing | None:
    """``standing``, with the person locked until the transaction ends."""
    people.lock(connection, [profile_id])
    return standing(connection, profile_id)


def changes_of(person: Standing, choice: Choice, how: How, now: datetime) -> list[ConsentChange]:
    """What to record so that what the person wants holds, and no more than that.

    Only what they changed counts: a page that was open while something else was said does not undo it. Who gives up
    the rest of a purpose and keeps a topic says yes to that topic anew, because giving up the purpose ends them all;
    who takes the rest and not a topic says no to the topic, which would otherwise come with the rest.
    """
    changed = {matter: yes for matter, yes in choice.wanted.items() if yes != choice.shown.get(matter)}
    said: list[ConsentChange] = []
    for matter, yes in sorted(changed.items(), key=lambda one: (one[0][2] != "", one[0])):
        if matter[2] == "":
            said += _about_the_rest(person, choice, matter, how, now) if yes != person.agrees(matter) else []
    settled = {(one.channel, one.purpose, one.topic) for one in said}
    over = {one[:2] for one in settled if one[2] == "" and not choice.wanted[one]}
    for matter, yes in sorted(changed.items()):
        if matter[2] and matter not in settled and matter[:2] not in over and yes != person.agrees(matter):
            said.append(_said(person, matter, yes, choice, how, now))
    return said


def _about_the_rest(person: Standing, choice: Choice, matter: Matter, how: How, now: datetime) -> list[ConsentChange]:
    """A yes or no to all that the purpose covers, and what has to be said about its topics with it."""
    yes = choice.wanted[matter]
    topics = [one for one in sorted(choice.wanted) if one[:2] == matter[:2] and one[2]]
    if yes:
        unwanted = [one for one in topics if not choice.wanted[one] and _goes_with_the_rest(person, one)]
        return [_said(person, one, one == matter, choice, how, now) for one in (matter, *unwanted)]
    kept = [one for one in topics if choice.wanted[one]]
    if all(topic == NIGHT for _, _, topic in kept):
        kept = []  # there is nothing left to hear about by night
    # a moment earlier, because of rows at one instant the withdrawal is counted last
    end = _said(person, matter, False, choice, how, now - _INSTANT if kept else now)
    return [end, *(_said(person, one, True, choice, how, now) for one in kept)]


def _goes_with_the_rest(person: Standing, matter: Matter) -> bool:
    state = person.topics.get(matter)
    return state is None or state.says_nothing_yet


def leaving_all(
    person: Standing, purposes: Sequence[Purpose], wording: str, how: How, now: datetime
) -> list[ConsentChange]:
    """A no to these purposes on every channel that reaches the person or that something was said about.

    Also where nothing was said: what some laws accept in place of a consent is then no more either.
    """
    about = {(channel, purpose, "") for channel in Channel for purpose in purposes if person.profile.address(channel)}
    about |= {(channel, purpose, "") for channel, purpose in person.general if purpose in purposes}
    about |= {(channel, purpose, "") for channel, purpose, _ in person.topics if purpose in purposes}
    choice = Choice({}, {}, dict.fromkeys(about, wording))
    return [
        _said(person, matter, False, choice, how, now) for matter in sorted(about) if _can_be_withdrawn(person, matter)
    ]


def _can_be_withdrawn(person: Standing, matter: Matter) -> bool:
    state = person.general.get(matter[:2])
    topics = any(one.granted for about, one in person.topics.items() if about[:2] == matter[:2])
    return topics or state is None or state.status != "withdrawn"


def _said(person: Standing, matter: Matter, yes: bool, choice: Choice, how: How, now: datetime) -> ConsentChange:
    channel, purpose, topic = matter
    return ConsentChange(
        person.profile.external_id,
        channel,
        purpose,
        ConsentAction.GRANTED if yes else ConsentAction.WITHDRAWN,
        now,
        how.source,
        topic=topic,
        wording=choice.wording.get(matter, ""),
        wording_version=how.wording_version,
        locale=how.locale,
        ip=how.ip,
        user_agent=how.user_agent,
    )


def record(
    connection: Connection,
    person: Standing,
    said: Sequence[ConsentChange],
    *,
    now: datetime,
    hasher: AddressHasher,
) -> list[str]:
    """Write what one person said; the ids of the rows. The caller has locked them."""
    journal = Journal(now)
    owners = {person.profile.external_id: person.profile.id}
    written = recording.record(connection, said, owners, now=now, hasher=hasher, journal=journal)
    journal.write(connection)
    return written


def prefer(
    connection: Connection,
    person: Standing,
    chosen: Preferences,
    *,
    locale: str | None = None,
    source: str,
    now: datetime,
    entropy: Entropy,
) -> bool:
    """Write a pause, how often, or the language; whether anything is other than before. The caller has locked them."""
    before = person.preferences
    told: dict[str, str] = {}
    if chosen.paused_until != before.paused_until:
        told["pause"] = "until" if chosen.paused_until is not None else "over"
        if chosen.paused_until is not None:
            told["paused_until"] = chosen.paused_until.isoformat()
    if (chosen.at_most, chosen.per_days) != (before.at_most, before.per_days):
        told["frequency"] = f"{chosen.at_most} in {chosen.per_days} days" if chosen.at_most is not None else "as usual"
    if told:
        preferences.save(connection, {person.profile.id: chosen}, now=now)
    if locale is not None and locale != person.profile.locale:
        told["language"] = locale
        change = ProfileChange(person.profile.external_id, locale=locale)
        people.identify(connection, [change], now=now, entropy=entropy)
    if told:
        journal = Journal(now)
        subject = Subject(profile_id=person.profile.id, occasion=opaque(now, entropy))
        journal.add(
            Decision.PREFERENCES_CHANGED, Reason.ASKED_BY_RECIPIENT, subject, evidence={"source": source, **told}
        )
        journal.write(connection)
    return bool(told)


def paused(chosen: Preferences, until: datetime | None) -> Preferences:
    """These preferences with another pause, or none."""
    return replace(chosen, paused_until=until)
