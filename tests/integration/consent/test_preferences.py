"""What people chose for themselves is kept, and read for a whole batch at once."""

from __future__ import annotations

from datetime import timedelta

from dangol.clock import VirtualClock
from dangol.consent import preferences
from dangol.ids import SeededEntropy
from dangol.model.people import Preferences, ProfileChange
from dangol.profiles import people
from dangol.store.database import Database


def test_the_latest_choice_stands_and_whoever_chose_nothing_is_left_out(
    database: Database, clock: VirtualClock, entropy: SeededEntropy
) -> None:
    first = Preferences(paused_until=clock.now() + timedelta(days=7))
    then = Preferences(at_most=1, per_days=14)
    with database.write() as tx:
        owners = people.identify(
            tx, [ProfileChange(name) for name in ("alice", "bob")], now=clock.now(), entropy=entropy
        )
        preferences.save(tx, {owners["alice"]: first}, now=clock.now())
        assert preferences.load(tx, sorted(owners.values())) == {owners["alice"]: first}
        preferences.save(tx, {owners["alice"]: then}, now=clock.now())
    with database.read() as tx:
        assert preferences.load(tx, sorted(owners.values())) == {owners["alice"]: then}
