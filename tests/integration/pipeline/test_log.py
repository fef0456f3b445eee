"""The log is complete, holds no personal data that could be read, and proves what was sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest
from sqlalchemy import select

from dangol.ledger import reader
from dangol.ledger.entries import load_keys
from dangol.model.vocabulary import OPEN_STATES, Decision, JourneyStatus, MessageState
from dangol.proof import reproduce
from dangol.store.tables import devices, events, log, profiles
from tests.integration.pipeline.house import House
from tests.integration.pipeline.scenario import CAMPAIGNS, NAMES, play
from tests.workspaces import campaign, note

STATE_AFTER = {
    Decision.MESSAGE_PLANNED: MessageState.PLANNED,
    Decision.MESSAGE_DEFERRED: MessageState.PLANNED,
    Decision.MESSAGE_RETRIED: MessageState.PLANNED,
    Decision.MESSAGE_SENDING: MessageState.SENDING,
    Decision.MESSAGE_ACCEPTED: MessageState.ACCEPTED,
    Decision.MESSAGE_FAILED: MessageState.FAILED,
    Decision.MESSAGE_UNKNOWN: MessageState.UNKNOWN,
    Decision.MESSAGE_SUPPRESSED: MessageState.SUPPRESSED,
    Decision.MESSAGE_EXPIRED: MessageState.EXPIRED,
    Decision.MESSAGE_CANCELLED: MessageState.CANCELLED,
}
"""What a message is after each entry; being rerouted changes no state."""


def fold(entries: Iterable[reader.Entry]) -> list[tuple[MessageState, str]]:
    """The states of one message as its entries tell them, with their reasons."""
    return [
        (STATE_AFTER[Decision(entry.decision)], entry.reason)
        for entry in entries
        if Decision(entry.decision) in STATE_AFTER
    ]


def by_message(house: House) -> dict[str, list[reader.Entry]]:
    grouped: dict[str, list[reader.Entry]] = {}
    for entry in house.log("message"):
        grouped.setdefault(entry.message_id or "", []).append(entry)
    return grouped


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_the_log_tells_all_of_it(house: House, seed: int) -> None:
    play(house, seed)
    every_decision_about_a_message_has_its_entry(house)
    every_trigger_ends_in_one_entry_or_one_refusal_for_each_campaign_it_matches(house)
    every_journey_has_one_beginning_and_one_end(house)
    a_slot_is_held_by_what_was_taken_or_may_have_been(house)


def every_decision_about_a_message_has_its_entry(house: House) -> None:
    told = by_message(house)
    assert told.keys() == {row.id for row in house.messages}
    assert len(told) > 20
    for row in house.messages:
        states = fold(told[row.id])
        assert states[-1] == (row.state, row.reason), row.id
        assert [state for state, _ in states[:-1] if state not in OPEN_STATES | {MessageState.SENDING}] == []
        assert row.state not in OPEN_STATES | {MessageState.SENDING}, "after so long nothing is under way"
        assert Counter(state for state, _ in states)[MessageState.SENDING] == row.attempt


def every_trigger_ends_in_one_entry_or_one_refusal_for_each_campaign_it_matches(house: House) -> None:
    decided = Counter((entry.campaign_key, entry.evidence.get("event")) for entry in house.log("journey_entered"))
    decided += Counter((entry.campaign_key, entry.evidence.get("occasion")) for entry in house.log("journey_refused"))
    opened = {
        (str(one["key"]), row.id)
        for row in house.rows(events)
        for one in CAMPAIGNS
        if one["entry"].get("event") == row.name
        and ("where" not in one["entry"] or row.properties.get("value", 0) > 50)
    }
    assert {pair: count for pair, count in decided.items() if pair[0] != "news"} == dict.fromkeys(opened, 1)


def every_journey_has_one_beginning_and_one_end(house: House) -> None:
    began = Counter(entry.journey_id for entry in house.log("journey_entered"))
    ended = {entry.journey_id: entry.reason for entry in house.log("journey_ended")}
    assert began == {row.id: 1 for row in house.journeys}
    assert len(house.log("journey_ended")) == len(ended)
    assert ended == {row.id: row.end_reason for row in house.journeys if row.status == JourneyStatus.ENDED}


def a_slot_is_held_by_what_was_taken_or_may_have_been(house: House) -> None:
    assert {row.message_id for row in house.slots} == {
        row.id for row in house.messages if row.state in {MessageState.ACCEPTED, MessageState.UNKNOWN}
    }


def personal_data(house: House) -> set[str]:
    found = {word for name in NAMES for word in (name, *name.split())}
    for row in house.rows(profiles):
        found |= {row.email, row.phone, row.external_id}
    return (found | {row.token for row in house.rows(devices)}) - {None}


def readable(house: House) -> str:
    """Everything in the log that can be read without a key."""
    plain = [column for column in log.c if column.name != "sealed"]
    with house.database.read() as tx:
        return "\n".join(str(tuple(row)) for row in tx.execute(select(*plain)))


def test_no_personal_data_can_be_read_in_the_log(house: House) -> None:
    play(house, 1)
    text = readable(house)
    assert [value for value in personal_data(house) if value in text] == []


@pytest.mark.parametrize(
    "line",
    [
        '{{ amount(profile.name, "USD") }}',
        "{{ profile.name + 1 }}",
        "{{ profile.name.nothing }}",
        "{{ profile.name | date }}",
        "[see](https://{{ profile.name }})",
        "{{ profile.name * 10 }}",
    ],
)
def test_what_a_template_makes_of_a_persons_data_is_not_told_in_the_log(house: House, line: str) -> None:
    texts = {"note/sms.en.txt.j2": line + "\n"}
    try:
        house.opens_with(campaign("a", note("sms")), texts=texts)
    except Exception:
        pytest.skip("the check refuses such a template")
    house.knows("kim", attributes={"name": "Aurelia Quist"}).orders("kim")
    house.work()
    assert "Aurelia" not in readable(house)


def test_what_was_sent_is_sealed_under_the_persons_key_and_can_be_made_again(house: House) -> None:
    play(house, 2)
    handed_over = {envelope.message_id: envelope for envelope in house.carrier.handed_over}
    entries = house.log("message_sending")
    with house.database.read() as tx:
        keys = load_keys(tx, [entry.profile_id or "" for entry in entries])
        for entry in entries:
            envelope = handed_over[entry.message_id or ""]
            assert entry.sealed is not None
            assert envelope.to.encode() not in entry.sealed
            assert keys[entry.profile_id or ""].open(entry.id, entry.sealed)["to"]
            made = reproduce(tx, house.dangol.releases, entry)
            assert made.matches is True
    assert entries


def test_only_hand_overs_carry_a_text(house: House) -> None:
    play(house, 3)
    assert {entry.decision for entry in house.log() if entry.sealed is not None} == {"message_sending"}
    assert {entry.decision for entry in house.log() if entry.content_hash is not None} == {"message_sending"}
