"""Messages that can wait go out together: what the carrier took, what the log tells, and what can be proved of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dangol.ledger.reader import Entry
from dangol.model.message import Refused, Unknown
from dangol.model.people import ConsentChange
from dangol.model.vocabulary import Channel, ConsentAction, Control, Purpose
from dangol.proof import Reproduction, reproduce, sending
from dangol.release import Releases
from dangol.steering import Steering
from tests.integration.pipeline.house import House
from tests.integration.pipeline.test_concurrency import all_at_once
from tests.workspaces import campaign, cap, note

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SATURDAY_IN_SEOUL = datetime(2026, 3, 7, 1, tzinfo=UTC)
KIM = "kim@example.com"
DIGESTS = {"weekly": {"template": "digest", "at": "10:00", "days": ["saturday"], "most": 4}}
TOPICS = {key: {"name": {"ko": key, "en": key}} for key in ("jazz", "soul")}
DIGEST = """---
subject: "{{ digest.count }} new things"
preheader: All of this week
title: This week
---
{% for item in digest.items %}
**{{ item.subject }}**: {{ item.preheader }}

{% if item.link is present %}
[Read more]({{ item.link }})
{% endif %}
{% endfor %}
"""
NEWS = """---
subject: News for {{ profile.name }}
preheader: Q & A
title: T
---
It is here.

