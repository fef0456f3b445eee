"""What was done to a text so that its channel can carry it is on record, and the text can be proved as it was sent."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dangol.ledger.reader import Entry
from dangol.proof import reproduce
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note


def handed_over(house: House) -> Entry:
    (entry,) = house.log("message_sending")
    return entry


def proved(house: House, entry: Entry) -> bool | None:
    with house.database.read() as tx:
        return reproduce(tx, house.dangol.releases, entry).matches


@pytest.mark.parametrize(
    ("order_id", "notes"),
    [
        ("A-1", {"rewritten": {"quotes": 2}}),
        ("B" * 60, {"variant": "short"}),
    ],
)
def test_the_log_says_what_was_rewritten_and_which_variant_was_sent(
    house: House, order_id: str, notes: dict[str, object]
) -> None:
    body = "“{{ event.order_id }}” is here. " + "a" * 60
    text = f"---\nsmart: true\nmax_segments: 1\nwhen_longer: short\nshort: It is here.\n---\n{body}"
    house.opens_with(
        campaign("texts", note("sms", ref="text"), purpose="transactional"), texts={"note/sms.en.txt.j2": text}
    ).knows("alice", country="US", phone="+12125550123")
    house.orders("alice", order_id=order_id, value=30)
    house.work()
    entry = handed_over(house)
    assert entry.evidence["text"] == notes
    assert proved(house, entry)


def test_a_text_that_nothing_was_done_to_has_no_such_note(house: House) -> None:
    house.opens_with(campaign("texts", note("sms", ref="text"), purpose="transactional")).knows(
        "alice", country="US", phone="+12125550123"
    )
    house.orders("alice", order_id="A-1", value=30)
    house.work()
    assert "text" not in handed_over(house).evidence


def test_a_text_too_long_for_a_reader_is_a_refusal_with_its_reason(house: House) -> None:
    text = "---\nmax_segments: 1\n---\n{{ event.order_id }}"
    house.opens_with(
        campaign("texts", note("sms", ref="text"), purpose="transactional"), texts={"note/sms.en.txt.j2": text}
    )
    house.knows("alice", "bob")
    house.orders("alice", order_id="A", value=30)
    house.orders("bob", order_id="B" * 200, value=30)
    house.work()
    assert sorted(reason for _, reason in house.states if reason) == ["accepted_by_provider", "content_too_long"]


def test_a_push_reaches_the_carrier_whole_and_can_be_proved(house: House) -> None:
    text = (
        "---\ntitle: Your record is here\nlink: https://dangol.example/o/{{ event.order_id }}\nttl: 4 hours\n"
        "image: https://dangol.example/{{ event.order_id }}.jpg\ncollapse_key: order\nfit: true\n---\n"
        "{{ event.order_id }}"
    )
    house.opens_with(campaign("pushes", note("push", ref="push")), texts={"note/push.en.txt.j2": text}).knows("alice")
    house.orders("alice", order_id="A" * 400, value=30)
    house.work()
    (envelope,) = house.carrier.accepted
    assert envelope.rendered.ttl == timedelta(hours=4)
    assert envelope.rendered.image.endswith(".jpg")
    assert envelope.rendered.collapse_key == "order"
    entry = handed_over(house)
    assert entry.evidence["text"] == {"cut": True}
    assert proved(house, entry)
