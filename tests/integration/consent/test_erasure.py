"""After an erasure nothing that is stored says who it was, and no import brings the person back (G8)."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from dangol.batch.replies import Reply
from dangol.consent import confirming, ledger
from dangol.consent.choosing import How
from dangol.consent.filling import Filled, fill_in
from dangol.consent.forms import Registered
from dangol.consent.suppressions import active
from dangol.errors import ErasedProfile, UnknownProfile
from dangol.ids import SeededEntropy
from dangol.ledger import reader
from dangol.ledger.reader import Filter
from dangol.model.forms import ConsentForm
from dangol.model.people import ConsentChange, ProfileChange
from dangol.model.vocabulary import Channel, ConsentAction, Purpose
from dangol.profiles import events
from dangol.proof import reproduce, sending
from dangol.store.tables import consents as consent_rows
from dangol.store.tables import events as event_rows
from dangol.store.tables import metadata, profile_keys, profiles, replies, requests, suppressions
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note

KIM = "kim@example.com"
TEXTS = {"note/email.en.md.j2": "---\nsubject: Hi\npreheader: P\ntitle: T\n---\nDear {{ profile.name }}!\n"}


@pytest.fixture
def known(house: House) -> House:
    """Kim, who got a message, waits for another, and left traces in every room."""
    house.opens_with(
        campaign("thanks", note(), {"wait": "3 days"}, note(ref="later")),
        campaign(
            "carts", {"wait": "1 day"}, note(ref="cart"), entry={"event": "Checkout Started", "key": "event.cart_id"}
        ),
        texts=TEXTS,
    )
    house.knows("kim", "lee", attributes={"name": "Kimberley"})
    house.pipeline.record_consents(
        [
            ConsentChange(
                "kim",
                Channel.EMAIL,
                Purpose.MARKETING,
                ConsentAction.GRANTED,
                house.clock.now(),
                "form:newsletter",
                wording="News?",
                ip="203.0.113.7",
                user_agent="Lynx",
            )
        ]
    )
    house.orders("kim", "lee")
    house.happens("Checkout Started", "kim", cart_id="cart-of-kimberley")
    house.work()
    house.pass_time(timedelta(hours=1))
    with house.database.write() as tx:
        events.reject(
            tx,
            source="api",
            code="invalid_event",
            message="event: expected a text",
            payload=json.dumps({"userId": "kim", "event": 1}),
            now=house.clock.now(),
            entropy=SeededEntropy("r"),
        )
    return house


def everything(house: House) -> str:
    with house.database.read() as tx:
        return "\n".join(
            str(dict(row)) for table in metadata.tables.values() for row in tx.execute(select(table)).mappings()
        )


def test_nothing_that_stays_names_the_person(known: House) -> None:
    traces = [KIM, "Kimberley", "kimberley", "device-kim", known.rows(profiles, external_id="kim")[0].phone]
    traces += ["'kim'", '"kim"', "203.0.113.7"]
    before = everything(known)
    assert [trace for trace in traces[:5] if trace not in before] == []
    known.pipeline.erase("kim", by="lee")
    after = everything(known).replace("lee@example.com", "").replace("device-lee", "")
    lee = known.rows(profiles, external_id="lee")[0]
    assert [trace for trace in traces if trace in after.replace(str(lee.attributes), "")] == []


def test_journeys_end_and_what_waits_is_cancelled(known: House) -> None:
    person, other = known.id_of("kim"), known.id_of("lee")
    done = known.pipeline.erase("kim", by="lee")
    assert (done.journeys, done.events, done.addresses) == (2, 2, 3)
    assert {row.end_reason for row in known.journeys if row.profile_id == person} == {"profile_erased"}
    assert [row.status for row in known.journeys if row.profile_id == other] == ["waiting"]
    sent = len(known.sent)
    known.pass_time(timedelta(days=5))
    assert [address for _, address in known.sent[sent:]] == ["lee@example.com"]


def test_the_log_says_that_and_by_whom(known: House) -> None:
    person = known.id_of("kim")
    known.pipeline.erase("kim", by="lee")
    (entry,) = known.log("data_erased")
    assert (entry.profile_id, entry.campaign_key, entry.reason) == (person, None, "by_hand")
    assert entry.evidence == {"by": "lee", "journeys": 2, "messages": 0, "events": 2, "addresses": 3}
    assert {e.evidence["cause"] for e in known.log("suppression_added")} == {"erased"}


def test_what_was_sent_stays_on_record_and_can_no_longer_be_read(known: House) -> None:
    person = known.id_of("kim")
    with known.database.read() as tx:
        before = reader.history(tx, Filter(profile_id=person))
    known.pipeline.erase("kim", by="lee")
    with known.database.read() as tx:
        entries = reader.history(tx, Filter(profile_id=person))
        assert entries[: len(before)] == before
        handed_over = next(entry for entry in entries if entry.sealed is not None)
        proven = sending(tx, handed_over)
        assert proven is not None
        assert isinstance(reproduce(tx, known.pipeline.releases, proven).obstacle, ErasedProfile)
        assert [row.ip for row in ledger.history(tx, person)] == [None] * 4
        assert "granted" in {row.action for row in ledger.history(tx, person)}


def test_an_import_does_not_bring_them_back(known: House) -> None:
    known.pipeline.erase("kim", by="lee")
    again = ProfileChange("kim", email=KIM)
    assert known.pipeline.identify([again]) == {}
    assert (
        known.pipeline.record_consents(
            [ConsentChange("kim", Channel.EMAIL, Purpose.MARKETING, ConsentAction.GRANTED, known.clock.now(), "form:a")]
        )
        == []
    )
    known.orders("kim")
    assert {row.profile_id for row in known.rows(event_rows)} == {known.id_of("lee")}
    assert len([name for name in known.rows(profiles) if name.external_id.startswith("erased:")]) == 1


def test_their_address_stays_suppressed_under_another_id(known: House) -> None:
    known.pipeline.erase("kim", by="lee")
    known.knows("somebody", email=KIM)
    sent = len(known.sent)
    known.orders("somebody")
    known.work()
    assert known.sent[sent:] == []
    assert ("message_suppressed", "address_suppressed") in known.told()


def test_erasing_again_changes_nothing(known: House) -> None:
    at = known.clock.now()
    known.pipeline.erase("kim", by="lee")
    before = everything(known)
    known.clock.advance(timedelta(hours=1))
    assert known.pipeline.erase("kim", by="lee").before == at
    assert everything(known) == before
    with pytest.raises(UnknownProfile):
        known.pipeline.erase("nobody", by="lee")


def test_who_asked_to_be_erased_is_answered(known: House) -> None:
    person, now = known.id_of("kim"), known.clock.now()
    with known.database.write() as tx:
        tx.execute(
            requests.insert().values(
                id="r1", profile_id=person, kind="erasure", source="page", asked_at=now, due_at=now
            )
        )
    known.pipeline.erase("kim", by="lee")
    (row,) = known.rows(requests)
    assert (row.done_at, row.done_by) == (now, "lee")


def test_the_key_is_destroyed_and_no_other(known: House) -> None:
    person, keys = known.id_of("kim"), len(known.rows(profile_keys))
    known.pipeline.erase("kim", by="lee")
    assert len(known.rows(profile_keys)) == keys - 1
    assert known.rows(profile_keys, profile_id=person) == []
    assert {row.cause for row in known.rows(suppressions)} == {"erased"}


def test_an_export_tells_all_that_is_held_with_the_texts_as_sent(known: House) -> None:
    document = known.pipeline.export("kim", by="lee")
    assert json.loads(json.dumps(document)) == document
    assert document["profile"]["email"] == KIM
    assert {event["name"] for event in document["events"]} == {"Order Completed", "Checkout Started"}
    (sent,) = [message["sent"] for message in document["messages"] if message["sent"]]
    assert (sent["to"], sent["as_sent"]) == (KIM, True)
    assert "Dear Kimberley!" in sent["text"]
    assert any((row["wording"], row["ip"]) == ("News?", "203.0.113.7") for row in document["consents"]["history"])
    assert {state["channel"] for state in document["consents"]["now"]} == {"email", "sms", "push"}
    assert any("sent" in line["in_words"].lower() for line in document["log"])
    assert "lee@example.com" not in json.dumps(document)
    (entry,) = known.log("data_exported")
    assert (entry.profile_id, entry.evidence) == (known.id_of("kim"), {"by": "lee"})


def test_of_the_erased_nothing_is_left_to_export(known: House) -> None:
    known.pipeline.erase("kim", by="lee")
    with pytest.raises(ErasedProfile):
        known.pipeline.export("kim", by="lee")


NEWS = Registered(
    "news",
    1,
    ConsentForm.model_validate(
        {"channels": ["email", "sms"], "wording": {"en": {"title": "News", "text": "You may write to me."}}}
    ),
)


def fills_in(house: House, address: str, channel: Channel = Channel.EMAIL) -> str | None:
    """Somebody fills in the form; the id of the ledger row that asks, None if nothing is to be confirmed."""
    filled = Filled(channel, address, (), False, NEWS.form.wording["en"])
    how = How("form:news", "en", NEWS.name, "198.51.100.9", "Links")
    with house.database.write() as tx:
        asked = fill_in(
            tx, NEWS, [filled], how, now=house.clock.now(), hasher=house.pipeline.hasher, entropy=house.pipeline.entropy
        )
    house.pipeline.ingest(asked)
    return str(asked[0].properties["consent_id"]) if asked else None


def living(house: House, email: str) -> list[str]:
    return [row.external_id for row in house.rows(profiles) if (row.email or "").lower() == email]


def test_who_filled_in_a_form_with_the_same_address_is_erased_with_them(known: House) -> None:
    phone = known.rows(profiles, external_id="kim")[0].phone
    fills_in(known, "KIM@example.com")
    fills_in(known, phone, Channel.SMS)
    fills_in(known, "lee@example.com")
    before = len(known.rows(profile_keys))
    done = known.pipeline.erase("kim", by="lee")
    assert (done.forms, done.addresses, done.events) == (2, 3, 4)
    assert [trace for trace in (KIM, "KIM@example.com", phone) if trace in everything(known)] == []
    assert len(known.rows(profile_keys)) == before - 3
    assert len(living(known, "lee@example.com")) == 2
    first, *others = sorted(known.log("data_erased"), key=lambda entry: "with" in entry.evidence)
    assert first.profile_id == done.profile_id
    assert [entry.evidence["with"] for entry in others] == [done.profile_id] * 2


def test_an_export_tells_what_is_held_by_a_form_under_the_same_address(known: House) -> None:
    consent_id = fills_in(known, KIM)
    fills_in(known, "lee@example.com")
    (form,) = known.pipeline.export("kim", by="lee")["forms"]
    assert form["profile"]["email"] == KIM
    assert [row["id"] for row in form["consents"]["history"]] == [consent_id]
    assert [event["name"] for event in form["events"]] == ["Consent Requested"]
    assert known.pipeline.export(form["profile"]["external_id"], by="lee")["forms"] == []


def test_who_was_erased_and_fills_in_a_form_is_somebody_new_each_time(known: House) -> None:
    people = set()
    for _ in range(3):
        assert fills_in(known, KIM) is not None
        (again,) = {row.id for row in known.rows(profiles) if row.external_id.startswith("form:")}
        people.add(again)
        known.clock.advance(timedelta(minutes=1))
        known.pipeline.erase(next(row.external_id for row in known.rows(profiles) if row.id == again), by="lee")
        assert living(known, KIM) == ["kim"]
    assert len(people) == 3


def test_how_answers_were_understood_is_exported_and_erased(known: House) -> None:
    phone = known.rows(profiles, external_id="kim")[0].phone
    other = known.rows(profiles, external_id="lee")[0].phone
    for number, (sender, text) in enumerate([(phone, "HELP"), (phone, "STOP"), (other, "HELP")]):
        known.pipeline.reply(Reply(Channel.SMS, sender, text, f"SM{number}", known.clock.now()))
        known.clock.advance(timedelta(minutes=1))
    told = known.pipeline.export("kim", by="lee")["replies"]
    assert [(row["address"], row["intent"], row["answer"]) for row in told] == [
        (phone, "help", "help"),
        (phone, "stop", "stopped"),
    ]
    assert "address_hash" not in told[0]
    known.pipeline.erase("kim", by="lee")
    assert [row.intent for row in known.rows(replies)] == ["help"]


ENTRY = {"event": "Consent Requested", "key": "event.consent_id"}
ASKS = campaign("asks", note(), entry=ENTRY, purpose="transactional")


@pytest.fixture
def forgotten(house: House) -> House:
    """Kim was erased, and the shop asks whoever fills in a form to confirm it."""
    house.opens_with(ASKS, campaign("thanks", note())).knows("kim")
    house.pipeline.erase("kim", by="lee")
    house.clock.advance(timedelta(days=1))
    return house


def causes(house: House) -> set[str]:
    """Why Kim's address is left alone now."""
    with house.database.read() as tx:
        hashed = house.pipeline.hasher.hash(Channel.EMAIL, KIM)
        return {one.cause for one in active(tx, [hashed])}