[See it](https://shop.example/new)
"""
NOTE = {"subject": "A note", "preheader": "P"}


def waiting(message: str = "note", *channels: str, **others: Any) -> dict[str, Any]:
    return {**note(*channels, digest="weekly", **others), "send": message}


def news(key: str = "news", **others: Any) -> dict[str, Any]:
    return campaign(key, waiting("news"), event="Checkout Started", **others)


def opened(house: House, *campaigns: Any, digest: str = DIGEST, **policies: Any) -> House:
    """It is Monday at ten, in Seoul."""
    texts = {"digest/email.en.md.j2": digest, "news/email.en.md.j2": NEWS}
    return house.opens_with(*campaigns, policies={"digests": DIGESTS, "topics": TOPICS, **policies}, texts=texts)


def two_wait(house: House, **policies: Any) -> House:
    """Kim ordered on Monday and looked around later; a note and news wait for Saturday."""
    opened(house, campaign("notes", waiting(), topic="jazz"), news(topic="soul"), **policies).knows("kim").orders("kim")
    house.pass_time(HOUR)
    house.happens("Checkout Started", "kim", value=1)
    return house


def until_saturday(house: House) -> None:
    house.pass_time(SATURDAY_IN_SEOUL - house.clock.now())


def reasons(house: House) -> dict[str, str | None]:
    return {row.campaign_key: row.reason for row in house.messages}


def subjects(house: House) -> list[str]:
    return [envelope.rendered.subject.removeprefix("(광고) ") for envelope in house.carrier.accepted]


def proof_of(house: House, entry: Entry) -> Reproduction:
    with house.database.read() as tx:
        found = sending(tx, entry)
        assert found is not None
        return reproduce(tx, Releases(), found)


def test_three_messages_of_a_week_arrive_as_one_email(house: House) -> None:
    two_wait(house)
    house.orders("kim")
    house.pass_time(5 * DAY - 2 * HOUR)
    assert house.sent == []
    until_saturday(house)
    [email] = house.carrier.accepted
    assert (email.to, email.rendered.subject) == (KIM, "(광고) 3 new things")
    for said in ("A note: P", "News for Kim: Q & A", "Read more: https://shop.example/new"):
        assert said in email.rendered.text
    assert "Q &amp; A" in email.rendered.html
    assert "List-Unsubscribe" in email.headers
    assert [slot.message_id for slot in house.slots] == [email.message_id]
    house.pass_time(8 * DAY)
    assert len(house.sent) == 1


def test_the_log_tells_what_waited_what_carried_it_and_proves_the_email(house: House) -> None:
    until_saturday(two_wait(house))
    planned = house.log("message_planned")
    assert {(one.reason, one.evidence["digest"], one.evidence["due_at"]) for one in planned} == {
        ("gathered", "weekly", SATURDAY_IN_SEOUL.isoformat())
    }
    [carrier], [member] = house.log("message_sending"), house.log("message_suppressed")
    assert (carrier.evidence["digest"], carrier.evidence["merged"]) == ("weekly", [member.message_id])
    assert (member.reason, member.evidence["into"]) == ("merged", carrier.message_id)
    assert "consent" in member.evidence
    assert sorted(house.states) == [("accepted", "accepted_by_provider"), ("suppressed", "merged")]
    for entry in (carrier, member):
        proof = proof_of(house, entry)
        assert proof.matches
        assert proof.rendered == house.carrier.accepted[0].rendered


def test_whoever_is_alone_goes_out_as_itself(house: House) -> None:
    opened(house, campaign("notes", waiting())).knows("kim", "lee").orders("kim", "lee")
    until_saturday(house)
    assert subjects(house) == ["A note", "A note"]
    assert "digest" not in house.log("message_sending")[0].evidence


def test_the_digest_comes_on_the_recipients_own_saturday(house: House) -> None:
    opened(house, campaign("notes", waiting())).knows("kim", timezone="America/New_York", country="US")
    house.orders("kim")
    [row] = house.messages
    assert row.due_at == datetime(2026, 3, 7, 10, tzinfo=ZoneInfo("America/New_York"))


def test_what_would_expire_before_goes_out_alone_at_its_own_time(house: House) -> None:
    opened(house, campaign("notes", waiting(expires_after="2 days"))).knows("kim").orders("kim")
    house.work()
    assert subjects(house) == ["A note"]
    assert house.log("message_planned")[0].reason == "step_reached"


def test_only_the_email_of_several_channels_waits(house: House) -> None:
    step = {**waiting(), "channels": {"all": ["email", "sms"]}}
    opened(house, campaign("notes", step)).knows("kim").orders("kim")
    house.work()
    assert [channel for channel, _ in house.sent] == ["sms"]
    assert [row.digest for row in house.messages if row.channels == "email"] == ["weekly"]


class TestLeftOut:
    """The gate decides about every message by itself."""

    def test_the_topic_of_one_was_left(self, house: House) -> None:
        two_wait(house)
        house.orders("kim")
        change = ConsentChange(
            "kim", Channel.EMAIL, Purpose.MARKETING, ConsentAction.WITHDRAWN, house.clock.now(), "tests", topic="soul"
        )
        house.pipeline.record_consents([change])
        until_saturday(house)
        assert subjects(house) == ["2 new things"]
        assert "News" not in house.carrier.accepted[0].rendered.text
        assert reasons(house)["news"] == "consent_withdrawn"

    def test_the_campaign_of_one_is_paused(self, house: House) -> None:
        two_wait(house)
        Steering(house.pipeline).campaign("news", Control.PAUSE, by="tests")
        until_saturday(house)
        assert subjects(house) == ["A note"]
        assert reasons(house)["news"] == "campaign_paused"

    def test_the_text_of_one_cannot_be_made(self, house: House) -> None:
        opened(house, campaign("notes", waiting()), news()).knows("kim", attributes={}).orders("kim")
        house.happens("Checkout Started", "kim", value=1)
        until_saturday(house)
        assert subjects(house) == ["A note"]
        assert reasons(house)["news"] == "render_failed"

    def test_one_goes_out_on_another_channel(self, house: House) -> None:
        opened(house, campaign("notes", waiting("note", "push", "email")), news()).knows("kim").orders("kim")
        house.happens("Checkout Started", "kim", value=1)
        until_saturday(house)
        assert sorted(channel for channel, _ in house.sent) == ["email", "push"]

    def test_one_is_no_advertising(self, house: House) -> None:
        opened(house, campaign("notes", waiting()), news(purpose="service")).knows("kim").orders("kim")
        house.happens("Checkout Started", "kim", value=1)
        until_saturday(house)
        assert sorted(envelope.rendered.subject for envelope in house.carrier.accepted) == [
            "(광고) A note",
            "News for Kim",
        ]


def test_a_digest_takes_one_room_however_much_it_holds(house: House) -> None:
    until_saturday(two_wait(house, caps=[cap(1)]))
    assert subjects(house) == ["2 new things"]


def test_the_more_important_message_carries_the_others(house: House) -> None:
    opened(house, campaign("notes", waiting()), news(priority=80)).knows("kim").orders("kim")
    house.happens("Checkout Started", "kim", value=1)
    until_saturday(house)
    assert reasons(house) == {"news": "accepted_by_provider", "notes": "merged"}


def test_more_than_one_email_holds_go_out_in_a_second(house: House) -> None:
    opened(house, campaign("notes", waiting())).knows("kim")
    for _ in range(7):
        house.orders("kim")
    until_saturday(house)
    assert subjects(house) == ["4 new things", "3 new things"]
    assert sorted(reason for _, reason in house.states if reason) == ["accepted_by_provider"] * 2 + ["merged"] * 5


def test_workers_at_once_make_one_digest(house: House) -> None:
    two_wait(house)
    house.sleep(SATURDAY_IN_SEOUL - house.clock.now())
    ids = house.sweeper.sweep().messages
    all_at_once(house.pipeline.deliver, [[[message_id]] for message_id in ids] * 3)
    assert subjects(house) == ["2 new things"]


def test_a_text_that_cannot_be_made_gathers_nothing(house: House) -> None:
    """Nobody loses a message over the text around it, and the log says what is wrong with it."""
    broken = DIGEST.replace("All of this week", "For {{ profile.given_name }}")
    opened(house, campaign("notes", waiting()), news(), digest=broken).knows("kim").orders("kim")
    house.happens("Checkout Started", "kim", value=1)
    until_saturday(house)
    assert sorted(subjects(house)) == ["A note", "News for Kim"]
    assert "given_name" in house.log("message_sending")[0].evidence["error"]


class TestBusy:
    """The provider definitely refused the digest: nobody has it."""

    @pytest.fixture
    def busy(self, house: House) -> House:
        house.carrier.script(KIM, Refused(permanent=False, detail="busy"))
        until_saturday(two_wait(house))
        return house

    def test_all_of_it_is_tried_again(self, busy: House) -> None:
        assert busy.states == [("planned", "provider_busy")] * 2
        [member] = [one for one in busy.log("message_retried") if "into" in one.evidence]
        assert member.evidence["until"] == busy.messages[0].due_at.isoformat()
        assert busy.slots == []
        busy.pass_time(HOUR)
        assert subjects(busy) == ["2 new things"]
        assert sorted(busy.states) == [("accepted", "accepted_by_provider"), ("suppressed", "merged")]
        proof = proof_of(busy, busy.log("message_sending")[-1])
        assert proof.matches

    def test_what_was_withdrawn_meanwhile_is_left_out(self, busy: House) -> None:
        busy.withdraws("kim", Channel.EMAIL)
        busy.pass_time(HOUR)
        assert busy.sent == []
        assert [reason for _, reason in busy.states] == ["consent_withdrawn"] * 2

    def test_refused_for_good_the_others_end_with_it(self, house: House) -> None:
        house.carrier.script(KIM, Refused(permanent=True, detail="no such address"))
        until_saturday(two_wait(house))
        assert sorted(house.states) == [("failed", "provider_refused"), ("suppressed", "merged")]

    def test_nobody_is_written_to_again_when_nobody_can_tell(self, house: House) -> None:
        house.carrier.script(KIM, Unknown(detail="no answer"))
        until_saturday(two_wait(house))
        house.pass_time(DAY)
        assert sorted(house.states) == [("suppressed", "merged"), ("unknown", "outcome_unknown")]
