"""Consents of the release before topics: what a state tells is what the fold of its rows tells, as after any change."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection, text

from dangol.consent import ledger
from dangol.consent.folding import fold, holding
from dangol.model.vocabulary import Basis, Channel, Purpose
from dangol.store.database import Database
from dangol.store.types import to_text
from tests.integration.store.conftest import bring_to
from tests.integration.store.earlier import NOW

EMAIL_MARKETING = (Channel.EMAIL, Purpose.MARKETING)


def _said_of_old(tx: Connection, person: str, said: Sequence[tuple[str, int, str, bool]]) -> None:
    """What the release before knew of one person: rows of its ledger, and the last of them as the state."""
    rows = [
        {
            "id": f"{person}-{number:02}",
            "person": person,
            "action": action,
            "basis": basis,
            "wording": "Yes, write to me." if worded else "",
            "at": to_text(NOW + timedelta(days=day)),
        }
        for number, (action, day, basis, worded) in enumerate(said)
    ]
    for row in rows:
        tx.execute(
            text(
                "INSERT INTO consents (id, profile_id, channel, purpose, action, basis, source, wording, occurred_at, "
                "recorded_at) VALUES (:id, :person, 'email', 'marketing', :action, :basis, 'web', :wording, :at, :at)"
            ),
            row,
        )
    last = max(rows, key=lambda row: (row["at"], row["action"] == "withdrawn", row["id"]))
    tx.execute(
        text(
            "INSERT INTO consent_states (profile_id, channel, purpose, granted, consent_id, occurred_at) "
            "VALUES (:person, 'email', 'marketing', :granted, :id, :at)"
        ),
        {"granted": last["action"] == "granted", **{name: last[name] for name in ("person", "id", "at")}},
    )


def test_states_of_the_release_before_tell_what_the_fold_of_their_rows_tells(unmigrated: Database) -> None:
    """Hundreds of pasts: bases and evidence of every strength, withdrawals between, and several at one instant."""
    draws = random.Random(5)
    bases = [basis.value for basis in Basis] + ["contract"]
    bring_to(unmigrated, "0004")
    with unmigrated.write() as tx:
        for number in range(300):
            said = [
                (
                    draws.choice(["granted", "granted", "withdrawn"]),
                    draws.randrange(6),
                    draws.choice(bases),
                    number % 2 == 0 or draws.random() < 0.5,
                )
                for _ in range(draws.randrange(1, 7))
            ]
            _said_of_old(tx, f"P{number:03}", said)
    unmigrated.migrate()
    with unmigrated.read() as tx:
        people = [f"P{number:03}" for number in range(300)]
        told = {one: states[EMAIL_MARKETING] for one, states in ledger.states(tx, people).items()}
        folded = {one: holding(fold(past))[*EMAIL_MARKETING, ""] for one, past in ledger.pasts(tx, people).items()}
    assert told == folded
    assert any(state.granted and state.since != state.confirmed_at for state in told.values())
    assert any(state.granted and state.occurred_at < NOW + timedelta(days=5) for state in told.values())


def test_a_state_without_rows_is_kept_and_proves_nothing(unmigrated: Database) -> None:
    bring_to(unmigrated, "0004")
    at = to_text(NOW)
    with unmigrated.write() as tx:
        tx.execute(
            text(
                "INSERT INTO consent_states (profile_id, channel, purpose, granted, consent_id, occurred_at) "
                "VALUES ('P1', 'email', 'marketing', true, 'C1', :at)"
            ),
            {"at": at},
        )
    unmigrated.migrate()
    with unmigrated.read() as tx:
        state = ledger.states(tx, ["P1"])["P1"][EMAIL_MARKETING]
    assert (state.granted, state.consent_id, state.proven, state.since, state.confirmed_at) == (
        True,
        "C1",
        False,
        NOW,
        NOW,
    )
