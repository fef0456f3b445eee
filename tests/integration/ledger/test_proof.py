"""What was sent can be made again from the log, byte for byte, and whatever was altered shows (G7, G8)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import delete

from dangol.errors import ErasedProfile, UnknownVersion
from dangol.ledger.reader import Entry, Filter, history
from dangol.ledger.sealing import DamagedEntry
from dangol.model.people import ProfileChange
from dangol.proof import Reproduction, reproduce, sending
from dangol.release import Releases
from dangol.store.tables import blobs, messages, profiles
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note

RECEIPT = {"send": "receipt", "ref": "receipt", "channels": ["email"]}


@pytest.fixture
def sent(house: House) -> Entry:
    """The hand-over of a receipt to Alice."""
    house.opens_with(campaign("shop", RECEIPT)).knows("alice")
    house.orders("alice", order_id="A-1", value=30)
    house.work()
    (entry,) = house.log("message_sending")
    return entry


def reproduced(house: House, entry: Entry) -> Reproduction:
    with house.database.read() as tx:
        return reproduce(tx, Releases(), entry)


def test_the_same_bytes_come_out_again(house: House, sent: Entry) -> None:
    proof = reproduced(house, sent)
    assert (proof.matches, proof.doubtful, proof.address) == (True, False, "alice@example.com")
    assert proof.rendered == house.carrier.accepted[0].rendered
    assert proof.rendered is not None
    assert "Your order A-1" in proof.rendered.subject


@pytest.mark.parametrize("channel", ["email", "sms", "push"])
def test_every_channel_can_be_proven(house: House, channel: str) -> None:
    house.opens_with(campaign("shop", note(channel))).knows("alice")
    house.orders("alice")
    house.work()
    (entry,) = house.log("message_sending")
    assert reproduced(house, entry).matches


def test_later_changes_of_the_person_and_the_workspace_change_nothing(house: House, sent: Entry) -> None:
    house.pipeline.identify([ProfileChange("alice", attributes={"name": "Alicia"}, email="new@example.com")])
    house.opens_with(campaign("shop", note()))
    proof = reproduced(house, sent)
    assert (proof.matches, proof.address) == (True, "alice@example.com")


def test_purged_message_rows_are_not_missed(house: House, sent: Entry) -> None:
    with house.database.write() as tx:
        tx.execute(delete(messages))
    assert reproduced(house, sent).matches


def test_an_altered_text_in_a_version_shows(house: House, sent: Entry) -> None:
    with house.database.write() as tx:
        for row in tx.execute(blobs.select().where(blobs.c.content.contains("You paid"))).all():
            altered = row.content.replace("You paid", "You owe")
            tx.execute(blobs.update().where(blobs.c.hash == row.hash).values(content=altered))
    proof = reproduced(house, sent)
    assert (proof.matches, proof.doubtful) == (False, True)


def test_an_altered_hash_shows(house: House, sent: Entry) -> None:
    proof = reproduced(house, replace(sent, content_hash="0" * 64))
    assert (proof.matches, proof.doubtful) == (False, True)


def test_a_sealed_part_that_was_altered_or_moved_does_not_open(house: House, sent: Entry) -> None:
    assert sent.sealed is not None
    flipped = replace(sent, sealed=bytes([sent.sealed[0] ^ 1]) + sent.sealed[1:])
    moved = replace(sent, id="0" * 26)
    for entry in (flipped, moved):
        proof = reproduced(house, entry)
        assert isinstance(proof.obstacle, DamagedEntry)
        assert (proof.matches, proof.doubtful, proof.rendered, proof.address) == (None, True, None, None)


def test_after_an_erasure_nothing_can_be_read_and_nothing_is_in_doubt(house: House, sent: Entry) -> None:
    house.erases("alice")
    proof = reproduced(house, sent)
    assert isinstance(proof.obstacle, ErasedProfile)
    assert (proof.matches, proof.doubtful, proof.address) == (None, False, None)


def test_the_proof_needs_no_profile_row(house: House, sent: Entry) -> None:
    with house.database.write() as tx:
        tx.execute(profiles.update().values(email=None, attributes={}))
    assert reproduced(house, sent).matches


@pytest.mark.parametrize("altered", [{"version_id": "0" * 64}, {"step": "nowhere"}])
def test_a_version_or_step_that_is_not_there_is_doubtful(house: House, sent: Entry, altered: dict[str, str]) -> None:
    proof = reproduced(house, replace(sent, **altered))
    assert isinstance(proof.obstacle, UnknownVersion)
    assert (proof.matches, proof.doubtful, proof.address) == (None, True, "alice@example.com")


def test_later_entries_of_a_message_lead_to_its_hand_over(house: House, sent: Entry) -> None:
    with house.database.read() as tx:
        entries = {entry.decision: entry for entry in history(tx, Filter(message_id=sent.message_id))}
        assert sending(tx, entries["message_accepted"]) == sent
        assert sending(tx, sent) == sent
        assert sending(tx, entries["message_planned"]) is None
        (entered,) = history(tx, Filter(decision="journey_entered"))
        assert sending(tx, entered) is None
        with pytest.raises(ValueError, match="records no hand-over"):
            reproduce(tx, Releases(), entered)