def confirms(house: House, consent_id: str | None) -> None:
    with house.database.write() as tx:
        asked = confirming.asked_for(tx, consent_id or "")
        how = How("page:confirmation")
        hasher, now = house.pipeline.hasher, house.clock.now()
        confirming.confirm(tx, asked, how, now=now, hasher=hasher, was_sent_to=lambda *_: True)


def test_who_was_erased_can_agree_anew_by_a_form_that_they_confirm(forgotten: House) -> None:
    consent_id = fills_in(forgotten, KIM)
    forgotten.work()
    assert [address for _, address in forgotten.sent] == [KIM]
    assert (forgotten.log("message_sending")[-1].evidence["asked"], causes(forgotten)) == (
        "by a form, after an erasure",
        {"erased"},
    )
    forgotten.clock.advance(timedelta(minutes=1))
    confirms(forgotten, consent_id)
    assert causes(forgotten) == set()
    (form,) = living(forgotten, KIM)
    forgotten.orders(form)
    forgotten.work()
    assert [address for _, address in forgotten.sent] == [KIM, KIM]


def test_until_it_is_confirmed_nothing_else_reaches_them(forgotten: House) -> None:
    fills_in(forgotten, KIM)
    (form,) = living(forgotten, KIM)
    forgotten.orders(form)
    forgotten.work()
    assert [address for _, address in forgotten.sent] == [KIM]
    assert forgotten.told().count(("message_suppressed", "address_suppressed")) == 1


def test_what_a_back_end_asks_for_reaches_no_erased_address(forgotten: House) -> None:
    fills_in(forgotten, "lee@example.com")
    forgotten.work()
    forgotten.knows("somebody", email=KIM, agreeing_to=())
    change = ConsentChange(
        "somebody", Channel.EMAIL, Purpose.MARKETING, ConsentAction.REQUESTED, forgotten.clock.now(), "api:form"
    )
    (own,) = forgotten.pipeline.record_consents([change])
    others = {row.id for row in forgotten.rows(consent_rows, source="form:news")}
    for number, consent_id in enumerate([own, *others, "unknown"]):
        told = {"id": f"r{number}", "channel": "email", "purpose": "marketing", "consent_id": consent_id}
        forgotten.happens("Consent Requested", "somebody", **told)
    forgotten.work()
    assert [address for _, address in forgotten.sent] == ["lee@example.com"]


def test_whatever_else_keeps_an_erased_address_away_also_keeps_the_question_away(forgotten: House) -> None:
    forgotten.bounces(Channel.EMAIL, KIM)
    fills_in(forgotten, KIM)
    forgotten.work()
    assert forgotten.sent == []
    assert forgotten.log("message_suppressed")[-1].evidence["cause"] == "hard_bounce"
