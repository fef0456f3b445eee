"""A suppressed address stays so until it is lifted, whoever it belongs to."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from dangol.clock import VirtualClock
from dangol.consent.suppressions import lift, suppress, suppressed
from dangol.ids import SeededEntropy
from dangol.model.people import Suppressed
from dangol.model.vocabulary import Channel
from dangol.store.database import Database
from dangol.store.tables import suppressions

ALICE, BOB = "a" * 64, "b" * 64


def test_the_first_cause_is_told_and_the_same_cause_is_kept_once(
    database: Database, clock: VirtualClock, entropy: SeededEntropy
) -> None:
    for cause in ("bounce", "complaint", "bounce"):
        clock.advance(timedelta(minutes=1))
        with database.write() as connection:
            suppress(
                connection,
                channel=Channel.EMAIL,
                address_hash=ALICE,
                cause=cause,
                source="webhook",
                now=clock.now(),
                entropy=entropy,
            )
    with database.read() as connection:
        assert suppressed(connection, [ALICE, BOB]) == {ALICE: Suppressed("bounce")}
        assert connection.execute(select(func.count()).select_from(suppressions)).scalar_one() == 2


def test_lifting_one_cause_leaves_the_others(database: Database, clock: VirtualClock, entropy: SeededEntropy) -> None:
    with database.write() as connection:
        for cause in ("bounce", "complaint"):
            suppress(
                connection,
                channel=Channel.EMAIL,
                address_hash=ALICE,
                cause=cause,
                source="webhook",
                now=clock.now(),
                entropy=entropy,
            )
        assert lift(connection, address_hash=ALICE, now=clock.now(), cause="bounce") == 1
        assert suppressed(connection, [ALICE]) == {ALICE: Suppressed("complaint")}
        assert lift(connection, address_hash=ALICE, now=clock.now()) == 1
        assert lift(connection, address_hash=ALICE, now=clock.now()) == 0
        assert suppressed(connection, [ALICE]) == {}
