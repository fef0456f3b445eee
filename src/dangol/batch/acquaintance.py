"""Reading what must be known of people when their entries into journeys are decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from dangol.consent import ledger as consents
from dangol.expressions import Person
from dangol.model.people import ConsentState, Event, Profile
from dangol.model.vocabulary import Channel, Purpose
from dangol.profiles import events, people
from dangol.release import Release
from dangol.store import journeys as journey_rows
from dangol.triggers.entries import PastEntry


@dataclass(slots=True)
class Acquaintance:
    """What is known of the people in a batch of events. ``entries`` is kept up to date while the batch is decided."""

    profiles: Mapping[str, Profile]
    history: Mapping[str, Sequence[Event]]
    consents: Mapping[str, Mapping[tuple[Channel, Purpose], ConsentState]]
    entries: dict[tuple[str, str], PastEntry]

    def person(self, event: Event) -> Person:
        """The person as of this event: nothing that happened after it is counted."""
        granted = self.consents.get(event.profile_id, {})
        return Person(
            now=event.occurred_at,
            profile=self.profiles[event.profile_id].fields(),
            event=event.properties,
            entry=event.properties,
            history=[past for past in self.history.get(event.profile_id, ()) if past.order <= event.order],
            consents=frozenset(key for key, state in granted.items() if state.granted),
        )


def acquaint(connection: Connection, profile_ids: Sequence[str], releases: Sequence[Release]) -> Acquaintance:
    """Read what these campaigns ask about these people; the caller has locked them."""
    names = frozenset().union(*(release.history_needed for release in releases))
    entries = journey_rows.latest_entries(connection, profile_ids, {release.campaign.key for release in releases})
    return Acquaintance(
        profiles=people.load(connection, profile_ids),
        history=events.history(connection, profile_ids, names) if names else {},
        consents=consents.states(connection, profile_ids),
        entries={pair: PastEntry(*entry) for pair, entry in entries.items()},
    )
